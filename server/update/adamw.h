// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// The optimiser: AdamW over a list of f32 tensors.
//
// Source: Loshchilov and Hutter, "Decoupled Weight Decay Regularization",
// arXiv 1711.05101, algorithm 2.

#ifndef IMPRINT_SERVER_UPDATE_ADAMW_H_
#define IMPRINT_SERVER_UPDATE_ADAMW_H_

#include <cstdint>
#include <vector>

#include "ATen/core/TensorBody.h"

namespace imprint::update {

struct AdamWOptions {
  double beta1 = 0.9;
  double beta2 = 0.95;
  double epsilon = 1e-8;
  double weight_decay = 0;
};

// Not thread-safe. Deterministic: each element is computed alone.
class AdamW {
 public:
  // `parameters` are leaves that require gradients; they are changed in place by Step.
  AdamW(const AdamWOptions& options, std::vector<at::Tensor> parameters);

  // One for each parameter, in their order; undefined: none.
  void SetGradients(const std::vector<at::Tensor>& gradients);
  // The Euclidean norm over all gradients. Not finite where any of them is not.
  double GradientNorm() const;
  // One step with the gradients divided by `gradient_divisor` (for clipping). A parameter
  // without a gradient keeps its value and its moments.
  void Step(double learning_rate, double gradient_divisor = 1);
  // Drops all gradients.
  void ZeroGradients();

  // Bytes that gradients and moments take for parameters of this many elements.
  static int64_t StateBytes(int64_t elements) { return 3 * elements * int64_t{sizeof(float)}; }

 private:
  const AdamWOptions options_;
  std::vector<at::Tensor> parameters_;
  std::vector<at::Tensor> first_moments_;
  std::vector<at::Tensor> second_moments_;
  int64_t steps_ = 0;
};

}  // namespace imprint::update

#endif  // IMPRINT_SERVER_UPDATE_ADAMW_H_
