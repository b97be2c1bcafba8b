// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// What config.json of a Hugging Face folder says about a network of the Llama kind
// (Llama, Mistral, Qwen2, Qwen3), checked.

#ifndef IMPRINT_SERVER_MODEL_CONFIG_H_
#define IMPRINT_SERVER_MODEL_CONFIG_H_

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace imprint::model {

// Llama 3's stretching of rotary frequencies ("rope_type": "llama3").
struct Llama3RopeScaling {
  double factor = 1;
  double low_freq_factor = 1;
  double high_freq_factor = 4;
  int64_t original_max_position_embeddings = 8192;
};

struct ModelConfig {
  std::string architecture;  // "LlamaForCausalLM", ...
  int64_t vocab_size = 0;
  int64_t hidden_size = 0;
  int64_t intermediate_size = 0;
  int64_t layers = 0;
  int64_t heads = 0;
  int64_t kv_heads = 0;
  int64_t head_dim = 0;
  int64_t max_positions = 0;
  double rms_norm_eps = 1e-5;
  double rope_theta = 10000;
  std::optional<Llama3RopeScaling> rope_scaling;
  bool tie_word_embeddings = false;
  bool qkv_bias = false;     // Qwen2, or attention_bias
  bool output_bias = false;  // attention_bias of Llama
  bool mlp_bias = false;
  bool qk_norm = false;  // Qwen3: RMSNorm over each head of q and k
  // How many of the last keys a query sees, itself among them; per layer; 0: all.
  std::vector<int64_t> sliding_window;

  // Parses `dir`/config.json. INVALID_ARGUMENT names the file and the key;
  // UNIMPLEMENTED an architecture or rope scaling that is not known here.
  static absl::StatusOr<ModelConfig> Load(const std::filesystem::path& dir);
};

}  // namespace imprint::model

#endif  // IMPRINT_SERVER_MODEL_CONFIG_H_
