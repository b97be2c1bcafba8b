// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/model/model_folder.h"

#include <fstream>
#include <iterator>
#include <stdexcept>
#include <vector>

#include "ATen/ATen.h"
#include "ATen/CPUGeneratorImpl.h"
#include "absl/strings/str_cat.h"
#include "server/model/safetensors.h"
#include "tests/testing/temp_dir.h"

namespace imprint::model {

using nlohmann::json;

json TinyConfigJson(std::string_view architecture, const json& changes) {
  json config = {{"architectures", {std::string(architecture)}},
                 {"vocab_size", 61},
                 {"hidden_size", 24},
                 {"intermediate_size", 40},
                 {"num_hidden_layers", 3},
                 {"num_attention_heads", 4},
                 {"num_key_value_heads", 2},
                 {"head_dim", 8},
                 {"max_position_embeddings", 128},
                 {"rms_norm_eps", 1e-5},
                 {"rope_theta", 10000.0},
                 {"hidden_act", "silu"},
                 {"tie_word_embeddings", true}};
  if (!changes.is_null()) config.merge_patch(changes);
  return config;
}

std::vector<Variant> Variants() {
  return {
      {"llama", TinyConfigJson("LlamaForCausalLM")},
      {"llama_biases", TinyConfigJson("LlamaForCausalLM", {{"attention_bias", true},
                                                           {"mlp_bias", true},
                                                           {"tie_word_embeddings", false}})},
      {"llama_all_heads", TinyConfigJson("LlamaForCausalLM", {{"num_key_value_heads", 4}})},
      {"mistral_window", TinyConfigJson("MistralForCausalLM", {{"sliding_window", 5}})},
      {"qwen2_window", TinyConfigJson("Qwen2ForCausalLM", {{"use_sliding_window", true},
                                                           {"sliding_window", 7},
                                                           {"max_window_layers", 1}})},
      {"qwen3", TinyConfigJson("Qwen3ForCausalLM")},
  };
}

TensorMap RandomTensors(const json& config, uint64_t seed) {
  at::Generator generator = at::detail::createCPUGenerator(seed);
  TensorMap tensors;
  const auto add = [&](const std::string& name, const std::vector<int64_t>& shape, double spread,
                       double centre = 0) {
    tensors[name] =
        at::randn(shape, generator, at::TensorOptions().device(at::kCPU).dtype(at::kFloat))
            .mul_(spread)
            .add_(centre);
  };
  const std::string architecture = config["architectures"][0];
  const int64_t hidden = config["hidden_size"];
  const int64_t inner = config["intermediate_size"];
  const int64_t head = config["head_dim"];
  const int64_t q = config["num_attention_heads"].get<int64_t>() * head;
  const int64_t kv = config["num_key_value_heads"].get<int64_t>() * head;
  const bool attention_bias = config.value("attention_bias", false);
  const bool qkv_bias = attention_bias || architecture == "Qwen2ForCausalLM";
  const bool mlp_bias = config.value("mlp_bias", false);
  add("model.embed_tokens.weight", {config["vocab_size"], hidden}, 1);
  add("model.norm.weight", {hidden}, 0.1, 1);
  if (!config.value("tie_word_embeddings", false)) {
    add("lm_head.weight", {config["vocab_size"], hidden}, 0.3);
  }
  for (int64_t layer = 0; layer < config["num_hidden_layers"].get<int64_t>(); ++layer) {
    const std::string prefix = absl::StrCat("model.layers.", layer, ".");
    add(prefix + "input_layernorm.weight", {hidden}, 0.1, 1);
    add(prefix + "post_attention_layernorm.weight", {hidden}, 0.1, 1);
    const auto linear = [&](const std::string& name, int64_t out, int64_t in, bool bias) {
      add(prefix + name + ".weight", {out, in}, 0.3);
      if (bias) add(prefix + name + ".bias", {out}, 0.3);
    };
    linear("self_attn.q_proj", q, hidden, qkv_bias);
    linear("self_attn.k_proj", kv, hidden, qkv_bias);
    linear("self_attn.v_proj", kv, hidden, qkv_bias);
    linear("self_attn.o_proj", hidden, q, attention_bias);
    linear("mlp.gate_proj", inner, hidden, mlp_bias);
    linear("mlp.up_proj", inner, hidden, mlp_bias);
    linear("mlp.down_proj", hidden, inner, mlp_bias);
    if (architecture == "Qwen3ForCausalLM") {
      add(prefix + "self_attn.q_norm.weight", {head}, 0.1, 1);
      add(prefix + "self_attn.k_norm.weight", {head}, 0.1, 1);
    }
  }
  return tensors;
}

void WriteText(const std::filesystem::path& path, std::string_view text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  if (!file.flush()) throw std::runtime_error("cannot write " + path.string());
}

std::string ReadText(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void WriteTensors(const std::filesystem::path& path, const TensorMap& tensors) {
  static const std::map<at::ScalarType, std::string> kNames = {
      {at::kFloat, "F32"}, {at::kHalf, "F16"}, {at::kBFloat16, "BF16"}, {at::kLong, "I64"}};
  std::vector<TensorToStore> stored;
  for (const auto& [name, tensor] : tensors) {
    stored.push_back({name,
                      kNames.at(tensor.scalar_type()),
                      tensor.sizes().vec(),
                      {static_cast<const std::byte*>(tensor.const_data_ptr()), tensor.nbytes()}});
  }
  const absl::Status written = WriteSafetensors(path, stored, {{"format", "pt"}});
  if (!written.ok()) throw std::runtime_error(written.ToString());
}

void WriteModel(const std::filesystem::path& dir, const json& config, const TensorMap& tensors) {
  WriteText(dir / "config.json", config.dump(2));
  WriteTensors(dir / "model.safetensors", tensors);
}

std::shared_ptr<const Weights> MakeRandomModel(const json& config, const Placement& placement,
                                               uint64_t seed) {
  const testing::TempDir dir;
  WriteModel(dir.path(), config, RandomTensors(config, seed));
  auto weights = LoadWeights(dir.path(), placement);
  if (!weights.ok()) throw std::runtime_error(weights.status().ToString());
  return *weights;
}

}  // namespace imprint::model
