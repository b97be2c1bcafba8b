// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Keys and values of one sequence, layer by layer.

#ifndef IMPRINT_SERVER_MODEL_KV_CACHE_H_
#define IMPRINT_SERVER_MODEL_KV_CACHE_H_

#include <cstdint>
#include <vector>

#include "ATen/core/TensorBody.h"
#include "server/model/weights.h"

namespace imprint::model {

// Grows by doubling up to the model's window. Not thread-safe; one owner.
// It belongs to the weights that filled it: keys of one version mean nothing to another.
class KvCache {
 public:
  // `reserve` tokens are allocated at once.
  KvCache(const ModelConfig& config, const Placement& placement, int64_t reserve);

  KvCache(KvCache&&) = default;
  KvCache& operator=(KvCache&&) = default;

  int64_t length() const { return length_; }
  int64_t capacity() const { return capacity_; }
  // Bytes that one token takes in all layers.
  static int64_t BytesPerToken(const ModelConfig& config, const Placement& placement);

  // A copy of the first `length` tokens with room for `reserve` in all.
  KvCache Fork(int64_t length, int64_t reserve) const;
  // Forgets all tokens from `length` on.
  void Truncate(int64_t length);

 private:
  KvCache() = default;
  friend class PackedAttention;

  // Makes room for `count` more tokens.
  void Reserve(int64_t count);
  // Writes keys and values [count, kv_heads, head_dim] of one layer behind the cached
  // tokens, for which there is room. `length` stays until Advance, after all layers.
  void Append(int64_t layer, const at::Tensor& keys, const at::Tensor& values);
  // The first `length` tokens of a layer, [kv_heads, length, head_dim]; views.
  at::Tensor Keys(int64_t layer, int64_t length) const;
  at::Tensor Values(int64_t layer, int64_t length) const;
  void Advance(int64_t count) { length_ += count; }

  int64_t length_ = 0;
  int64_t capacity_ = 0;
  int64_t max_capacity_ = 0;
  std::vector<at::Tensor> keys_;  // a layer: [kv_heads, capacity, head_dim]
  std::vector<at::Tensor> values_;
};

}  // namespace imprint::model

#endif  // IMPRINT_SERVER_MODEL_KV_CACHE_H_
