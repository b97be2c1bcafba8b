// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/model/head_batches.h"

#include <cstring>
#include <utility>

#include "ATen/ATen.h"
#include "torch/csrc/autograd/custom_function.h"

namespace imprint::model {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

HeadBatches::HeadBatches(const Weights& weights, absl::Span<const Segment> segments,
                         const AttentionPlan& plan, int64_t tokens, RopeAngles angles)
    : device_(weights.placement.device),
      tokens_(tokens),
      heads_(weights.config.heads),
      kv_heads_(weights.config.kv_heads),
      head_dim_(weights.config.head_dim),
      angles_(std::move(angles)) {
  Places places;
  places.row_of_token.assign(static_cast<size_t>(tokens), -1);
  places.grad_of_qkv_row.assign(static_cast<size_t>(tokens * (heads_ + 2 * kv_heads_)), 0);
  for (const PlannedBatch& planned : plan.batches) {
    AddBatch(weights, segments, planned, plan.pasts[static_cast<size_t>(planned.segments[0])],
             places);
  }
  std::vector<int64_t> batched_tokens;
  std::vector<int64_t> rows;
  // Every token has the row of its own number; one that is in no batch has none.
  bool in_order = places.rows == tokens;
  for (int64_t token = 0; token < tokens; ++token) {
    const int64_t row = places.row_of_token[static_cast<size_t>(token)];
    in_order = in_order && row == token;
    if (row < 0) continue;
    batched_tokens.push_back(token);
    rows.push_back(row);
  }
  if (!in_order) row_of_token_ = Indices(rows);
  if (static_cast<int64_t>(rows.size()) < tokens) {
    batched_tokens_ = Indices(batched_tokens);
  } else {
    grad_of_qkv_row_ = Indices(places.grad_of_qkv_row);
  }
}

at::Tensor HeadBatches::Indices(const std::vector<int64_t>& values) const {
  at::Tensor indices = at::empty({static_cast<int64_t>(values.size())},
                                 at::TensorOptions().device(at::kCPU).dtype(at::kLong));
  if (!values.empty()) {
    std::memcpy(indices.data_ptr<int64_t>(), values.data(), values.size() * sizeof(int64_t));
  }
  return indices.to(device_);
}

void HeadBatches::AddBatch(const Weights& weights, absl::Span<const Segment> segments,
                           const PlannedBatch& planned, const Past& past, Places& places) {
  const auto count = static_cast<int64_t>(planned.segments.size());
  const int64_t length = planned.length;
  const int64_t all = past.length + length;
  const int64_t width = heads_ + 2 * kv_heads_;
  const int64_t group = heads_ / kv_heads_;
  std::vector<int64_t> past_tokens;
  for (const TokenRun& run : past.runs) {
    for (int64_t i = 0; i < run.length; ++i) past_tokens.push_back(run.begin + i);
  }

  std::vector<int64_t> query_rows(static_cast<size_t>(count * heads_ * length));
  std::vector<int64_t> key_rows(static_cast<size_t>(count * heads_ * all));
  std::vector<int64_t> token_of_row(static_cast<size_t>(count * length), tokens_);
  const int64_t key_grads = places.grads + count * heads_ * length;
  const int64_t value_grads = key_grads + count * kv_heads_ * all;
  for (int64_t n = 0; n < count; ++n) {
    const Segment& segment =
        segments[static_cast<size_t>(planned.segments[static_cast<size_t>(n)])];
    // Padding repeats the segment's first token; its keys come after all that is looked at.
    const auto token_at = [&](int64_t i) { return segment.begin + (i < segment.length ? i : 0); };
    for (int64_t head = 0; head < heads_; ++head) {
      const int64_t kv_head = heads_ + head / group;
      int64_t* queries = &query_rows[static_cast<size_t>((n * heads_ + head) * length)];
      int64_t* keys = &key_rows[static_cast<size_t>((n * heads_ + head) * all)];
      for (int64_t i = 0; i < length; ++i) queries[i] = token_at(i) * width + head;
      for (const int64_t token : past_tokens) *keys++ = token * width + kv_head;
      for (int64_t i = 0; i < length; ++i) *keys++ = token_at(i) * width + kv_head;
    }
    for (int64_t i = 0; i < segment.length; ++i) {
      const int64_t token = segment.begin + i;
      token_of_row[static_cast<size_t>(n * length + i)] = token;
      places.row_of_token[static_cast<size_t>(token)] = places.rows + n * length + i;
      int64_t* grads = &places.grad_of_qkv_row[static_cast<size_t>(token * width)];
      for (int64_t head = 0; head < heads_; ++head) {
        *grads++ = places.grads + (n * heads_ + head) * length + i;
      }
      for (const int64_t first : {key_grads, value_grads}) {
        for (int64_t head = 0; head < kv_heads_; ++head) {
          *grads++ = first + (n * kv_heads_ + head) * all + past.length + i;
        }
      }
    }
  }
  places.rows += count * length;
  places.grads = value_grads + count * kv_heads_ * all;

  std::vector<int64_t> past_rows;
  for (const int64_t first : {heads_, heads_ + kv_heads_}) {
    for (int64_t head = 0; head < kv_heads_; ++head) {
      for (const int64_t token : past_tokens) past_rows.push_back(token * width + first + head);
    }
  }
  const at::Tensor keys = Indices(key_rows);
  batches_.push_back({count, length, past.length, Indices(query_rows), keys, keys + kv_heads_,
                      past_rows.empty() ? at::Tensor() : Indices(past_rows), Indices(token_of_row),
                      Visibility(weights.config, weights.placement, length, past.length)});
}

at::Tensor HeadBatches::Rotatable(const at::Tensor& heads) const {
  return heads.narrow(1, 0, heads_ + kv_heads_);
}

std::vector<at::Tensor> HeadBatches::Gather(const at::Tensor& heads) const {
  const at::Tensor rows = heads.view({-1, head_dim_});
  std::vector<at::Tensor> gathered;
  for (const Batch& batch : batches_) {
    for (const at::Tensor* indices : {&batch.query_rows, &batch.key_rows, &batch.value_rows}) {
      gathered.push_back(
          at::_unsafe_view(rows.index_select(0, *indices), {batch.count, heads_, -1, head_dim_}));
    }
  }
  return gathered;
}

at::Tensor HeadBatches::GatherBackward(const std::vector<at::Tensor>& grads) const {
  const int64_t group = heads_ / kv_heads_;
  std::vector<at::Tensor> rows;
  std::vector<at::Tensor> past_grads;
  for (size_t i = 0; i < batches_.size(); ++i) {
    const Batch& batch = batches_[i];
    rows.push_back(grads[3 * i].reshape({-1, head_dim_}));
    std::vector<at::Tensor> of_past;
    for (size_t side = 1; side <= 2; ++side) {
      at::Tensor grad = grads[3 * i + side];  // [count, heads, all, head_dim]
      if (group > 1) {
        grad = grad.reshape({batch.count, kv_heads_, group, -1, head_dim_}).sum(2);
      }
      rows.push_back(grad.reshape({-1, head_dim_}));
      if (batch.past > 0) {
        of_past.push_back(grad.narrow(2, 0, batch.past).sum(0).view({-1, head_dim_}));
      }
    }
    past_grads.push_back(of_past.empty() ? at::Tensor() : at::cat(of_past));
  }
  at::Tensor grad = at::cat(rows).index_select(0, grad_of_qkv_row_);
  for (size_t i = 0; i < batches_.size(); ++i) {
    if (past_grads[i].defined()) grad.index_add_(0, batches_[i].past_rows, past_grads[i]);
  }
  grad = grad.view({tokens_, -1, head_dim_});
  angles_.Rotate(Rotatable(grad), /*back=*/true);
  return grad.view({tokens_, -1});
}

at::Tensor HeadBatches::Scatter(at::TensorList outs) const {
  std::vector<at::Tensor> rows;
  for (const at::Tensor& out : outs) {
    rows.push_back(out.transpose(1, 2).reshape({-1, heads_ * head_dim_}));
  }
  const at::Tensor all = rows.size() == 1 ? rows[0] : at::cat(rows);
  return row_of_token_.defined() ? all.index_select(0, row_of_token_) : all;
}

std::vector<at::Tensor> HeadBatches::ScatterBackward(const at::Tensor& grad) const {
  // One more row, of zeros, is what padding gets.
  const at::Tensor padded =
      row_of_token_.defined() ? at::constant_pad_nd(grad, {0, 0, 0, 1}) : grad;
  std::vector<at::Tensor> grads;
  int64_t begin = 0;
  for (const Batch& batch : batches_) {
    const int64_t count = batch.count * batch.length;
    const at::Tensor rows = row_of_token_.defined() ? padded.index_select(0, batch.token_of_row)
                                                    : padded.narrow(0, begin, count);
    begin += count;
    grads.push_back(rows.reshape({batch.count, batch.length, heads_, head_dim_}).transpose(1, 2));
  }
  return grads;
}

struct HeadBatches::GatherFunction : torch::autograd::Function<GatherFunction> {
  static variable_list forward(AutogradContext* context, const at::Tensor& qkv,
                               const c10::intrusive_ptr<HeadBatches>& self) {
    context->saved_data["self"] = c10::IValue::make_capsule(self);
    const at::Tensor heads = qkv.view({self->tokens_, -1, self->head_dim_});
    // In place, and unknown to autograd: the map that made `qkv` does not need it.
    self->angles_.Rotate(self->Rotatable(heads));
    return self->Gather(heads);
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const auto capsule = context->saved_data["self"].toCapsule();
    return {static_cast<const HeadBatches*>(capsule.get())->GatherBackward(grads), {}};
  }
};

struct HeadBatches::ScatterFunction : torch::autograd::Function<ScatterFunction> {
  static at::Tensor forward(AutogradContext* context, at::TensorList outs,
                            const c10::intrusive_ptr<HeadBatches>& self) {
    context->saved_data["self"] = c10::IValue::make_capsule(self);
    return self->Scatter(outs);
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const auto capsule = context->saved_data["self"].toCapsule();
    variable_list result =
        static_cast<const HeadBatches*>(capsule.get())->ScatterBackward(grads[0]);
    result.emplace_back();
    return result;
  }
};

at::Tensor HeadBatches::RotateAndAttend(const c10::intrusive_ptr<HeadBatches>& self,
                                        const at::Tensor& qkv, int64_t sliding_window) {
  const variable_list gathered = GatherFunction::apply(qkv, self);
  std::vector<at::Tensor> outs;
  for (size_t i = 0; i < self->batches_.size(); ++i) {
    outs.push_back(self->batches_[i].visibility.Attend(gathered[3 * i], gathered[3 * i + 1],
                                                       gathered[3 * i + 2], sliding_window));
  }
  return ScatterFunction::apply(at::TensorList(outs), self);
}

at::Tensor HeadBatches::Attend(const at::Tensor& heads, int64_t sliding_window) const {
  const std::vector<at::Tensor> gathered = Gather(heads);
  std::vector<at::Tensor> outs;
  for (size_t i = 0; i < batches_.size(); ++i) {
    outs.push_back(batches_[i].visibility.Attend(gathered[3 * i], gathered[3 * i + 1],
                                                 gathered[3 * i + 2], sliding_window));
  }
  return Scatter(outs);
}

}  // namespace imprint::model
