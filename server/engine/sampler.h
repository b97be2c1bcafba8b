// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Chooses the next token of each sequence from its logits.

#ifndef IMPRINT_SERVER_ENGINE_SAMPLER_H_
#define IMPRINT_SERVER_ENGINE_SAMPLER_H_

#include <cstdint>
#include <vector>

#include "ATen/core/TensorBody.h"
#include "absl/types/span.h"
#include "server/engine/request.h"

namespace imprint::engine {

// How one row is sampled. `index` counts the tokens of its sequence: the random number is
// a function of seed and index alone, so a sequence's tokens do not depend on what else is
// in the batch.
struct SampleSpec {
  SamplingOptions options;
  uint64_t index = 0;
};

// Uniform in [0, 1), 53 bits, from a counter (splitmix64, Steele et al. 2014).
double UniformAt(uint64_t seed, uint64_t index);

// One token for each row of `logits_RV` [rows, vocab], f32. In this order, as in
// Hugging Face's generation: temperature; the top_k most likely; of those, renormalised,
// the fewest most likely whose mass reaches top_p; then one by its probability.
std::vector<int32_t> SampleTokens(const at::Tensor& logits_RV, absl::Span<const SampleSpec> specs);

}  // namespace imprint::engine

#endif  // IMPRINT_SERVER_ENGINE_SAMPLER_H_
