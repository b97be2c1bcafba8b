// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/update/step_gradient.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "tests/testing/test_device.h"
#include "tests/testing/tiny_model.h"

namespace imprint::update {
namespace {

class StepGradientTest : public ::testing::Test {
 protected:
  StepGradientTest() {
    model::SetComputeThreads(1);
    for (at::Tensor& parameter : adapter_.Parameters()) parameter.requires_grad_(true);
    for (int32_t i = 0; i < kSentences; ++i) {
      tokens_.push_back({3 + i, 9, 5 + i, 7, 8 + 2 * i, 11});
    }
    for (const std::vector<int32_t>& tokens : tokens_) {
      TrainingSentence sentence;
      const auto all = absl::MakeConstSpan(tokens);
      sentence.item = {all.first(2), all.subspan(2)};
      sentence.teacher = {.k = 1, .ids = {all.begin() + 2, all.end()}, .log_probs = {}};
      sentence.teacher.log_probs.assign(sentence.item.target.size(), -0.1F);
      sentences_.push_back(std::move(sentence));
    }
    for (const TrainingSentence& sentence : sentences_) list_.push_back(&sentence);
  }

  StepGradient Compute(const SentenceList& sentences) const {
    return ComputeStepGradient(*base_, adapter_, sentences, {}, {list_, {}, 1, 0.5}, nullptr,
                               nullptr);
  }

  static constexpr int kSentences = 8;
  const std::shared_ptr<const model::Weights> base_ =
      testing::RandomWeights(testing::TinyConfig(), 1, testing::TestPlacement("f32"));
  model::Adapter adapter_ =
      model::Adapter::Make(base_->config, base_->placement, /*rank=*/4, /*alpha=*/8, /*seed=*/1);
  std::vector<std::vector<int32_t>> tokens_;
  std::vector<TrainingSentence> sentences_;
  SentenceList list_;
};

TEST_F(StepGradientTest, LeavesTheParametersGradientsAlone) {
  const StepGradient step = Compute(list_);

  ASSERT_EQ(step.gradients.size(), adapter_.Parameters().size());
  EXPECT_GT(step.loss, 0);
  EXPECT_EQ(step.target_kl.size(), list_.size());
  for (const at::Tensor& parameter : adapter_.Parameters()) {
    EXPECT_FALSE(parameter.grad().defined());
  }
}

// What parts do side by side, in threads that the thread sanitizer sees.
TEST_F(StepGradientTest, ThreadsOverOneAdapterComputeWhatEachWouldAlone) {
  const SentenceList halves[] = {{list_.begin(), list_.begin() + kSentences / 2},
                                 {list_.begin() + kSentences / 2, list_.end()}};
  StepGradient alone[2], beside[2];
  for (int i = 0; i < 2; ++i) alone[i] = Compute(halves[i]);
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&, i] { beside[i] = Compute(halves[i]); });
  }
  for (std::thread& thread : threads) thread.join();

  const StepGradient whole = Compute(list_);
  EXPECT_NEAR(alone[0].loss + alone[1].loss, whole.loss, 1e-5 * whole.loss);
  for (size_t i = 0; i < whole.gradients.size(); ++i) {
    EXPECT_TRUE(at::equal(beside[0].gradients[i], alone[0].gradients[i])) << i;
    EXPECT_TRUE(at::equal(beside[1].gradients[i], alone[1].gradients[i])) << i;
    EXPECT_TRUE(at::allclose(beside[0].gradients[i] + beside[1].gradients[i], whole.gradients[i],
                             1e-3, 1e-6))
        << i;
  }
}

TEST_F(StepGradientTest, PartsKeepMoreThanHalfOfTheThreadsBusyOrThereIsOne) {
  model::SetComputeThreads(4);
  EXPECT_EQ(StepParts(1024, at::kCPU), 4);
  EXPECT_EQ(StepParts(200, at::kCPU), 3);
  EXPECT_EQ(StepParts(128, at::kCPU), 1);
  EXPECT_EQ(StepParts(1024, at::Device(at::kCUDA, 0)), 1);
  model::SetComputeThreads(1);
  EXPECT_EQ(StepParts(1024, at::kCPU), 1);
}

}  // namespace
}  // namespace imprint::update
