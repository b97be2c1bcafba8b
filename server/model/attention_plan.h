// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Works out, once for all layers, what each segment of a packed batch attends to, and
// which segments are computed together.

#ifndef IMPRINT_SERVER_MODEL_ATTENTION_PLAN_H_
#define IMPRINT_SERVER_MODEL_ATTENTION_PLAN_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "server/model/kv_cache.h"
#include "server/model/network.h"

namespace imprint::model {

// Tokens of the packed batch.
struct TokenRun {
  int64_t begin = 0;
  int64_t length = 0;
};

// What comes before a segment: the first `root_length` tokens of a cache (its own, or
// that of the first segment in its chain of prefixes), then `runs`.
struct Past {
  int64_t length = 0;  // in all
  const KvCache* root_cache = nullptr;
  int64_t root_length = 0;
  std::vector<TokenRun> runs;
};

// Segments with the same past, to be padded to one length.
struct PlannedBatch {
  std::vector<int> segments;
  int64_t length = 0;  // of the longest; with gradients on to a multiple of eight
};

struct AttentionPlan {
  std::vector<Past> pasts;  // one for each segment
  // Every segment is in one of the two.
  std::vector<int> singles;
  std::vector<PlannedBatch> batches;
};

// Segments without a cache, their own or of a prefix, can be batched. That pays for many
// short ones; `with_grad` asks for it always, since only batches have gradients.
AttentionPlan PlanAttention(absl::Span<const Segment> segments, bool with_grad);

}  // namespace imprint::model

#endif  // IMPRINT_SERVER_MODEL_ATTENTION_PLAN_H_
