// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef IMPRINT_SERVER_MODEL_MULTIPLY_H_
#define IMPRINT_SERVER_MODEL_MULTIPLY_H_

#include "ATen/core/TensorBody.h"

namespace imprint::model {

// x W^T + bias, contiguous; x [tokens, in], W [out, in] of any strides, bias [out] or
// undefined, all of one dtype and device. Not recorded for autograd. Any thread;
// on a CPU on its Team where it has one.
at::Tensor Multiply(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias = {});

// Whether Multiply(x, ...) is faster than a product of at:: that also adds something.
bool MultipliesApart(const at::Tensor& x);

}  // namespace imprint::model

#endif  // IMPRINT_SERVER_MODEL_MULTIPLY_H_
