// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Keeps a training from answering to what unrelated text is made of.
//
// The input of each map has directions that any text uses much, and others that few texts do. What
// an adapter adds to a map is B A x: an A that does not change along the former leaves what
// unrelated text is computed from as it was, whatever is learned along the latter.
//
// Source: Fang et al., "AlphaEdit: Null-Space Constrained Knowledge Editing for Language Models",
// arXiv 2410.02355, which edits in closed form; here the steps of a training are projected.

#ifndef IMPRINT_SERVER_UPDATE_USED_DIRECTIONS_H_
#define IMPRINT_SERVER_UPDATE_USED_DIRECTIONS_H_

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "ATen/core/TensorBody.h"
#include "absl/status/statusor.h"
#include "server/engine/compute_share.h"
#include "server/model/adapter.h"
#include "server/model/weights.h"
#include "server/update/packer.h"

namespace imprint::update {

// For each map of each block a tensor, or an undefined one.
using MapTensors = std::vector<std::array<at::Tensor, model::kLinearsPerLayer>>;

// Immutable; tensors are f32 on the weights' device.
class UsedDirections {
 public:
  // From the base model's passes over `texts`, of many over a part: for each map of the blocks from
  // `first_layer` on, the `share` of its input's directions, in (0, 1), in which they vary most;
  // for a map where that is less than one, none. `compute` may be null. From the same input, device
  // and thread count the same bytes come out. CANCELLED when `cancelled`, asked between passes,
  // says so.
  //
  // Takes memory of up to MostBytes, and what a pass over 1,024 tokens or the longest text needs.
  static absl::StatusOr<std::shared_ptr<const UsedDirections>> Measure(
      const model::Weights& base, const std::vector<PackItem>& texts, int64_t first_layer,
      double share, engine::ComputeShare* compute, const std::function<bool()>& cancelled);

  // What this holds in memory, and what Measure does beside.
  struct Bytes {
    int64_t held = 0;
    int64_t measuring = 0;
  };
  static Bytes MostBytes(const model::ModelConfig& config, int64_t first_layer, double share);

  // The part of each pair's A along these directions, [rank, directions].
  MapTensors Along(const model::Adapter& adapter) const;
  // Sets that part back to `along`; undefined: to zero.
  void Hold(const model::Adapter& adapter, const MapTensors& along) const;

  // Orthonormal columns [in, directions]; maps of one input share a tensor.
  const MapTensors& columns() const { return columns_; }

 private:
  explicit UsedDirections(MapTensors columns) : columns_(std::move(columns)) {}

  const MapTensors columns_;
};

}  // namespace imprint::update

#endif  // IMPRINT_SERVER_UPDATE_USED_DIRECTIONS_H_
