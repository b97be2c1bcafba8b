// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/model/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/model/model_folder.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace imprint::model {
namespace {

using ::imprint::testing::HasCode;
using ::imprint::testing::IsError;
using ::nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;

absl::StatusOr<ModelConfig> Load(const json& config) {
  const testing::TempDir dir;
  WriteText(dir / "config.json", config.dump());
  return ModelConfig::Load(dir.path());
}

TEST(ModelConfigTest, ReadsASmallLlama) {
  IMPRINT_ASSERT_OK_AND_ASSIGN(const ModelConfig config, Load(TinyConfigJson("LlamaForCausalLM")));

  EXPECT_EQ(config.architecture, "LlamaForCausalLM");
  EXPECT_EQ(config.vocab_size, 61);
  EXPECT_EQ(config.hidden_size, 24);
  EXPECT_EQ(config.intermediate_size, 40);
  EXPECT_EQ(config.layers, 3);
  EXPECT_EQ(config.heads, 4);
  EXPECT_EQ(config.kv_heads, 2);
  EXPECT_EQ(config.head_dim, 8);
  EXPECT_EQ(config.max_positions, 128);
  EXPECT_DOUBLE_EQ(config.rms_norm_eps, 1e-5);
  EXPECT_TRUE(config.tie_word_embeddings);
  EXPECT_FALSE(config.qkv_bias || config.output_bias || config.mlp_bias || config.qk_norm);
  EXPECT_EQ(config.sliding_window, std::vector<int64_t>(3, 0));
}

TEST(ModelConfigTest, AbsentKeysMeanWhatTransformersMeans) {
  const json absent = {{"num_key_value_heads", nullptr}, {"head_dim", nullptr},
                       {"rms_norm_eps", nullptr},        {"rope_theta", nullptr},
                       {"tie_word_embeddings", nullptr}, {"hidden_act", nullptr}};
  IMPRINT_ASSERT_OK_AND_ASSIGN(const ModelConfig llama,
                               Load(TinyConfigJson("LlamaForCausalLM", absent)));
  EXPECT_EQ(llama.kv_heads, 4);
  EXPECT_EQ(llama.head_dim, 6);
  EXPECT_DOUBLE_EQ(llama.rms_norm_eps, 1e-6);
  EXPECT_DOUBLE_EQ(llama.rope_theta, 10000);
  EXPECT_FALSE(llama.tie_word_embeddings);
  IMPRINT_ASSERT_OK_AND_ASSIGN(const ModelConfig qwen3,
                               Load(TinyConfigJson("Qwen3ForCausalLM", {{"head_dim", nullptr}})));
  EXPECT_EQ(qwen3.head_dim, 128);
  IMPRINT_ASSERT_OK_AND_ASSIGN(const ModelConfig mistral,
                               Load(TinyConfigJson("MistralForCausalLM")));
  EXPECT_EQ(mistral.sliding_window, std::vector<int64_t>(3, 4096));
}

TEST(ModelConfigTest, BiasesAreTheFamilys) {
  const json bias = {{"attention_bias", true}, {"mlp_bias", true}};
  const auto biases = [&](const char* architecture) {
    const ModelConfig config = Load(TinyConfigJson(architecture, bias)).value();
    return std::vector<bool>{config.qkv_bias, config.output_bias, config.mlp_bias, config.qk_norm};
  };
  EXPECT_EQ(biases("LlamaForCausalLM"), (std::vector<bool>{true, true, true, false}));
  EXPECT_EQ(biases("MistralForCausalLM"), (std::vector<bool>{false, false, false, false}));
  EXPECT_EQ(biases("Qwen2ForCausalLM"), (std::vector<bool>{true, false, false, false}));
  EXPECT_EQ(biases("Qwen3ForCausalLM"), (std::vector<bool>{true, true, false, true}));
}

TEST(ModelConfigTest, SlidingWindowIsPerLayer) {
  const auto windows = [](const char* architecture, const json& changes) {
    return Load(TinyConfigJson(architecture, changes)).value().sliding_window;
  };
  EXPECT_EQ(windows("MistralForCausalLM", {{"sliding_window", 9}}),
            (std::vector<int64_t>{9, 9, 9}));
  EXPECT_EQ(windows("LlamaForCausalLM", {{"sliding_window", 9}}), (std::vector<int64_t>{0, 0, 0}));
  EXPECT_EQ(windows("Qwen2ForCausalLM", {{"sliding_window", 9}, {"use_sliding_window", false}}),
            (std::vector<int64_t>{0, 0, 0}));
  EXPECT_EQ(
      windows("Qwen2ForCausalLM",
              {{"sliding_window", 9}, {"use_sliding_window", true}, {"max_window_layers", 2}}),
      (std::vector<int64_t>{0, 0, 9}));
  EXPECT_EQ(
      windows("Qwen3ForCausalLM",
              {{"sliding_window", 9},
               {"use_sliding_window", true},
               {"layer_types", {"sliding_attention", "full_attention", "sliding_attention"}}}),
      (std::vector<int64_t>{9, 0, 9}));
}

TEST(ModelConfigTest, MistralsNullWindowIsNone) {
  const testing::TempDir dir;
  json config = TinyConfigJson("MistralForCausalLM");
  config["sliding_window"] = nullptr;
  WriteText(dir / "config.json", config.dump());

  IMPRINT_ASSERT_OK_AND_ASSIGN(const ModelConfig loaded, ModelConfig::Load(dir.path()));

  EXPECT_EQ(loaded.sliding_window, (std::vector<int64_t>{0, 0, 0}));
}

TEST(ModelConfigTest, RopeIsReadFromOldAndNewKeys) {
  const json llama3 = {{"rope_type", "llama3"},
                       {"factor", 8.0},
                       {"low_freq_factor", 1.0},
                       {"high_freq_factor", 4.0},
                       {"original_max_position_embeddings", 32}};
  json parameters = llama3;
  parameters["rope_theta"] = 500000.0;
  IMPRINT_ASSERT_OK_AND_ASSIGN(
      const ModelConfig old_keys,
      Load(TinyConfigJson("LlamaForCausalLM", {{"rope_scaling", llama3}, {"rope_theta", 500000}})));
  IMPRINT_ASSERT_OK_AND_ASSIGN(
      const ModelConfig new_keys,
      Load(TinyConfigJson("LlamaForCausalLM",
                          {{"rope_theta", nullptr}, {"rope_parameters", parameters}})));
  for (const ModelConfig& config : {old_keys, new_keys}) {
    EXPECT_DOUBLE_EQ(config.rope_theta, 500000);
    ASSERT_TRUE(config.rope_scaling.has_value());
    EXPECT_DOUBLE_EQ(config.rope_scaling->factor, 8);
    EXPECT_EQ(config.rope_scaling->original_max_position_embeddings, 32);
  }
  IMPRINT_ASSERT_OK_AND_ASSIGN(
      const ModelConfig plain,
      Load(TinyConfigJson("LlamaForCausalLM", {{"rope_scaling", {{"type", "default"}}}})));
  EXPECT_FALSE(plain.rope_scaling.has_value());
}

TEST(ModelConfigTest, AMissingFileNamesTheFlag) {
  EXPECT_THAT(ModelConfig::Load("/nonexistent"),
              IsError(absl::StatusCode::kNotFound,
                      AllOf(HasSubstr("/nonexistent/config.json"), HasSubstr("--model"))));
}

TEST(ModelConfigTest, ABrokenFileIsInvalid) {
  const testing::TempDir dir;
  WriteText(dir / "config.json", "{");
  EXPECT_THAT(ModelConfig::Load(dir.path()),
              IsError(absl::StatusCode::kInvalidArgument, HasSubstr("config.json")));
}

struct Refused {
  const char* name;
  json changes;
  absl::StatusCode code;
  const char* message;
};

class RefusedConfigTest : public ::testing::TestWithParam<Refused> {};

TEST_P(RefusedConfigTest, NamesTheFileAndTheKey) {
  EXPECT_THAT(
      Load(TinyConfigJson("LlamaForCausalLM", GetParam().changes)),
      IsError(GetParam().code, AllOf(HasSubstr("config.json"), HasSubstr(GetParam().message))));
}

constexpr absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument;
constexpr absl::StatusCode kUnimplemented = absl::StatusCode::kUnimplemented;

INSTANTIATE_TEST_SUITE_P(
    Keys, RefusedConfigTest,
    ::testing::Values(
        Refused{"NoArchitecture", {{"architectures", nullptr}}, kInvalid, "architectures"},
        Refused{"UnknownArchitecture",
                {{"architectures", {"GPT2LMHeadModel"}}},
                kUnimplemented,
                "GPT2LMHeadModel is not supported"},
        Refused{"Quantized",
                {{"quantization_config", {{"bits", 4}}}},
                kUnimplemented,
                "quantization_config"},
        Refused{"OtherActivation", {{"hidden_act", "gelu"}}, kUnimplemented, "hidden_act gelu"},
        Refused{"NoVocabulary", {{"vocab_size", nullptr}}, kInvalid, "vocab_size is missing"},
        Refused{"NegativeHidden", {{"hidden_size", -1}}, kInvalid, "hidden_size is -1"},
        Refused{"HugeHidden", {{"hidden_size", 1e18}}, kInvalid, "hidden_size"},
        Refused{"HiddenBeyondTheLimit",
                {{"hidden_size", (int64_t{1} << 24) + 1}},
                kInvalid,
                "from 1 to 16777216"},
        Refused{"HeadsTooWideTogether",
                {{"num_attention_heads", 4096}, {"head_dim", 8192}},
                kInvalid,
                "num_attention_heads * head_dim"},
        Refused{"LayersAsText", {{"num_hidden_layers", "three"}}, kInvalid, "num_hidden_layers"},
        Refused{"HeadsDoNotShare",
                {{"num_key_value_heads", 3}},
                kInvalid,
                "no multiple of num_key_value_heads"},
        Refused{"OddHead", {{"head_dim", 7}}, kInvalid, "head_dim 7 is odd"},
        Refused{"ZeroEpsilon", {{"rms_norm_eps", 0}}, kInvalid, "rms_norm_eps"},
        Refused{"EpsilonThatIsZeroInF32", {{"rms_norm_eps", 1e-60}}, kInvalid, "rms_norm_eps"},
        Refused{"ThetaThatIsInfiniteInF32", {{"rope_theta", 1e300}}, kInvalid, "rope_theta"},
        Refused{"TiedAsNumber", {{"tie_word_embeddings", 1}}, kInvalid, "tie_word_embeddings"},
        Refused{"YarnRope",
                {{"rope_scaling", {{"rope_type", "yarn"}, {"factor", 4.0}}}},
                kUnimplemented,
                "yarn"},
        Refused{"Llama3WithoutFactor",
                {{"rope_scaling", {{"rope_type", "llama3"}}}},
                kInvalid,
                "factor is missing"},
        Refused{"RopePerKindOfLayer",
                {{"rope_parameters", {{"full_attention", {{"rope_theta", 1e4}}}}}},
                kUnimplemented,
                "full_attention"},
        Refused{"PartialRotary",
                {{"rope_parameters", {{"partial_rotary_factor", 0.5}}}},
                kUnimplemented,
                "partial_rotary_factor"}),
    [](const auto& instance) { return std::string(instance.param.name); });

TEST(ModelConfigTest, DeepNestingIsAnErrorAndNoCrash) {
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  std::string text = TinyConfigJson("LlamaForCausalLM").dump();
  const std::string size = R"("vocab_size":61)";
  text.replace(text.find(size), size.size(), R"("vocab_size":)" + deep);
  const testing::TempDir dir;
  WriteText(dir / "config.json", text);

  EXPECT_THAT(ModelConfig::Load(dir.path()),
              IsError(absl::StatusCode::kInvalidArgument, HasSubstr("config.json")));
}

}  // namespace
}  // namespace imprint::model
