// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/model/adapter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "ATen/ATen.h"
#include "server/model/network.h"
#include "tests/model/model_folder.h"
#include "tests/model/reference_network.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"
#include "tests/testing/test_device.h"

namespace imprint::model {
namespace {

using ::imprint::testing::HasCode;
using ::imprint::testing::IsError;
using ::testing::AllOf;
using ::testing::HasSubstr;

class AdapterTest : public ::testing::Test {
 protected:
  AdapterTest()
      : placement_(testing::TestPlacement("f32")),
        base_(MakeRandomModel(TinyConfigJson("Qwen2ForCausalLM"), placement_)) {}

  Adapter Random(uint64_t seed) const {
    Adapter adapter = Adapter::Make(base_->config, placement_, 4, 6, seed);
    const Adapter other = Adapter::Make(base_->config, placement_, 64, 6, seed + 1000);
    for (size_t layer = 0; layer < adapter.layers.size(); ++layer) {
      for (size_t i = 0; i < kLinearsPerLayer; ++i) {
        LowRankPair& pair = adapter.layers[layer][i];
        pair.b.copy_(other.layers[layer][i].a.narrow(0, 0, pair.b.size(0)).narrow(1, 0, 4));
      }
    }
    return adapter;
  }
  at::Tensor Hidden(const Weights& weights, const Adapter* adapter = nullptr) const {
    return Network::Forward(weights, {3, 1, 4, 1, 5, 9, 2}, {Segment{0, 7, -1, nullptr}},
                            {.adapter = adapter});
  }

  const Placement placement_;
  const std::shared_ptr<const Weights> base_;
};

TEST_F(AdapterTest, AFreshOneChangesNothing) {
  const Adapter adapter = Adapter::Make(base_->config, placement_, 4, 8, 1);

  EXPECT_EQ(adapter.rank, 4);
  EXPECT_DOUBLE_EQ(adapter.scale, 2);
  EXPECT_EQ(adapter.Parameters().size(), 3u * kLinearsPerLayer * 2);
  EXPECT_LT(RelativeError(Hidden(*base_, &adapter), Hidden(*base_)), 1e-6);
  const auto merged = Merge(base_, {&adapter});
  EXPECT_TRUE(at::equal(merged->layers[1].gate_up, base_->layers[1].gate_up));
}

TEST_F(AdapterTest, ASeedMeansTheSameNumbers) {
  const Adapter one = Adapter::Make(base_->config, placement_, 4, 8, 1);
  const Adapter same = Adapter::Make(base_->config, placement_, 4, 8, 1);
  const Adapter other = Adapter::Make(base_->config, placement_, 4, 8, 2);

  const at::Tensor& a = one.layers[1][6].a;
  EXPECT_TRUE(at::equal(a, same.layers[1][6].a));
  EXPECT_FALSE(at::equal(a, other.layers[1][6].a));
  EXPECT_LE(a.abs().max().item<double>(), 1 / std::sqrt(40.0));
  EXPECT_EQ(at::count_nonzero(one.layers[1][6].b).item<int64_t>(), 0);
}

TEST_F(AdapterTest, ACloneSharesNothing) {
  const Adapter adapter = Random(1);
  const Adapter clone = adapter.Clone();
  clone.Parameters()[0].zero_();

  EXPECT_FALSE(at::equal(adapter.Parameters()[0], clone.Parameters()[0]));
  EXPECT_TRUE(at::equal(adapter.Parameters()[1], clone.Parameters()[1]));
  EXPECT_EQ(clone.scale, adapter.scale);
}

TEST_F(AdapterTest, MergedWeightsEqualTheAdapterBeside) {
  const Adapter adapter = Random(1);

  const auto merged = Merge(base_, {&adapter});

  EXPECT_GT(RelativeError(Hidden(*merged), Hidden(*base_)), 0.05);
  EXPECT_LT(RelativeError(Hidden(*merged), Hidden(*base_, &adapter)), 1e-5);
  EXPECT_LT(RelativeError(Hidden(*base_, &adapter),
                          ReferenceForward(*base_, {3, 1, 4, 1, 5, 9, 2}, &adapter)),
            1e-5);
}

TEST_F(AdapterTest, MergeLeavesTheBaseAndSharesWhatNoDeltaTouches) {
  const at::Tensor before = base_->layers[0].query_key_value.clone();
  const Adapter adapter = Random(1);

  const auto merged = Merge(base_, {&adapter});

  EXPECT_TRUE(at::equal(base_->layers[0].query_key_value, before));
  EXPECT_TRUE(merged->embedding.is_same(base_->embedding));
  EXPECT_TRUE(merged->layers[0].input_norm.is_same(base_->layers[0].input_norm));
  EXPECT_TRUE(merged->layers[0].bias[0].is_same(base_->layers[0].bias[0]));
  EXPECT_FALSE(merged->layers[0].gate_up.is_alias_of(base_->layers[0].gate_up));
  EXPECT_TRUE(merged->layers[0].linear[4].is_alias_of(merged->layers[0].gate_up));
  EXPECT_EQ(Merge(base_, {}), base_);
}

TEST_F(AdapterTest, MergedWeightsAreRoundedOnceFromF32) {
  Placement placement = testing::TestPlacement("bf16");
  const auto base = MakeRandomModel(TinyConfigJson("LlamaForCausalLM"), placement);
  const Adapter first = Random(1);
  const Adapter second = Random(2);

  const auto merged = Merge(base, {&first, &second});

  for (size_t i = 0; i < kLinearsPerLayer; ++i) {
    at::Tensor sum = base->layers[1].linear[i].to(at::kFloat).clone();
    for (const Adapter* delta : {&first, &second}) {
      sum.addmm_(delta->layers[1][i].b, delta->layers[1][i].a, 1, delta->scale);
    }
    EXPECT_TRUE(at::equal(merged->layers[1].linear[i].to(at::kBFloat16), sum.to(at::kBFloat16)));
  }
  // Rounding after each of them would give something else.
  const auto twice = Merge(Merge(base, {&first}), {&second});
  EXPECT_FALSE(at::equal(twice->layers[1].gate_up, merged->layers[1].gate_up));
}

TEST_F(AdapterTest, TheSameDeltasGiveTheSameBytes) {
  const Adapter first = Random(1);
  const Adapter second = Random(2);

  const auto one = Merge(base_, {&first, &second});
  const auto two = Merge(base_, {&first, &second});

  for (size_t layer = 0; layer < 3; ++layer) {
    EXPECT_TRUE(at::equal(one->layers[layer].query_key_value, two->layers[layer].query_key_value));
    EXPECT_TRUE(at::equal(one->layers[layer].linear[6], two->layers[layer].linear[6]));
  }
}

TEST_F(AdapterTest, WhatIsSavedIsLoaded) {
  const testing::TempDir dir;
  const Adapter adapter = Random(1);

  IMPRINT_ASSERT_OK_AND_ASSIGN(const auto digests, SaveAdapter(adapter, dir / "a.safetensors"));
  IMPRINT_ASSERT_OK_AND_ASSIGN(
      const Adapter loaded, LoadAdapter(dir / "a.safetensors", base_->config, placement_, digests));

  EXPECT_EQ(loaded.rank, 4);
  EXPECT_EQ(loaded.scale, adapter.scale);
  EXPECT_EQ(digests.size(), 42u);
  EXPECT_TRUE(digests.contains("base_model.model.model.layers.2.mlp.down_proj.lora_B.weight"));
  for (size_t i = 0; i < 42; ++i) {
    EXPECT_TRUE(at::equal(loaded.Parameters()[i], adapter.Parameters()[i]));
  }
}

TEST_F(AdapterTest, AnAdapterOfTheUpperBlocksLeavesTheLowerOnes) {
  const testing::TempDir dir;
  const Adapter upper = Adapter::Make(base_->config, placement_, 4, 6, 1, /*first_layer=*/2);
  EXPECT_EQ(upper.Parameters().size(), 1u * kLinearsPerLayer * 2);
  for (const LowRankPair& pair : upper.layers[2]) pair.b.fill_(0.1);
  const Adapter whole = Random(2);

  IMPRINT_ASSERT_OK_AND_ASSIGN(const auto digests, SaveAdapter(upper, dir / "a"));
  IMPRINT_ASSERT_OK_AND_ASSIGN(const Adapter loaded,
                               LoadAdapter(dir / "a", base_->config, placement_, digests));
  const auto merged = Merge(base_, {&loaded});
  const auto both = Merge(base_, {&whole, &loaded});

  EXPECT_EQ(loaded.first_layer, 2);
  EXPECT_EQ(loaded.Clone().Parameters().size(), upper.Parameters().size());
  EXPECT_TRUE(merged->layers[1].gate_up.is_same(base_->layers[1].gate_up));
  EXPECT_FALSE(at::equal(merged->layers[2].gate_up, base_->layers[2].gate_up));
  EXPECT_LT(RelativeError(Hidden(*merged), Hidden(*base_, &upper)), 1e-5);
  EXPECT_TRUE(at::equal(both->layers[1].gate_up, Merge(base_, {&whole})->layers[1].gate_up));
}

TEST_F(AdapterTest, TheSameAdapterGivesTheSameFile) {
  const testing::TempDir dir;
  IMPRINT_ASSERT_OK(SaveAdapter(Random(1), dir / "one"));
  IMPRINT_ASSERT_OK(SaveAdapter(Random(1), dir / "two"));

  EXPECT_EQ(ReadText(dir / "one"), ReadText(dir / "two"));
}

TEST_F(AdapterTest, AFlippedBitIsDataLossByTheTensorsName) {
  const testing::TempDir dir;
  IMPRINT_ASSERT_OK_AND_ASSIGN(const auto digests, SaveAdapter(Random(1), dir / "a"));
  std::string bytes = ReadText(dir / "a");
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  WriteText(dir / "a", bytes);

  EXPECT_THAT(LoadAdapter(dir / "a", base_->config, placement_, digests),
              IsError(absl::StatusCode::kDataLoss,
                      AllOf(HasSubstr("layers.2.mlp.down_proj.lora_B"), HasSubstr("damaged"))));
}

TEST_F(AdapterTest, AFileCutShortIsDataLoss) {
  const testing::TempDir dir;
  IMPRINT_ASSERT_OK_AND_ASSIGN(const auto digests, SaveAdapter(Random(1), dir / "a"));
  std::filesystem::resize_file(dir / "a", std::filesystem::file_size(dir / "a") - 100);

  EXPECT_THAT(LoadAdapter(dir / "a", base_->config, placement_, digests),
              HasCode(absl::StatusCode::kDataLoss));
}

TEST_F(AdapterTest, AnAdapterOfAnotherModelIsRefused) {
  const testing::TempDir dir;
  IMPRINT_ASSERT_OK_AND_ASSIGN(const auto digests, SaveAdapter(Random(1), dir / "a"));
  ModelConfig wider = base_->config;
  wider.intermediate_size = 48;
  ModelConfig deeper = base_->config;
  deeper.layers = 4;

  EXPECT_THAT(LoadAdapter(dir / "a", wider, placement_, {}),
              IsError(absl::StatusCode::kDataLoss, HasSubstr("layers.0.mlp.gate_proj.lora_B")));
  EXPECT_THAT(LoadAdapter(dir / "a", deeper, placement_, {}),
              IsError(absl::StatusCode::kDataLoss, HasSubstr("42 tensors")));
}

TEST_F(AdapterTest, AnAdapterOfBlocksThatTheModelHasNotIsRefused) {
  const testing::TempDir dir;
  const Adapter upper = Adapter::Make(base_->config, placement_, 4, 6, 1, /*first_layer=*/2);
  IMPRINT_ASSERT_OK(SaveAdapter(upper, dir / "a"));
  ModelConfig shallower = base_->config;
  shallower.layers = 2;

  EXPECT_THAT(LoadAdapter(dir / "a", shallower, placement_, {}),
              IsError(absl::StatusCode::kDataLoss, HasSubstr("first_layer 2")));
}

TEST_F(AdapterTest, AFileThatIsNoAdapterIsRefused) {
  const testing::TempDir dir;
  WriteTensors(dir / "a", RandomTensors(TinyConfigJson("LlamaForCausalLM"), 1));

  EXPECT_THAT(LoadAdapter(dir / "a", base_->config, placement_, {}),
              IsError(absl::StatusCode::kDataLoss, HasSubstr("rank and scale")));
  EXPECT_THAT(LoadAdapter(dir / "none", base_->config, placement_, {}),
              HasCode(absl::StatusCode::kNotFound));
}

}  // namespace
}  // namespace imprint::model
