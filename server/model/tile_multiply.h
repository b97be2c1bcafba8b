// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Products on the matrix tiles of processors with AMX.
//
// A library packs the weights into the tiles' order in each product: for a few rows that costs more
// than the product itself. Here the weights are the left side, which the tiles take as it lies in
// memory, and the few activations, of which there is a copy in the tiles' order, the right one.

#ifndef IMPRINT_SERVER_MODEL_TILE_MULTIPLY_H_
#define IMPRINT_SERVER_MODEL_TILE_MULTIPLY_H_

#include "ATen/core/TensorBody.h"

namespace imprint::model {

// Whether TileMultiply takes these weights: an x86 processor with AMX for bf16 whose tiles the
// system lends to this process, bf16 on the CPU, rows that are contiguous, `in` a multiple of 32
// and `out` of 16.
bool FitsTiles(const at::Tensor& weight);

// x W^T + bias [tokens, out] in bf16, contiguous, summed in f32 and rounded once; x [tokens, in] of
// bf16 on the CPU, W [out, in], which fits, bias [out] of bf16 or undefined. The same bits for any
// number of threads. Not recorded for autograd. Any thread; on its Team where it has one.
at::Tensor TileMultiply(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias = {});

}  // namespace imprint::model

#endif  // IMPRINT_SERVER_MODEL_TILE_MULTIPLY_H_
