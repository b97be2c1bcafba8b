// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/model/config.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/json.h"
#include "common/status_macros.h"
#include "nlohmann/json.hpp"

namespace imprint::model {
namespace {

using nlohmann::json;

// Sizes beyond these are a broken file, not a model; products of them fit int64.
constexpr int64_t kMaxSize = int64_t{1} << 24;
constexpr int64_t kMaxLayers = 4096;

// What a key means where config.json leaves it out, as transformers has it.
struct Family {
  const char* architecture;
  int64_t kv_heads;        // 0: as many as heads
  int64_t head_dim;        // 0: hidden_size / heads
  int64_t sliding_window;  // of Mistral, where the key is absent; 0: none
};
constexpr Family kFamilies[] = {
    {"LlamaForCausalLM", 0, 0, 0},
    {"MistralForCausalLM", 8, 0, 4096},
    {"Qwen2ForCausalLM", 32, 0, 0},
    {"Qwen3ForCausalLM", 32, 128, 0},
};

// Reads keys of one JSON object; the first wrong one is the error that stays.
class KeyReader {
 public:
  KeyReader(const json& object, std::string place) : object_(object), place_(std::move(place)) {}

  const absl::Status& status() const { return status_; }

  template <typename... Args>
  void Fail(const Args&... what) {
    if (status_.ok()) status_ = absl::InvalidArgumentError(absl::StrCat(place_, ": ", what...));
  }

  // Absent and null are the same.
  const json* Find(const char* key) const {
    const auto found = object_.find(key);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }

  bool IsNull(const char* key) const {
    return object_.contains(key) && object_.find(key)->is_null();
  }

  int64_t Size(const char* key, int64_t limit, std::optional<int64_t> absent = std::nullopt) {
    const json* value = Find(key);
    if (value == nullptr) {
      if (!absent) Fail(key, " is missing");
      return absent.value_or(1);
    }
    if (!value->is_number_unsigned() || value->get<uint64_t>() < 1 ||
        value->get<uint64_t>() > static_cast<uint64_t>(limit)) {
      Fail(key, " is ", value->dump(), ", not a whole number from 1 to ", limit);
      return 1;
    }
    return value->get<int64_t>();
  }

  double Positive(const char* key, std::optional<double> absent = std::nullopt) {
    const json* value = Find(key);
    if (value == nullptr) {
      if (!absent) Fail(key, " is missing");
      return absent.value_or(1);
    }
    // It is computed with in f32, where it may be none any more.
    if (!value->is_number() || !(value->get<float>() > 0) || !std::isfinite(value->get<float>())) {
      Fail(key, " is ", value->dump(), ", not a number above 0");
      return 1;
    }
    return value->get<double>();
  }

  bool Bool(const char* key, bool absent) {
    const json* value = Find(key);
    if (value == nullptr) return absent;
    if (!value->is_boolean()) Fail(key, " is ", value->dump(), ", not true or false");
    return value->is_boolean() && value->get<bool>();
  }

  std::string Word(const char* key, const char* absent) {
    const json* value = Find(key);
    if (value == nullptr) return absent;
    if (!value->is_string()) Fail(key, " is ", value->dump(), ", not a string");
    return value->is_string() ? value->get<std::string>() : absent;
  }

 private:
  const json& object_;
  const std::string place_;
  absl::Status status_;
};

absl::Status Unimplemented(const std::string& place, const auto&... what) {
  return absl::UnimplementedError(absl::StrCat(place, ": ", what...));
}

absl::StatusOr<const Family*> FindFamily(const KeyReader& keys, const std::string& place) {
  const json* architectures = keys.Find("architectures");
  if (architectures == nullptr || !architectures->is_array() || architectures->size() != 1 ||
      !(*architectures)[0].is_string()) {
    return absl::InvalidArgumentError(
        absl::StrCat(place, ": architectures is not a list of one name"));
  }
  const auto name = (*architectures)[0].get<std::string>();
  for (const Family& family : kFamilies) {
    if (name == family.architecture) return &family;
  }
  return Unimplemented(place, "architecture ", name,
                       " is not supported; LlamaForCausalLM, MistralForCausalLM, "
                       "Qwen2ForCausalLM and Qwen3ForCausalLM are");
}

// Theta and scaling stand in `rope_parameters` (newer files), or at the top and in
// `rope_scaling`.
absl::Status ReadRope(KeyReader& keys, const std::string& place, ModelConfig& config) {
  config.rope_theta = keys.Positive("rope_theta", 10000);
  const char* key = keys.Find("rope_parameters") != nullptr ? "rope_parameters" : "rope_scaling";
  const json* value = keys.Find(key);
  if (value == nullptr) return absl::OkStatus();
  if (!value->is_object()) {
    return absl::InvalidArgumentError(absl::StrCat(place, ": ", key, " is not an object"));
  }
  KeyReader rope(*value, absl::StrCat(place, ": ", key));
  config.rope_theta = rope.Positive("rope_theta", config.rope_theta);
  // Old files say "type".
  const std::string old_type = rope.Word("type", "default");
  const std::string type = rope.Word("rope_type", old_type.c_str());
  for (const auto& [name, nested] : value->items()) {
    if (nested.is_object()) {
      return Unimplemented(place, key, " per kind of layer (", name, ") is not supported");
    }
  }
  if (rope.Positive("partial_rotary_factor", 1) != 1) {
    return Unimplemented(place, "partial_rotary_factor other than 1 is not supported");
  }
  if (type == "llama3") {
    Llama3RopeScaling scaling;
    scaling.factor = rope.Positive("factor");
    scaling.low_freq_factor = rope.Positive("low_freq_factor");
    scaling.high_freq_factor = rope.Positive("high_freq_factor");
    scaling.original_max_position_embeddings =
        rope.Size("original_max_position_embeddings", kMaxSize);
    if (scaling.high_freq_factor <= scaling.low_freq_factor) {
      rope.Fail("high_freq_factor is not above low_freq_factor");
    }
    config.rope_scaling = scaling;
  } else if (type != "default") {
    return Unimplemented(place, "rope scaling of type ", type,
                         " is not supported; default and llama3 are");
  }
  return rope.status();
}

absl::Status ReadSlidingWindow(KeyReader& keys, const std::string& place, const Family& family,
                               ModelConfig& config) {
  config.sliding_window.assign(static_cast<size_t>(config.layers), 0);
  const std::string_view architecture = family.architecture;
  if (architecture == "LlamaForCausalLM") return absl::OkStatus();
  if (architecture == "MistralForCausalLM") {
    const int64_t window = keys.IsNull("sliding_window")
                               ? 0
                               : keys.Size("sliding_window", kMaxSize, family.sliding_window);
    config.sliding_window.assign(static_cast<size_t>(config.layers), window);
    return absl::OkStatus();
  }
  if (!keys.Bool("use_sliding_window", false) || keys.Find("sliding_window") == nullptr) {
    return absl::OkStatus();
  }
  const int64_t window = keys.Size("sliding_window", kMaxSize);
  const json* types = keys.Find("layer_types");
  if (types == nullptr) {
    // As transformers: full attention below, the window from this layer on.
    const json* full = keys.Find("max_window_layers");
    if (full != nullptr && !full->is_number_unsigned()) {
      keys.Fail("max_window_layers is ", full->dump(), ", not a whole number");
      return absl::OkStatus();
    }
    const uint64_t first = full == nullptr ? 28 : full->get<uint64_t>();
    for (size_t layer = 0; layer < config.sliding_window.size(); ++layer) {
      if (layer >= first) config.sliding_window[layer] = window;
    }
    return absl::OkStatus();
  }
  if (!types->is_array() || types->size() != config.sliding_window.size()) {
    keys.Fail("layer_types is not a list of num_hidden_layers names");
    return absl::OkStatus();
  }
  for (size_t layer = 0; layer < config.sliding_window.size(); ++layer) {
    const json& type = (*types)[layer];
    if (type == "sliding_attention") {
      config.sliding_window[layer] = window;
    } else if (type != "full_attention") {
      return Unimplemented(place, "layer_types ", type.dump(), " is not supported");
    }
  }
  return absl::OkStatus();
}

void ReadBiases(KeyReader& keys, const Family& family, ModelConfig& config) {
  const std::string_view architecture = family.architecture;
  if (architecture == "LlamaForCausalLM" || architecture == "Qwen3ForCausalLM") {
    config.qkv_bias = config.output_bias = keys.Bool("attention_bias", false);
  }
  if (architecture == "LlamaForCausalLM") config.mlp_bias = keys.Bool("mlp_bias", false);
  if (architecture == "Qwen2ForCausalLM") config.qkv_bias = true;
  if (architecture == "Qwen3ForCausalLM") config.qk_norm = true;
}

}  // namespace

absl::StatusOr<ModelConfig> ModelConfig::Load(const std::filesystem::path& dir) {
  const std::filesystem::path path = dir / "config.json";
  const std::string place = path.string();
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return absl::NotFoundError(
        absl::StrCat("cannot read ", place, "; a model is a Hugging Face folder (--model)"));
  }
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const json root = ParseJson(text);
  if (!root.is_object()) {
    return absl::InvalidArgumentError(absl::StrCat(place, ": not a JSON object"));
  }
  KeyReader keys(root, place);
  IMPRINT_ASSIGN_OR_RETURN(const Family* family, FindFamily(keys, place));
  if (keys.Find("quantization_config") != nullptr) {
    return Unimplemented(place, "quantization_config: quantized weights are not supported");
  }
  if (const std::string act = keys.Word("hidden_act", "silu"); act != "silu") {
    return Unimplemented(place, "hidden_act ", act, " is not supported; silu is");
  }

  ModelConfig config;
  config.architecture = family->architecture;
  config.vocab_size = keys.Size("vocab_size", kMaxSize);
  config.hidden_size = keys.Size("hidden_size", kMaxSize);
  config.intermediate_size = keys.Size("intermediate_size", kMaxSize);
  config.layers = keys.Size("num_hidden_layers", kMaxLayers);
  config.heads = keys.Size("num_attention_heads", kMaxSize);
  config.kv_heads = keys.Size("num_key_value_heads", kMaxSize,
                              family->kv_heads == 0 ? config.heads : family->kv_heads);
  config.head_dim =
      keys.Size("head_dim", kMaxSize,
                family->head_dim == 0 ? std::max<int64_t>(1, config.hidden_size / config.heads)
                                      : family->head_dim);
  config.max_positions = keys.Size("max_position_embeddings", kMaxSize);
  config.rms_norm_eps = keys.Positive("rms_norm_eps", 1e-6);
  config.tie_word_embeddings = keys.Bool("tie_word_embeddings", false);
  if (config.heads % config.kv_heads != 0) {
    keys.Fail("num_attention_heads ", config.heads, " is no multiple of num_key_value_heads ",
              config.kv_heads);
  }
  if (config.head_dim % 2 != 0) keys.Fail("head_dim ", config.head_dim, " is odd");
  // The heads' width is a product of two keys, each checked alone.
  if (config.heads * config.head_dim > kMaxSize) {
    keys.Fail("num_attention_heads * head_dim is above ", kMaxSize);
  }
  IMPRINT_RETURN_IF_ERROR(keys.status());
  IMPRINT_RETURN_IF_ERROR(ReadRope(keys, place, config));
  IMPRINT_RETURN_IF_ERROR(ReadSlidingWindow(keys, place, *family, config));
  ReadBiases(keys, *family, config);
  IMPRINT_RETURN_IF_ERROR(keys.status());
  return config;
}

}  // namespace imprint::model
