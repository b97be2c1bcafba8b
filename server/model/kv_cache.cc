// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/model/kv_cache.h"

#include <algorithm>
#include <utility>

#include "ATen/ATen.h"
#include "ATen/core/grad_mode.h"

namespace imprint::model {
namespace {

constexpr int64_t kLeastCapacity = 16;

// The same tensors with room for `capacity` tokens and the first `length` copied.
std::vector<at::Tensor> CopyInto(const std::vector<at::Tensor>& from, int64_t length,
                                 int64_t capacity) {
  std::vector<at::Tensor> copies;
  copies.reserve(from.size());
  for (const at::Tensor& tensor : from) {
    at::Tensor copy = at::empty({tensor.size(0), capacity, tensor.size(2)}, tensor.options());
    copy.narrow(1, 0, length).copy_(tensor.narrow(1, 0, length));
    copies.push_back(std::move(copy));
  }
  return copies;
}

}  // namespace

KvCache::KvCache(const ModelConfig& config, const Placement& placement, int64_t reserve)
    : capacity_(std::clamp(reserve, std::min(kLeastCapacity, config.max_positions),
                           config.max_positions)),
      max_capacity_(config.max_positions) {
  for (int64_t layer = 0; layer < config.layers; ++layer) {
    layers_.push_back(
        at::empty({2 * config.kv_heads, capacity_, config.head_dim}, placement.activations()));
  }
}

int64_t KvCache::BytesPerToken(const ModelConfig& config, const Placement& placement) {
  return 2 * config.layers * config.kv_heads * config.head_dim *
         static_cast<int64_t>(at::elementSize(placement.compute));
}

KvCache KvCache::Fork(int64_t length, int64_t reserve) const {
  KvCache fork;
  fork.length_ = std::min(length, length_);
  fork.max_capacity_ = max_capacity_;
  fork.capacity_ = std::clamp(std::max(reserve, fork.length_),
                              std::min(kLeastCapacity, max_capacity_), max_capacity_);
  const at::NoGradGuard no_grad;
  fork.layers_ = CopyInto(layers_, fork.length_, fork.capacity_);
  return fork;
}

void KvCache::Truncate(int64_t length) { length_ = std::clamp<int64_t>(length, 0, length_); }

void KvCache::Reserve(int64_t count) {
  const int64_t needed = length_ + count;
  if (needed <= capacity_) return;
  TORCH_CHECK(needed <= max_capacity_, "a sequence of ", needed,
              " tokens is beyond the model's window of ", max_capacity_);
  const int64_t capacity = std::min(std::max(needed, 2 * capacity_), max_capacity_);
  // Without memory for all layers the cache stays as it was.
  layers_ = CopyInto(layers_, length_, capacity);
  capacity_ = capacity;
}

void KvCache::Append(int64_t layer, const at::Tensor& keys_and_values) {
  layers_[static_cast<size_t>(layer)]
      .narrow(1, length_, keys_and_values.size(0))
      .copy_(keys_and_values.transpose(0, 1));
}

at::Tensor KvCache::KeysAndValues(int64_t layer, int64_t length) const {
  return layers_[static_cast<size_t>(layer)].narrow(1, 0, length);
}

}  // namespace imprint::model
