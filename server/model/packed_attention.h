// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Attention over a packed batch, layer by layer: segments in padded batches, the new tokens
// of running sequences in one pass, the others one by one without copying what they attend to.

#ifndef IMPRINT_SERVER_MODEL_PACKED_ATTENTION_H_
#define IMPRINT_SERVER_MODEL_PACKED_ATTENTION_H_

#include <cstdint>
#include <vector>

#include "ATen/core/TensorBody.h"
#include "absl/types/span.h"
#include "server/model/attention.h"
#include "server/model/attention_plan.h"
#include "server/model/head_batches.h"
#include "server/model/kv_cache.h"
#include "server/model/network.h"
#include "server/model/rope.h"
#include "server/model/weights.h"

namespace imprint::model {

// One Forward makes one. The weights and the caches outlive it; what backward needs
// outlives it by itself.
class PackedAttention {
 public:
  // Makes room in the segments' caches. `with_grad`: gradients may flow through Run.
  PackedAttention(const Weights& weights, int64_t tokens, absl::Span<const Segment> segments,
                  bool with_grad);

  // Query, key and value heads of a token lie behind one another in a row of `qkv`
  // [tokens, (heads + 2 * kv_heads) * head_dim]. It is overwritten: queries and keys are
  // rotated in place. Appends to the caches. Gives [tokens, heads * head_dim].
  at::Tensor Run(int64_t layer, const at::Tensor& qkv);
  // Makes what Run appended part of the caches; once, after the last layer. Until then an
  // exception leaves the caches as they were.
  void AdvanceCaches();

 private:
  // A segment that is computed alone.
  struct Single {
    Segment segment;
    Past past;
    Visibility visibility;
  };

  PackedAttention(const Weights& weights, int64_t tokens, absl::Span<const Segment> segments,
                  const AttentionPlan& plan);

  // Attention of the new tokens of running sequences, likewise.
  void RunDecodes(int64_t layer, const at::Tensor& heads, const at::Tensor& out) const;
  // Attention of one segment over `heads` [tokens, heads + 2 * kv_heads, head_dim],
  // into its rows of `out` [tokens, heads * head_dim].
  void RunSingle(const Single& single, int64_t layer, const at::Tensor& heads,
                 const at::Tensor& out) const;
  // Keys, then values [2 * kv_heads, past + length, head_dim] that the segment attends to.
  at::Tensor Collect(const Single& single, int64_t layer, const at::Tensor& heads) const;

  const ModelConfig& config_;
  const int64_t tokens_;
  const RopeAngles angles_;
  const std::vector<Segment> segments_;
  std::vector<Segment> decodes_;  // one token each, after a cache, on the CPU
  std::vector<Single> singles_;
  c10::intrusive_ptr<HeadBatches> batches_;  // null: none
};

}  // namespace imprint::model

#endif  // IMPRINT_SERVER_MODEL_PACKED_ATTENTION_H_
