// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/engine/row_index.h"

#include <algorithm>

#include "ATen/ATen.h"

namespace imprint::engine {

at::Tensor IndexTensor(absl::Span<const int64_t> values, at::Device device) {
  at::Tensor index = at::empty({static_cast<int64_t>(values.size())},
                               at::TensorOptions().dtype(at::kLong).device(at::kCPU));
  std::copy(values.begin(), values.end(), index.mutable_data_ptr<int64_t>());
  return index.to(device);
}

at::Tensor SelectRows(const at::Tensor& tensor_TD, absl::Span<const int64_t> rows) {
  bool all = static_cast<int64_t>(rows.size()) == tensor_TD.size(0);
  for (size_t i = 0; all && i < rows.size(); ++i) all = rows[i] == static_cast<int64_t>(i);
  if (all) return tensor_TD;
  return tensor_TD.index_select(0, IndexTensor(rows, tensor_TD.device()));
}

}  // namespace imprint::engine
