// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Puts target sentences into batches: which sentences go together, and how one batch
// becomes a packed row of tokens in which a prefix that several prompts share (a system
// prompt, a question with several answers) is computed once.

#ifndef IMPRINT_SERVER_UPDATE_PACKER_H_
#define IMPRINT_SERVER_UPDATE_PACKER_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "c10/core/Device.h"
#include "server/model/network.h"

namespace imprint::update {

// A prompt and the tokens that are to be learned after it; neither is empty. Views.
struct PackItem {
  absl::Span<const int32_t> prompt;
  absl::Span<const int32_t> target;
};

struct PackedBatch {
  std::vector<int32_t> tokens;
  std::vector<model::Segment> segments;
  // For each target token, item by item in the order given, the row of the batch whose
  // hidden state predicts it. No two are equal.
  std::vector<int64_t> target_rows;
  // The segment in which each item ends; its prefixes hold what comes before.
  std::vector<int> item_segments;
  // Of `tokens`, so many at the end are padding.
  int64_t padding = 0;
};

// A shared prefix shorter than this is computed again rather than made a segment of its
// own, which has a cost too.
inline constexpr int64_t kMinSharedPrefix = 8;

// Tokens of a batch that is computed on a CPU are a multiple of this.
inline constexpr int64_t kPaddedMultiple = 16;

// Prompts and targets, less each last target token, which predicts nothing. Prefixes are
// shared among the prompts, each less its last token: that one predicts, and belongs to
// its own item's segment.
PackedBatch Pack(const std::vector<PackItem>& items);

// Appends tokens that nothing depends on until the batch has a multiple of `multiple` of them:
// libraries that generate code for each shape of a product then meet few. They lengthen the last
// segment, or are one of their own where a sequence would become longer than any is.
void PadTokens(int64_t multiple, PackedBatch& batch);
// As PadTokens for what computes on `device`: on a CPU oneDNN generates such code.
void PadForDevice(at::Device device, PackedBatch& batch);

// What one step, or a part of it, trains on: indices into the lists given.
struct BatchPlan {
  std::vector<size_t> targets;
  std::vector<size_t> retention;
};

// Deals `targets` and `retention` in their order into as few batches of about `batch_tokens`
// packed tokens as hold them, all of about the same number of target tokens and of
// retention tokens, so that every step weighs new against old alike. One item may be
// longer than `batch_tokens`.
std::vector<BatchPlan> PlanBatches(const std::vector<PackItem>& targets,
                                   const std::vector<PackItem>& retention, int64_t batch_tokens);

// Deals one batch into up to `count` parts of about the same number of tokens, none empty, to be
// computed side by side.
std::vector<BatchPlan> SplitBatch(const std::vector<PackItem>& targets,
                                  const std::vector<PackItem>& retention, int64_t count);

}  // namespace imprint::update

#endif  // IMPRINT_SERVER_UPDATE_PACKER_H_
