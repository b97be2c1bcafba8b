// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Small models for tests: one of random weights, made in memory, and the trained one of
// tests/golden/tiny-chat.

#ifndef IMPRINT_TESTS_TESTING_TINY_MODEL_H_
#define IMPRINT_TESTS_TESTING_TINY_MODEL_H_

#include <cmath>
#include <cstdint>
#include <memory>
#include <utility>

#include "ATen/ATen.h"
#include "ATen/CPUGeneratorImpl.h"
#include "absl/status/statusor.h"
#include "server/model/rope.h"
#include "server/model/weights.h"
#include "server/version/version.h"

namespace imprint::testing {

inline constexpr char kTinyChatDir[] = "tests/golden/tiny-chat";

inline model::Placement CpuF32() { return {at::kCPU, at::kFloat, at::kFloat}; }

// Llama of two blocks; 256 positions, 97 tokens.
inline model::ModelConfig TinyConfig() {
  model::ModelConfig config;
  config.architecture = "LlamaForCausalLM";
  config.vocab_size = 97;
  config.hidden_size = 32;
  config.intermediate_size = 48;
  config.layers = 2;
  config.heads = 4;
  config.kv_heads = 2;
  config.head_dim = 8;
  config.max_positions = 256;
  config.sliding_window.assign(config.layers, 0);
  return config;
}

// Random weights with clear favourites among the next tokens; the same for the same seed.
inline std::shared_ptr<const model::Weights> RandomWeights(
    const model::ModelConfig& config, uint64_t seed, const model::Placement& placement = CpuF32()) {
  at::Generator generator = at::detail::createCPUGenerator(seed);
  const auto random = [&](at::IntArrayRef shape, double deviation) {
    const at::Tensor drawn =
        at::randn(shape, generator, at::TensorOptions().device(at::kCPU).dtype(at::kFloat));
    return (drawn * deviation).to(placement.weights).to(placement.activations());
  };
  const int64_t hidden = config.hidden_size;
  auto weights = std::make_shared<model::Weights>();
  weights->config = config;
  weights->placement = placement;
  weights->embedding = random({config.vocab_size, hidden}, 1);
  weights->final_norm = random({hidden}, 0.1) + 1;
  weights->head = random({config.vocab_size, hidden}, 3 / std::sqrt(hidden));
  for (int64_t i = 0; i < config.layers; ++i) {
    model::LayerWeights& layer = weights->layers.emplace_back();
    layer.input_norm = random({hidden}, 0.1) + 1;
    layer.post_attention_norm = random({hidden}, 0.1) + 1;
    model::AllocateLinears(config, placement, &layer);
    for (at::Tensor& linear : layer.linear) {
      linear.copy_(random(linear.sizes(), 1.5 / std::sqrt(linear.size(1))));
    }
  }
  model::FillRopeTables(weights.get());
  return weights;
}

// A version of random weights.
inline std::shared_ptr<const version::Version> TinyVersion(int64_t number, uint64_t seed) {
  auto version = std::make_shared<version::Version>();
  version->number = number;
  version->weights = RandomWeights(TinyConfig(), seed);
  return version;
}

// The base version of the model that talks; tests run in the root of the source tree.
inline absl::StatusOr<std::shared_ptr<const version::Version>> LoadTinyChat(
    const model::Placement& placement = CpuF32()) {
  absl::StatusOr<std::shared_ptr<const model::Weights>> weights =
      model::LoadWeights(kTinyChatDir, placement);
  if (!weights.ok()) return weights.status();
  auto version = std::make_shared<version::Version>();
  version->weights = *std::move(weights);
  return version;
}

}  // namespace imprint::testing

#endif  // IMPRINT_TESTS_TESTING_TINY_MODEL_H_
