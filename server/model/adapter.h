// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// A low-rank change of every linear map inside the blocks: W' = W + scale * B A.
//
// Source: Hu et al., "LoRA", arXiv 2106.09685.

#ifndef IMPRINT_SERVER_MODEL_ADAPTER_H_
#define IMPRINT_SERVER_MODEL_ADAPTER_H_

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ATen/core/TensorBody.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "server/model/weights.h"

namespace imprint::model {

// Tensors are f32 on the placement's device, whatever the weights' precision.
struct LowRankPair {
  at::Tensor a;  // [rank, in]
  at::Tensor b;  // [out, rank]
};

struct Adapter {
  int64_t rank = 0;
  double scale = 1;         // alpha / rank
  int64_t first_layer = 0;  // the blocks below this one have no tensors: it leaves them as they are
  std::vector<std::array<LowRankPair, kLinearsPerLayer>> layers;  // one entry a block

  // A: Kaiming-uniform from `seed`, B: zero, so that it changes nothing at first.
  static Adapter Make(const ModelConfig& config, const Placement& placement, int64_t rank,
                      double alpha, uint64_t seed, int64_t first_layer = 0);
  // The low-rank pairs beside `count` maps of a block from `first` on, or none.
  absl::Span<const LowRankPair> Pairs(int64_t layer, Linear first, size_t count) const;
  // All tensors, in a fixed order (layer, linear, a before b).
  std::vector<at::Tensor> Parameters() const;
  // A copy that shares no storage.
  Adapter Clone() const;
};

// Writes `path` (safetensors, tensors named as PEFT names them, rank and scale in its
// metadata) and syncs it. Gives the SHA-256 (hex) of each tensor's bytes by name.
absl::StatusOr<std::map<std::string, std::string>> SaveAdapter(const Adapter& adapter,
                                                               const std::filesystem::path& path);
// Checks shapes against `config` and, where given, the digests. DATA_LOSS names the tensor.
absl::StatusOr<Adapter> LoadAdapter(const std::filesystem::path& path, const ModelConfig& config,
                                    const Placement& placement,
                                    const std::map<std::string, std::string>& digests);

// round(W0 + sum of deltas), computed in f32 and rounded once to the weights'
// precision; never added onto merged weights. Tensors that no delta touches are shared.
std::shared_ptr<const Weights> Merge(const std::shared_ptr<const Weights>& base,
                                     const std::vector<const Adapter*>& deltas);

}  // namespace imprint::model

#endif  // IMPRINT_SERVER_MODEL_ADAPTER_H_
