// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// The steps between the products, of a block and of the loss, on a CPU, each in one pass over
// memory where libtorch's operators take several: they are the plain version beside (operators.h,
// rope.h), and what these are tested against.
//
// All tensors are on the CPU, f32 or bf16, with a last dimension of stride 1; inside it is f32,
// rounded once at the end. Nothing is recorded for autograd. The rows are spread over the compute
// threads; how many there are changes no bit.

#ifndef IMPRINT_SERVER_MODEL_FUSED_ROWS_H_
#define IMPRINT_SERVER_MODEL_FUSED_ROWS_H_

#include "ATen/core/TensorBody.h"

namespace imprint::model {

// silu(gate) * up of `gate_up` [rows, 2 * n], gate first; gives [rows, n] of the same dtype.
at::Tensor FusedSwiGlu(const at::Tensor& gate_up);

// Its gradient with respect to gate_up, from `grad` [rows, n].
at::Tensor FusedSwiGluBackward(const at::Tensor& gate_up, const at::Tensor& grad);

// x / rms(x) * weight over the last dimension of `x` [..., n], in the dtype of `weight` [n]. Where
// `reciprocal` is not null it is set to 1 / rms(x), f32 [rows].
at::Tensor FusedRmsNorm(const at::Tensor& x, const at::Tensor& weight, double epsilon,
                        at::Tensor* reciprocal);

// Its gradient with respect to x, in the dtype of x, from `grad`, in that of `weight`.
at::Tensor FusedRmsNormBackward(const at::Tensor& x, const at::Tensor& reciprocal,
                                const at::Tensor& weight, const at::Tensor& grad);

// Rotates `heads` [tokens, n, head_dim] in place by the angles of `cos` and `sin`
// [tokens, 1, head_dim / 2], f32; `back`: the other way.
void FusedRotate(const at::Tensor& heads, const at::Tensor& cos, const at::Tensor& sin, bool back);

// residual + y, in the dtype of `residual`, both contiguous; `overwrite`: into the residual.
at::Tensor FusedAdd(const at::Tensor& residual, const at::Tensor& y, bool overwrite);

// Of each row of `logits` [rows, n] its greatest value, or that of `least` [rows] where this is
// greater, and the sum of e^(value - greatest), to which -inf adds nothing that counts. What is
// not a number is so in the sum.
struct ExpSums {
  at::Tensor greatest;  // [rows], f32
  at::Tensor sum;       // [rows], f64
};
ExpSums FusedExpSums(const at::Tensor& logits, const at::Tensor& least);

// e^(value - greatest) * factor in place of each value of a row; `greatest` and `factor` [rows],
// f32.
void FusedScaledExp(const at::Tensor& logits, const at::Tensor& greatest, const at::Tensor& factor);

}  // namespace imprint::model

#endif  // IMPRINT_SERVER_MODEL_FUSED_ROWS_H_
