// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Segments padded to batches: heads of packed tokens are gathered into
// [count, heads, length, head_dim] for attention, and what comes out is scattered back.
// Gathering repeats keys and values for the query heads that share them, and the prefix's
// for the segments that share it; its gradient sums them up again in a fixed order.

#ifndef IMPRINT_SERVER_MODEL_HEAD_BATCHES_H_
#define IMPRINT_SERVER_MODEL_HEAD_BATCHES_H_

#include <cstdint>
#include <vector>

#include "ATen/core/TensorBody.h"
#include "ATen/core/ivalue.h"
#include "absl/types/span.h"
#include "server/model/attention.h"
#include "server/model/attention_plan.h"
#include "server/model/rope.h"
#include "server/model/weights.h"

namespace imprint::model {

// Immutable; autograd keeps it alive until the backward pass.
class HeadBatches final : public torch::CustomClassHolder {
 public:
  // `angles` of all tokens of the packed batch.
  HeadBatches(const Weights& weights, absl::Span<const Segment> segments, const AttentionPlan& plan,
              int64_t tokens, RopeAngles angles);

  // Attention of all batches; recorded for autograd when `qkv` wants a gradient. `qkv`
  // [tokens, (heads + 2 * kv_heads) * head_dim] is rotated in place first: nobody else
  // may need what it was.
  // Gives [batched tokens, heads * head_dim] in the tokens' order.
  static at::Tensor RotateAndAttend(const c10::intrusive_ptr<HeadBatches>& self,
                                    const at::Tensor& qkv, int64_t sliding_window);
  // The same of heads [tokens, heads + 2 * kv_heads, head_dim] that are rotated.
  at::Tensor Attend(const at::Tensor& heads, int64_t sliding_window) const;

  // Which tokens the rows of the result are; undefined: all.
  const at::Tensor& batched_tokens() const { return batched_tokens_; }

 private:
  struct GatherFunction;
  struct ScatterFunction;

  // Rows are heads of tokens, head_dim wide.
  struct Batch {
    int64_t count = 0;
    int64_t length = 0;
    int64_t past = 0;
    at::Tensor query_rows;    // [count * heads * length], of qkv
    at::Tensor key_rows;      // [count * heads * (past + length)]
    at::Tensor value_rows;    // likewise
    at::Tensor past_rows;     // [2 * kv_heads * past]: keys, then values; undefined: no past
    at::Tensor token_of_row;  // [count * length]; `tokens` for padding
    Visibility visibility;
  };

  // Indices for the backward pass, collected batch by batch.
  struct Places {
    std::vector<int64_t> row_of_token;     // of the padded rows of all batches; -1: none
    std::vector<int64_t> grad_of_qkv_row;  // of the gradients of all batches
    int64_t rows = 0;
    int64_t grads = 0;
  };

  void AddBatch(const Weights& weights, absl::Span<const Segment> segments,
                const PlannedBatch& planned, const Past& past, Places& places);
  at::Tensor Indices(const std::vector<int64_t>& values) const;

  at::Tensor Rotatable(const at::Tensor& heads) const;
  // Query, key and value of each batch.
  std::vector<at::Tensor> Gather(const at::Tensor& heads) const;
  at::Tensor GatherBackward(const std::vector<at::Tensor>& grads) const;
  at::Tensor Scatter(at::TensorList outs) const;
  std::vector<at::Tensor> ScatterBackward(const at::Tensor& grad) const;

  const at::Device device_;
  const int64_t tokens_;
  const int64_t heads_;
  const int64_t kv_heads_;
  const int64_t head_dim_;
  const RopeAngles angles_;
  std::vector<Batch> batches_;
  at::Tensor batched_tokens_;
  at::Tensor row_of_token_;  // undefined: the padded rows are the tokens, in order
  at::Tensor grad_of_qkv_row_;
};

}  // namespace imprint::model

#endif  // IMPRINT_SERVER_MODEL_HEAD_BATCHES_H_
