// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/model/packed_attention.h"

#include <utility>

#include "ATen/ATen.h"
#include "ATen/core/grad_mode.h"
#include "server/model/decode_attention.h"

namespace imprint::model {
namespace {

std::vector<int64_t> Positions(absl::Span<const Segment> segments, const AttentionPlan& plan,
                               int64_t tokens) {
  std::vector<int64_t> positions(static_cast<size_t>(tokens), 0);
  for (size_t i = 0; i < segments.size(); ++i) {
    for (int64_t j = 0; j < segments[i].length; ++j) {
      positions[static_cast<size_t>(segments[i].begin + j)] = plan.pasts[i].length + j;
    }
  }
  return positions;
}

}  // namespace

PackedAttention::PackedAttention(const Weights& weights, int64_t tokens,
                                 absl::Span<const Segment> segments, bool with_grad)
    : PackedAttention(weights, tokens, segments, PlanAttention(segments, with_grad)) {}

PackedAttention::PackedAttention(const Weights& weights, int64_t tokens,
                                 absl::Span<const Segment> segments, const AttentionPlan& plan)
    : config_(weights.config),
      tokens_(tokens),
      angles_(weights, Positions(segments, plan, tokens)),
      segments_(segments.begin(), segments.end()) {
  // Room first, so that every view into a cache stays good from the first layer to the last.
  for (const Segment& segment : segments) {
    if (segment.kv_cache != nullptr) segment.kv_cache->Reserve(segment.length);
  }
  for (const int index : plan.singles) {
    const auto i = static_cast<size_t>(index);
    const bool decodes = segments[i].kv_cache != nullptr && segments[i].length == 1;
    if (decodes && weights.placement.device.is_cpu()) {
      decodes_.push_back(segments[i]);
      continue;
    }
    singles_.push_back(
        {segments[i], plan.pasts[i],
         Visibility(weights.config, weights.placement, segments[i].length, plan.pasts[i].length)});
  }
  if (!plan.batches.empty()) {
    batches_ = c10::make_intrusive<HeadBatches>(weights, segments, plan, tokens, angles_);
  }
}

at::Tensor PackedAttention::Run(int64_t layer, const at::Tensor& qkv) {
  const int64_t window = config_.sliding_window[static_cast<size_t>(layer)];
  if (at::GradMode::is_enabled() && qkv.requires_grad()) {
    TORCH_CHECK(decodes_.empty() && singles_.empty() && batches_, "gradients were not announced");
    return HeadBatches::RotateAndAttend(batches_, qkv, window);
  }
  const at::Tensor heads = qkv.view({tokens_, -1, config_.head_dim});
  angles_.Rotate(heads.narrow(1, 0, config_.heads + config_.kv_heads));
  if (decodes_.empty() && singles_.empty()) return batches_->Attend(heads, window);

  at::Tensor out = at::empty({tokens_, config_.heads * config_.head_dim}, qkv.options());
  if (batches_) out.index_copy_(0, batches_->batched_tokens(), batches_->Attend(heads, window));
  if (!decodes_.empty()) RunDecodes(layer, heads, out);
  for (const Single& single : singles_) RunSingle(single, layer, heads, out);
  return out;
}

void PackedAttention::RunDecodes(int64_t layer, const at::Tensor& heads,
                                 const at::Tensor& out) const {
  std::vector<DecodeRow> rows;
  rows.reserve(decodes_.size());
  for (const Segment& segment : decodes_) {
    const KvCache& cache = *segment.kv_cache;
    rows.push_back({segment.begin, cache.Layer(layer), cache.length(),
                    config_.sliding_window[static_cast<size_t>(layer)]});
  }
  AttendDecodes(rows, heads, config_.kv_heads, out);
}

at::Tensor PackedAttention::Collect(const Single& single, int64_t layer,
                                    const at::Tensor& heads) const {
  const auto of_run = [&](int64_t begin, int64_t length) {
    return heads.narrow(0, begin, length).narrow(1, config_.heads, 2 * config_.kv_heads);
  };
  const Segment& segment = single.segment;
  if (segment.kv_cache != nullptr) {
    segment.kv_cache->Append(layer, of_run(segment.begin, segment.length));
    return segment.kv_cache->KeysAndValues(layer, single.past.length + segment.length);
  }
  std::vector<at::Tensor> parts;
  if (single.past.root_cache != nullptr) {
    parts.push_back(single.past.root_cache->KeysAndValues(layer, single.past.root_length));
  }
  for (const TokenRun& run : single.past.runs) {
    parts.push_back(of_run(run.begin, run.length).transpose(0, 1));
  }
  parts.push_back(of_run(segment.begin, segment.length).transpose(0, 1));
  return parts.size() == 1 ? parts[0] : at::cat(parts, 1);
}

void PackedAttention::RunSingle(const Single& single, int64_t layer, const at::Tensor& heads,
                                const at::Tensor& out) const {
  const auto [begin, length] = std::pair(single.segment.begin, single.segment.length);
  const int64_t window = config_.sliding_window[static_cast<size_t>(layer)];
  const int64_t group = config_.heads / config_.kv_heads;
  const at::Tensor both = Collect(single, layer, heads);
  const at::Tensor keys = both.narrow(0, 0, config_.kv_heads);
  const at::Tensor values = both.narrow(0, config_.kv_heads, config_.kv_heads);

  const at::Tensor query = heads.narrow(0, begin, length)
                               .narrow(1, 0, config_.heads)
                               .unflatten(1, {config_.kv_heads, group});
  at::Tensor target =
      out.narrow(0, begin, length).view({length, config_.kv_heads, group, config_.head_dim});
  if (length == 1) {
    // The heads of a group are rows of one query: they see the same keys.
    target.copy_(single.visibility.Attend(query, keys.unsqueeze(0), values.unsqueeze(0), window));
    return;
  }
  // Heads that share keys are [kv_heads, group]: the keys are repeated by a stride of 0.
  const auto repeat = [&](const at::Tensor& shared) {
    return shared.unsqueeze(1).expand({config_.kv_heads, group, shared.size(1), config_.head_dim});
  };
  target.copy_(
      single.visibility.Attend(query.permute({1, 2, 0, 3}), repeat(keys), repeat(values), window)
          .permute({2, 0, 1, 3}));
}

void PackedAttention::AdvanceCaches() {
  for (const Segment& segment : segments_) {
    if (segment.kv_cache != nullptr) segment.kv_cache->Advance(segment.length);
  }
}

}  // namespace imprint::model
