// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Picking rows of a tensor by numbers that the host knows.

#ifndef IMPRINT_SERVER_ENGINE_ROW_INDEX_H_
#define IMPRINT_SERVER_ENGINE_ROW_INDEX_H_

#include <cstdint>

#include "ATen/core/TensorBody.h"
#include "absl/types/span.h"

namespace imprint::engine {

// An int64 tensor [values] on `device`.
at::Tensor IndexTensor(absl::Span<const int64_t> values, at::Device device);

// Rows of `tensor_TD`, in the order given; the tensor itself where that is all of them.
at::Tensor SelectRows(const at::Tensor& tensor_TD, absl::Span<const int64_t> rows);

}  // namespace imprint::engine

#endif  // IMPRINT_SERVER_ENGINE_ROW_INDEX_H_
