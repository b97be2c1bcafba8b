// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Rotary position embedding.
//
// Source: Su et al., "RoFormer", arXiv 2104.09864; halves are rotated against each other
// as transformers does it, not neighbouring pairs.

#ifndef IMPRINT_SERVER_MODEL_ROPE_H_
#define IMPRINT_SERVER_MODEL_ROPE_H_

#include <vector>

#include "ATen/core/TensorBody.h"
#include "absl/types/span.h"
#include "server/model/config.h"
#include "server/model/device.h"
#include "server/model/weights.h"

namespace imprint::model {

// Radians per position of each of the head_dim / 2 pairs, scaled as the config says.
std::vector<float> RopeFrequencies(const ModelConfig& config);

// Fills rope_cos and rope_sin of weights whose config and placement are set.
void FillRopeTables(Weights* weights);

// The angles of some positions; rotates heads by them.
class RopeAngles {
 public:
  // `positions`: one for each token, below the config's max_positions.
  RopeAngles(const Weights& weights, absl::Span<const int64_t> positions);

  // Rotates `heads` [tokens, n, head_dim] in place; `back`: the other way, which is the
  // gradient of the rotation. Not recorded for autograd.
  void Rotate(at::Tensor heads, bool back = false) const;

 private:
  at::Tensor cos_;  // [tokens, 1, head_dim / 2], f32
  at::Tensor sin_;
};

}  // namespace imprint::model

#endif  // IMPRINT_SERVER_MODEL_ROPE_H_
