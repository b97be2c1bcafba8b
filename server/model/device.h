// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Where and in which precision the network computes.

#ifndef IMPRINT_SERVER_MODEL_DEVICE_H_
#define IMPRINT_SERVER_MODEL_DEVICE_H_

#include <string>
#include <string_view>

#include "ATen/core/TensorBody.h"
#include "absl/status/statusor.h"

namespace imprint::model {

// A device and the two precisions on it. Weights are rounded to `weights`; matrix
// products run in `compute`. They differ only where the processor has no fast
// product in `weights` (bf16 on a CPU without AVX512-BF16 or AMX): there a bf16 model
// is rounded to bf16 and computed in f32, which costs memory, not accuracy.
struct Placement {
  at::Device device = at::kCPU;
  at::ScalarType weights = at::kBFloat16;
  at::ScalarType compute = at::kFloat;

  // Options for a new tensor of activations on the device.
  at::TensorOptions activations() const {
    return at::TensorOptions().device(device).dtype(compute);
  }
};

// `device`: "cpu" or "cuda:N"; `dtype`: "bf16" or "f32". For CUDA the libraries that
// lie beside libtorch_cpu.so are loaded now. INVALID_ARGUMENT for other words;
// FAILED_PRECONDITION when there is no such device, saying what was tried.
absl::StatusOr<Placement> MakePlacement(std::string_view device, std::string_view dtype);

// Threads that share an operator, or compute a training step's parts; at least 1. Call before
// the first operator.
void SetComputeThreads(int threads);

}  // namespace imprint::model

#endif  // IMPRINT_SERVER_MODEL_DEVICE_H_
