// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Scaled dot-product attention of queries that follow on a past.

#ifndef IMPRINT_SERVER_MODEL_ATTENTION_H_
#define IMPRINT_SERVER_MODEL_ATTENTION_H_

#include <cstdint>
#include <map>

#include "ATen/core/TensorBody.h"
#include "server/model/config.h"
#include "server/model/device.h"

namespace imprint::model {

// Which keys each of `length` queries may see, that come after `past` tokens: all up to
// itself, and within a layer's sliding window. Masks are made once for all layers, and
// only where neither causal order nor a shorter run of keys says the same.
class Visibility {
 public:
  Visibility(const ModelConfig& config, const Placement& placement, int64_t length, int64_t past);

  // query [n, heads, length, head_dim]; key and value [n, heads, past + length, head_dim];
  // gives [n, heads, length, head_dim]. A single query may have several rows, which all
  // see the same. Recorded for autograd where gradients are on.
  //
  // Source: Vaswani et al., "Attention Is All You Need", arXiv 1706.03762, equation 1.
  at::Tensor Attend(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                    int64_t sliding_window) const;

 private:
  // 0 where the window hides nothing.
  int64_t EffectiveWindow(int64_t sliding_window) const;

  int64_t length_;
  int64_t past_;
  // Added to the scores, [length, past + length], by effective window.
  std::map<int64_t, at::Tensor> masks_;
};

}  // namespace imprint::model

#endif  // IMPRINT_SERVER_MODEL_ATTENTION_H_
