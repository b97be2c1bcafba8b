// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "ATen/ATen.h"
#include "server/model/weights.h"
#include "tests/model/model_folder.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"
#include "tests/testing/test_device.h"

namespace imprint::model {
namespace {

using ::imprint::testing::HasCode;
using ::imprint::testing::IsError;
using ::nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kQuery1[] = "model.layers.1.self_attn.q_proj.weight";

const json& Config() {
  static const json config = TinyConfigJson("LlamaForCausalLM");
  return config;
}

TEST(LoadWeightsTest, TensorsArriveWhereTheyBelong) {
  const testing::TempDir dir;
  const TensorMap tensors = RandomTensors(Config(), 1);
  WriteModel(dir.path(), Config(), tensors);

  IMPRINT_ASSERT_OK_AND_ASSIGN(const auto weights,
                               LoadWeights(dir.path(), testing::TestPlacement("f32")));

  ASSERT_EQ(weights->layers.size(), 3u);
  for (size_t layer = 0; layer < 3; ++layer) {
    for (int i = 0; i < kLinearsPerLayer; ++i) {
      const std::string name = "model.layers." + std::to_string(layer) + "." +
                               LinearName(static_cast<Linear>(i)) + ".weight";
      EXPECT_TRUE(at::equal(weights->layers[layer].linear[i].cpu(), tensors.at(name))) << name;
    }
  }
  EXPECT_TRUE(weights->head.is_same(weights->embedding));
}

TEST(LoadWeightsTest, FusedMapsShareTheirMemoryWithTheSingleOnes) {
  const auto weights = MakeRandomModel(Config(), testing::TestPlacement("f32"));

  const LayerWeights& layer = weights->layers[0];
  EXPECT_EQ(layer.query_key_value.data_ptr(), layer.linear[0].data_ptr());
  EXPECT_TRUE(at::equal(layer.query_key_value,
                        at::cat({layer.linear[0], layer.linear[1], layer.linear[2]})));
  EXPECT_TRUE(at::equal(layer.gate_up, at::cat({layer.linear[4], layer.linear[5]})));
  EXPECT_TRUE(layer.linear[2].is_alias_of(layer.query_key_value));
  EXPECT_TRUE(layer.linear[5].is_alias_of(layer.gate_up));
}

TEST(LoadWeightsTest, Bfloat16WeightsAreRoundedWhateverComputes) {
  const testing::TempDir dir;
  const TensorMap tensors = RandomTensors(Config(), 1);
  WriteModel(dir.path(), Config(), tensors);
  Placement placement = testing::TestPlacement("bf16");
  const at::Tensor rounded = tensors.at(kQuery1).to(at::kBFloat16);
  for (const at::ScalarType compute : {at::kFloat, at::kBFloat16}) {
    placement.compute = compute;

    IMPRINT_ASSERT_OK_AND_ASSIGN(const auto weights, LoadWeights(dir.path(), placement));

    EXPECT_EQ(weights->layers[1].linear[0].scalar_type(), compute);
    EXPECT_TRUE(at::equal(weights->layers[1].linear[0].cpu().to(at::kBFloat16), rounded));
    EXPECT_EQ(weights->rope_cos.scalar_type(), at::kFloat);
  }
}

TEST(LoadWeightsTest, HalfPrecisionFilesAreReadExactly) {
  for (const at::ScalarType stored : {at::kHalf, at::kBFloat16}) {
    const testing::TempDir dir;
    TensorMap tensors = RandomTensors(Config(), 1);
    for (auto& [name, tensor] : tensors) tensor = tensor.to(stored);
    WriteModel(dir.path(), Config(), tensors);

    IMPRINT_ASSERT_OK_AND_ASSIGN(const auto weights,
                                 LoadWeights(dir.path(), testing::TestPlacement("f32")));

    EXPECT_TRUE(at::equal(weights->layers[1].linear[0].cpu(), tensors.at(kQuery1).to(at::kFloat)));
  }
}

TEST(LoadWeightsTest, TensorsOfNoUseAreIgnored) {
  const testing::TempDir dir;
  TensorMap tensors = RandomTensors(Config(), 1);
  tensors["model.layers.0.self_attn.rotary_emb.inv_freq"] = at::ones({4});
  tensors["lm_head.weight"] = at::ones({3, 3});  // tied: never read
  WriteModel(dir.path(), Config(), tensors);

  IMPRINT_EXPECT_OK(LoadWeights(dir.path(), testing::TestPlacement("f32")));
}

// A folder of two shards and an index.
void WriteShards(const std::filesystem::path& dir) {
  TensorMap shards[2];
  json weight_map = json::object();
  int i = 0;
  for (const auto& [name, tensor] : RandomTensors(Config(), 1)) {
    shards[i % 2][name] = tensor;
    weight_map[name] = i++ % 2 == 0 ? "model-1.safetensors" : "model-2.safetensors";
  }
  WriteText(dir / "config.json", Config().dump());
  WriteTensors(dir / "model-1.safetensors", shards[0]);
  WriteTensors(dir / "model-2.safetensors", shards[1]);
  WriteText(dir / "model.safetensors.index.json", json({{"weight_map", weight_map}}).dump());
}

TEST(LoadWeightsTest, ShardsEqualTheSingleFile) {
  const testing::TempDir dir;
  WriteShards(dir.path());

  IMPRINT_ASSERT_OK_AND_ASSIGN(const auto sharded,
                               LoadWeights(dir.path(), testing::TestPlacement("f32")));

  const auto single = MakeRandomModel(Config(), testing::TestPlacement("f32"), 1);
  EXPECT_TRUE(at::equal(sharded->embedding, single->embedding));
  EXPECT_TRUE(at::equal(sharded->layers[2].gate_up, single->layers[2].gate_up));
}

TEST(LoadWeightsTest, AMissingShardIsNamed) {
  const testing::TempDir dir;
  WriteShards(dir.path());
  std::filesystem::remove(dir / "model-2.safetensors");

  EXPECT_THAT(LoadWeights(dir.path(), testing::TestPlacement("f32")),
              IsError(absl::StatusCode::kNotFound, HasSubstr("model-2.safetensors")));
}

TEST(LoadWeightsTest, AnIndexThatReachesOutOfItsFolderIsRefused) {
  const testing::TempDir dir;
  WriteShards(dir.path());
  WriteText(dir / "model.safetensors.index.json",
            R"({"weight_map":{"x":"../elsewhere.safetensors"}})");

  EXPECT_THAT(LoadWeights(dir.path(), testing::TestPlacement("f32")),
              IsError(absl::StatusCode::kInvalidArgument, HasSubstr("tensor x")));
}

TEST(LoadWeightsTest, AShardWithoutItsTensorIsNamed) {
  const testing::TempDir dir;
  WriteShards(dir.path());
  json index = json::parse(ReadText(dir / "model.safetensors.index.json"));
  const bool in_first = index["weight_map"][kQuery1] == "model-1.safetensors";
  const std::string other = in_first ? "model-2.safetensors" : "model-1.safetensors";
  index["weight_map"][kQuery1] = other;
  WriteText(dir / "model.safetensors.index.json", index.dump());

  EXPECT_THAT(LoadWeights(dir.path(), testing::TestPlacement("f32")),
              IsError(absl::StatusCode::kInvalidArgument,
                      AllOf(HasSubstr(other), HasSubstr(kQuery1), HasSubstr("missing"))));
}

struct Bad {
  const char* name;
  std::function<void(const std::filesystem::path& dir, TensorMap& tensors)> spoil;
  absl::StatusCode code;
  std::vector<std::string> words;
};

class BadFolderTest : public ::testing::TestWithParam<Bad> {};

// What `spoil` does with the map is written; what it does in the folder comes after.
TEST_P(BadFolderTest, IsRefusedByName) {
  const testing::TempDir dir;
  TensorMap tensors = RandomTensors(Config(), 1);
  const testing::TempDir scratch;
  GetParam().spoil(scratch.path(), tensors);
  WriteModel(dir.path(), Config(), tensors);
  GetParam().spoil(dir.path(), tensors);

  const auto loaded = LoadWeights(dir.path(), testing::TestPlacement("f32"));

  EXPECT_THAT(loaded, HasCode(GetParam().code));
  for (const std::string& word : GetParam().words) {
    EXPECT_THAT(loaded.status().message(), HasSubstr(word));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, BadFolderTest,
    ::testing::Values(
        Bad{"NoConfig",
            [](const auto& dir, TensorMap&) { std::filesystem::remove(dir / "config.json"); },
            absl::StatusCode::kNotFound,
            {"config.json", "--model"}},
        Bad{"NoWeights",
            [](const auto& dir, TensorMap&) { std::filesystem::remove(dir / "model.safetensors"); },
            absl::StatusCode::kNotFound,
            {"neither model.safetensors nor", "--model"}},
        Bad{"UnknownArchitecture",
            [](const auto& dir, TensorMap&) {
              WriteText(dir / "config.json", TinyConfigJson("FalconForCausalLM").dump());
            },
            absl::StatusCode::kUnimplemented,
            {"config.json", "FalconForCausalLM"}},
        Bad{"MissingTensor",
            [](const auto&, TensorMap& tensors) { tensors.erase(kQuery1); },
            absl::StatusCode::kInvalidArgument,
            {"model.safetensors", kQuery1, "missing"}},
        Bad{"WrongShape",
            [](const auto&, TensorMap& tensors) { tensors[kQuery1] = at::zeros({32, 23}); },
            absl::StatusCode::kInvalidArgument,
            {"model.safetensors", kQuery1, "[32, 23]", "[32, 24]"}},
        Bad{"WrongVocabulary",
            [](const auto&, TensorMap& tensors) {
              tensors["model.embed_tokens.weight"] = at::zeros({64, 24});
            },
            absl::StatusCode::kInvalidArgument,
            {"model.safetensors", "model.embed_tokens.weight", "[64, 24]", "[61, 24]"}},
        Bad{"WrongDtype",
            [](const auto&, TensorMap& tensors) {
              tensors[kQuery1] = at::zeros({32, 24}, at::kLong);
            },
            absl::StatusCode::kInvalidArgument,
            {"model.safetensors", kQuery1, "I64"}},
        Bad{"TruncatedFile",
            [](const auto& dir, TensorMap&) {
              const auto path = dir / "model.safetensors";
              if (!std::filesystem::exists(path)) return;
              std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1);
            },
            absl::StatusCode::kDataLoss,
            {"model.safetensors", "tensor", "cut short"}},
        Bad{"BrokenHeader",
            [](const auto& dir, TensorMap&) {
              WriteText(dir / "model.safetensors", std::string(100, '\x01'));
            },
            absl::StatusCode::kDataLoss,
            {"model.safetensors", "header"}}),
    [](const auto& instance) { return std::string(instance.param.name); });

TEST(ModelFingerprintTest, ChangesWithEveryFileAndOnlyThen) {
  const testing::TempDir dir;
  const TensorMap tensors = RandomTensors(Config(), 1);
  WriteModel(dir.path(), Config(), tensors);
  IMPRINT_ASSERT_OK_AND_ASSIGN(const std::string first, ModelFingerprint(dir.path()));
  WriteText(dir / "README.md", "of no matter");
  IMPRINT_ASSERT_OK_AND_ASSIGN(const std::string again, ModelFingerprint(dir.path()));
  WriteText(dir / "config.json", Config().dump(2) + "\n");
  IMPRINT_ASSERT_OK_AND_ASSIGN(const std::string config, ModelFingerprint(dir.path()));
  std::string bytes = ReadText(dir / "model.safetensors");
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  WriteText(dir / "model.safetensors", bytes);
  IMPRINT_ASSERT_OK_AND_ASSIGN(const std::string flipped, ModelFingerprint(dir.path()));

  EXPECT_EQ(first.size(), 64u);
  EXPECT_EQ(first, again);
  EXPECT_NE(first, config);
  EXPECT_NE(config, flipped);
}

TEST(ModelFingerprintTest, WithoutAFolderThereIsNone) {
  EXPECT_THAT(ModelFingerprint("/nonexistent"), HasCode(absl::StatusCode::kNotFound));
}

}  // namespace
}  // namespace imprint::model
