// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// The k largest values of each row, without sorting the vocabulary.

#ifndef IMPRINT_SERVER_ENGINE_TOP_K_H_
#define IMPRINT_SERVER_ENGINE_TOP_K_H_

#include <cstdint>
#include <vector>

#include "ATen/core/TensorBody.h"

namespace imprint::engine {

struct TopKRow {
  std::vector<int32_t> ids;
  std::vector<float> values;  // largest first; of equal ones the smaller id first
};

// Of one row in the host's memory; k is brought into [1, vocab].
TopKRow TopKOfRow(const float* row, int64_t vocab, int64_t k);

// `logits` [rows, vocab] in f32 on any device; k is brought into [1, vocab].
std::vector<TopKRow> TopK(const at::Tensor& logits, int64_t k);

// The place of the largest value of each row; of equal ones the first.
std::vector<int32_t> ArgMax(const at::Tensor& logits);

}  // namespace imprint::engine

#endif  // IMPRINT_SERVER_ENGINE_TOP_K_H_
