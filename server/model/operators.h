// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// The steps of a block besides attention, with gradients written out where training
// needs them: autograd's own would keep three times the activations alive.
//
// Each records itself for autograd when gradients are on and an input wants one;
// otherwise it only computes.

#ifndef IMPRINT_SERVER_MODEL_OPERATORS_H_
#define IMPRINT_SERVER_MODEL_OPERATORS_H_

#include "ATen/core/TensorBody.h"
#include "absl/types/span.h"
#include "server/model/adapter.h"

namespace imprint::model {

// x / rms(x) * weight over the last dimension, in f32 inside, in the dtype of `weight`, which
// is a constant.
//
// Source: Zhang and Sennrich, "Root Mean Square Layer Normalization", arXiv 1910.07467.
at::Tensor RmsNorm(const at::Tensor& x, const at::Tensor& weight, double epsilon);

// silu(gate) * up of `gate_up` [tokens, 2 * n], gate first; gives [tokens, n]. The tensor
// may be overwritten.
//
// Source: Shazeer, "GLU Variants Improve Transformer", arXiv 2002.05202.
at::Tensor SwiGlu(const at::Tensor& gate_up);

// Maps that have one input: weights behind one another in `weight` [out, in], biases in
// `bias` [out] or undefined, both constants, and one trained pair for each map, or none.
struct LinearMaps {
  const at::Tensor& weight;
  const at::Tensor& bias;
  absl::Span<const LowRankPair> pairs;  // at most 3
  double scale = 0;
};

// residual + x W^T + bias + scale * (x A^T) B^T, [tokens, out]. `residual` [tokens, out] may
// be undefined; it may have a finer dtype than x, which is the result's then; without
// gradients it is overwritten with the result. Gradients flow to x, residual and the
// pairs, which stay f32 while products run in x's dtype.
at::Tensor ApplyLinear(const at::Tensor& residual, const at::Tensor& x, const LinearMaps& maps);

}  // namespace imprint::model

#endif  // IMPRINT_SERVER_MODEL_OPERATORS_H_
