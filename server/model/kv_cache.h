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
  // Writes keys, then values, of `count` tokens of one layer [count, 2 * kv_heads, head_dim]
  // behind the cached ones; there is room. `length` stays until Advance, after all layers.
  void Append(int64_t layer, const at::Tensor& keys_and_values);
  // A view of the first `length` tokens of a layer [2 * kv_heads, length, head_dim].
  at::Tensor KeysAndValues(int64_t layer, int64_t length) const;
  // A whole layer with its free room [2 * kv_heads, capacity, head_dim].
  const at::Tensor& Layer(int64_t layer) const { return layers_[static_cast<size_t>(layer)]; }
  void Advance(int64_t count) { length_ += count; }

  int64_t length_ = 0;
  int64_t capacity_ = 0;
  int64_t max_capacity_ = 0;
  // A layer: [2 * kv_heads, capacity, head_dim], keys before values.
  std::vector<at::Tensor> layers_;
};

}  // namespace imprint::model

#endif  // IMPRINT_SERVER_MODEL_KV_CACHE_H_
