// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/model/attention.h"

#include <limits>

#include "ATen/ATen.h"
#include "server/model/short_attention.h"

namespace imprint::model {

Visibility::Visibility(const ModelConfig& config, const Placement& placement, int64_t length,
                       int64_t past)
    : length_(length), past_(past) {
  if (length == 1) return;
  for (const int64_t sliding_window : config.sliding_window) {
    const int64_t window = EffectiveWindow(sliding_window);
    if ((window == 0 && past == 0) || masks_.contains(window)) continue;
    const auto index = at::TensorOptions().device(placement.device).dtype(at::kLong);
    const at::Tensor query = at::arange(past, past + length, index).unsqueeze(1);
    const at::Tensor key = at::arange(0, past + length, index);
    at::Tensor hidden = key > query;
    if (window > 0) hidden.logical_or_(key <= query - window);
    masks_[window] = at::zeros({length, past + length}, placement.activations())
                         .masked_fill_(hidden, -std::numeric_limits<double>::infinity());
  }
}

int64_t Visibility::EffectiveWindow(int64_t sliding_window) const {
  return sliding_window >= past_ + length_ ? 0 : sliding_window;
}

at::Tensor Visibility::Attend(const at::Tensor& query, const at::Tensor& key,
                              const at::Tensor& value, int64_t sliding_window) const {
  const int64_t window = EffectiveWindow(sliding_window);
  if (length_ == 1) {
    if (window == 0) return at::scaled_dot_product_attention(query, key, value);
    const int64_t first = past_ + 1 - window;
    return at::scaled_dot_product_attention(query, key.narrow(2, first, window),
                                            value.narrow(2, first, window));
  }
  const auto mask = masks_.find(window);
  if (IsShortAttention(query, key)) {
    return ShortAttention(query, key, value, mask == masks_.end() ? at::Tensor() : mask->second);
  }
  if (mask == masks_.end()) {
    return at::scaled_dot_product_attention(query, key, value, /*attn_mask=*/{}, /*dropout_p=*/0,
                                            /*is_causal=*/true);
  }
  return at::scaled_dot_product_attention(query, key, value, mask->second);
}

}  // namespace imprint::model
