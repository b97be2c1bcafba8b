// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// config.json of a model folder. What is taken is a network that can be built: sizes that fit each
// other and whose products do not overflow, numbers that are numbers.

#include <cmath>

#include "server/model/config.h"
#include "tests/fuzz/fuzz.h"

namespace imprint::fuzz {
namespace {

constexpr int64_t kMaxSize = int64_t{1} << 24;

bool IsSize(int64_t size) { return size >= 1 && size <= kMaxSize; }

// As the network uses it, in f32.
bool IsPositive(double number) {
  const auto narrow = static_cast<float>(number);
  return std::isfinite(narrow) && narrow > 0;
}

void CheckRope(const model::ModelConfig& config) {
  FUZZ_CHECK(std::isfinite(config.rope_theta) && config.rope_theta > 0);
  if (!config.rope_scaling.has_value()) return;
  FUZZ_CHECK(std::isfinite(config.rope_scaling->factor) && config.rope_scaling->factor > 0);
  FUZZ_CHECK(config.rope_scaling->low_freq_factor > 0);
  FUZZ_CHECK(config.rope_scaling->high_freq_factor > config.rope_scaling->low_freq_factor);
  FUZZ_CHECK(IsSize(config.rope_scaling->original_max_position_embeddings));
}

}  // namespace
}  // namespace imprint::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using imprint::fuzz::IsSize;
  imprint::fuzz::WriteScratch("config.json", {reinterpret_cast<const char*>(data), size});
  const auto config = imprint::model::ModelConfig::Load(imprint::fuzz::ScratchFolder());
  if (!config.ok()) return 0;
  FUZZ_CHECK(IsSize(config->vocab_size) && IsSize(config->hidden_size));
  FUZZ_CHECK(IsSize(config->intermediate_size) && IsSize(config->max_positions));
  FUZZ_CHECK(config->layers >= 1 && config->layers <= 4096);
  FUZZ_CHECK(IsSize(config->heads) && IsSize(config->kv_heads) && IsSize(config->head_dim));
  FUZZ_CHECK(config->heads % config->kv_heads == 0);
  FUZZ_CHECK(config->head_dim % 2 == 0);
  FUZZ_CHECK(IsSize(config->heads * config->head_dim));
  FUZZ_CHECK(imprint::fuzz::IsPositive(config->rms_norm_eps));
  imprint::fuzz::CheckRope(*config);
  FUZZ_CHECK(config->sliding_window.size() == static_cast<size_t>(config->layers));
  for (const int64_t window : config->sliding_window) FUZZ_CHECK(window == 0 || IsSize(window));
  return 0;
}
