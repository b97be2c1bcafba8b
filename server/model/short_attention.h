// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Attention with a gradient made for many short runs of tokens, as target sentences are.
//
// libtorch's own gradient on the CPU is made for long ones: it multiplies block by block and
// head by head. Here each product is one of all heads, and the scores of all are in memory.

#ifndef IMPRINT_SERVER_MODEL_SHORT_ATTENTION_H_
#define IMPRINT_SERVER_MODEL_SHORT_ATTENTION_H_

#include <cstdint>

#include "ATen/core/TensorBody.h"

namespace imprint::model {

// Scores of all heads, queries and keys that are held in memory at once, in f32 and a few
// copies, by each thread that computes a gradient.
inline constexpr int64_t kMostScores = int64_t{1} << 22;

// Whether autograd is to record this attention on a CPU, and its scores are not more than that;
// else at::scaled_dot_product_attention is the way.
bool IsShortAttention(const at::Tensor& query, const at::Tensor& key);

// Shapes as in Visibility::Attend. `mask` [length, past + length] is added to the scores;
// undefined: each query sees the keys up to its own, of equally many.
//
// Source of the gradient: Dao et al., "FlashAttention", arXiv 2205.14135, appendix B.2.
at::Tensor ShortAttention(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                          const at::Tensor& mask);

}  // namespace imprint::model

#endif  // IMPRINT_SERVER_MODEL_SHORT_ATTENTION_H_
