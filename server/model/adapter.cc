// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/model/adapter.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <utility>

#include "ATen/ATen.h"
#include "ATen/CPUGeneratorImpl.h"
#include "ATen/core/grad_mode.h"

namespace imprint::model {

Adapter Adapter::Make(const ModelConfig& config, const Placement& placement, int64_t rank,
                      double alpha, uint64_t seed, int64_t first_layer) {
  const at::NoGradGuard no_grad;
  // Drawn on the CPU, so that a seed means the same on every device.
  at::Generator generator = at::detail::createCPUGenerator(seed);
  const auto on_cpu = at::TensorOptions().device(at::kCPU).dtype(at::kFloat);
  Adapter adapter;
  adapter.rank = rank;
  adapter.scale = alpha / static_cast<double>(rank);
  adapter.first_layer = first_layer;
  adapter.layers.resize(static_cast<size_t>(config.layers));
  for (int64_t index = first_layer; index < config.layers; ++index) {
    auto& layer = adapter.layers[static_cast<size_t>(index)];
    for (int i = 0; i < kLinearsPerLayer; ++i) {
      const auto [out, in] = LinearShape(config, static_cast<Linear>(i));
      // Kaiming-uniform with a slope of sqrt(5), as PEFT has it.
      const double bound = 1 / std::sqrt(static_cast<double>(in));
      at::Tensor a = at::empty({rank, in}, on_cpu).uniform_(-bound, bound, generator);
      layer[static_cast<size_t>(i)] = {a.to(placement.device),
                                       at::zeros({out, rank}, on_cpu.device(placement.device))};
    }
  }
  return adapter;
}

std::vector<at::Tensor> Adapter::Parameters() const {
  std::vector<at::Tensor> parameters;
  for (size_t layer = static_cast<size_t>(first_layer); layer < layers.size(); ++layer) {
    for (const LowRankPair& pair : layers[layer]) {
      parameters.push_back(pair.a);
      parameters.push_back(pair.b);
    }
  }
  return parameters;
}

absl::Span<const LowRankPair> Adapter::Pairs(int64_t layer, Linear first, size_t count) const {
  if (layer < first_layer) return {};
  return absl::MakeConstSpan(layers[static_cast<size_t>(layer)])
      .subspan(static_cast<size_t>(first), count);
}

Adapter Adapter::Clone() const {
  const at::NoGradGuard no_grad;
  Adapter copy = *this;
  for (size_t layer = static_cast<size_t>(first_layer); layer < layers.size(); ++layer) {
    for (LowRankPair& pair : copy.layers[layer]) {
      pair = {pair.a.detach().clone(), pair.b.detach().clone()};
    }
  }
  return copy;
}

std::shared_ptr<const Weights> Merge(const std::shared_ptr<const Weights>& base,
                                     const std::vector<const Adapter*>& deltas) {
  if (deltas.empty()) return base;
  const at::NoGradGuard no_grad;
  auto merged = std::make_shared<Weights>(*base);
  const Placement& placement = base->placement;
  int64_t first = base->config.layers;
  for (const Adapter* delta : deltas) first = std::min(first, delta->first_layer);
  for (size_t index = static_cast<size_t>(first); index < merged->layers.size(); ++index) {
    LayerWeights fresh;
    AllocateLinears(base->config, placement, &fresh);
    for (size_t i = 0; i < kLinearsPerLayer; ++i) {
      at::Tensor sum = base->layers[index].linear[i].to(at::kFloat, /*non_blocking=*/false,
                                                        /*copy=*/true);
      for (const Adapter* delta : deltas) {
        if (static_cast<int64_t>(index) < delta->first_layer) continue;
        const LowRankPair& pair = delta->layers[index][i];
        sum.addmm_(pair.b, pair.a, /*beta=*/1, delta->scale);
      }
      fresh.linear[i].copy_(sum.to(placement.weights));
    }
    LayerWeights& layer = merged->layers[index];
    for (size_t i = 0; i < kLinearsPerLayer; ++i) layer.linear[i] = fresh.linear[i];
    layer.query_key_value = fresh.query_key_value;
    layer.gate_up = fresh.gate_up;
  }
  return merged;
}

}  // namespace imprint::model
