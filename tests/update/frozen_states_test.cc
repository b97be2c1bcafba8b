// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/update/frozen_states.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "server/model/device.h"
#include "server/model/network.h"
#include "server/update/step_gradient.h"
#include "tests/testing/test_device.h"
#include "tests/testing/tiny_model.h"

namespace imprint::update {
namespace {

constexpr int64_t kRoom = int64_t{1} << 20;

// Three sentences, two of which share a prompt, and one that is alone.
class FrozenStatesTest : public ::testing::Test {
 protected:
  FrozenStatesTest() {
    model::SetComputeThreads(1);
    for (int32_t i = 0; i < 20; ++i) prompt_.push_back(3 + i);
  }

  std::vector<PackItem> Items() const {
    return {{prompt_, first_}, {alone_, second_}, {prompt_, second_}};
  }

  at::Tensor Computed(const PackedBatch& packed) const {
    return model::Network::LowerStates(*base_, packed.tokens, packed.segments, /*layers=*/1);
  }

  const std::shared_ptr<const model::Weights> base_ =
      testing::RandomWeights(testing::TinyConfig(), 1, testing::TestPlacement("f32"));
  std::vector<int32_t> prompt_;
  const std::vector<int32_t> alone_ = {60, 61}, first_ = {30, 31, 32}, second_ = {40, 41};
};

TEST_F(FrozenStatesTest, ForwardFromThemIsTheWholeForwardPass) {
  const PackedBatch packed = Pack(Items());
  const at::Tensor whole = model::Network::Forward(*base_, packed.tokens, packed.segments);
  const at::Tensor from = model::Network::ForwardFrom(*base_, 1, Computed(packed), packed.segments);
  EXPECT_TRUE(at::equal(from, whole));
}

TEST_F(FrozenStatesTest, HeldStatesAreThoseOfAnyBatch) {
  FrozenStates states(*base_, /*layers=*/1, kRoom);
  ASSERT_TRUE(states.Prepare(Items(), nullptr, {}).ok());
  // Prompts of 20, 2 and 20 tokens, and all but the last of each target.
  EXPECT_EQ(states.bytes(), FrozenStates::BytesOf(base_->config, 22 + 3 + 21));

  const std::vector<PackItem> others = {Items()[2], Items()[1]};
  for (const std::vector<PackItem>& items : {Items(), others}) {
    PackedBatch packed = Pack(items);
    PadTokens(16, packed);
    const at::Tensor held = states.Of(items, packed, {});
    const at::Tensor computed = Computed(packed);
    ASSERT_EQ(held.sizes(), computed.sizes());
    const int64_t tokens = static_cast<int64_t>(Pack(items).tokens.size());
    EXPECT_TRUE(at::allclose(held.narrow(0, 0, tokens), computed.narrow(0, 0, tokens), 1e-4, 1e-5));
    EXPECT_TRUE(at::isfinite(held).all().item<bool>());
  }
}

TEST_F(FrozenStatesTest, WhatThereIsNoRoomForIsComputed) {
  FrozenStates states(*base_, /*layers=*/1, FrozenStates::BytesOf(base_->config, 25));
  ASSERT_TRUE(states.Prepare(Items(), nullptr, {}).ok());
  EXPECT_EQ(states.bytes(), FrozenStates::BytesOf(base_->config, 25));

  const PackedBatch packed = Pack(Items());
  EXPECT_TRUE(at::allclose(states.Of(Items(), packed, {}), Computed(packed), 1e-4, 1e-5));
}

TEST_F(FrozenStatesTest, OnlyWhatIsKeptTakesRoom) {
  FrozenStates states(*base_, /*layers=*/1, kRoom);
  ASSERT_TRUE(states.Prepare(Items(), nullptr, {}).ok());
  states.KeepOnly({Items()[1]});
  EXPECT_EQ(states.bytes(), FrozenStates::BytesOf(base_->config, 3));
  states.KeepOnly({});
  EXPECT_EQ(states.bytes(), 0);
}

TEST_F(FrozenStatesTest, PreparingCanBeCancelled) {
  FrozenStates states(*base_, /*layers=*/1, kRoom);
  EXPECT_TRUE(absl::IsCancelled(states.Prepare(Items(), nullptr, [] { return true; })));
  EXPECT_EQ(states.bytes(), 0);
}

// What the step's gradient rests on.
TEST_F(FrozenStatesTest, AStepHasTheSameGradientWithThemAsWithout) {
  model::Adapter adapter = model::Adapter::Make(base_->config, base_->placement, /*rank=*/4,
                                                /*alpha=*/8, /*seed=*/1, /*first_layer=*/1);
  for (at::Tensor& parameter : adapter.Parameters()) parameter.requires_grad_(true);
  std::vector<TrainingSentence> sentences;
  for (const PackItem& item : Items()) {
    TrainingSentence sentence;
    sentence.item = item;
    sentence.teacher = {.k = 1, .ids = {item.target.begin(), item.target.end()}, .log_probs = {}};
    sentence.teacher.log_probs.assign(item.target.size(), -0.1F);
    sentences.push_back(std::move(sentence));
  }
  SentenceList list;
  for (const TrainingSentence& sentence : sentences) list.push_back(&sentence);

  FrozenStates states(*base_, /*layers=*/1, kRoom);
  ASSERT_TRUE(states.Prepare(Items(), nullptr, {}).ok());
  const TokenWeights weights(list, {}, 1, 0.5);
  const StepGradient without =
      ComputeStepGradient(*base_, adapter, list, {}, weights, nullptr, nullptr);
  const StepGradient with =
      ComputeStepGradient(*base_, adapter, list, {}, weights, &states, nullptr);

  EXPECT_NEAR(with.loss, without.loss, 1e-5 * without.loss);
  ASSERT_EQ(with.gradients.size(), without.gradients.size());
  for (size_t i = 0; i < with.gradients.size(); ++i) {
    ASSERT_EQ(with.gradients[i].defined(), without.gradients[i].defined()) << i;
    if (!with.gradients[i].defined()) continue;
    EXPECT_TRUE(at::allclose(with.gradients[i], without.gradients[i], 1e-3, 1e-6)) << i;
  }
}

}  // namespace
}  // namespace imprint::update
