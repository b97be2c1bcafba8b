// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// The network once more, as plainly as it can be written: one sequence, no cache, no
// fused products, attention as a softmax over a full matrix, gradients by autograd. The
// oracle of the fast one.

#ifndef IMPRINT_TESTS_MODEL_REFERENCE_NETWORK_H_
#define IMPRINT_TESTS_MODEL_REFERENCE_NETWORK_H_

#include <cstdint>
#include <vector>

#include "ATen/core/TensorBody.h"
#include "server/model/adapter.h"
#include "server/model/weights.h"

namespace imprint::model {

// hidden [tokens, hidden] after the final norm, in f32. `adapter` may be null.
at::Tensor ReferenceForward(const Weights& weights, const std::vector<int32_t>& tokens,
                            const Adapter* adapter = nullptr);

// |actual - expected| over |expected|, Euclidean norms.
double RelativeError(const at::Tensor& actual, const at::Tensor& expected);

}  // namespace imprint::model

#endif  // IMPRINT_TESTS_MODEL_REFERENCE_NETWORK_H_
