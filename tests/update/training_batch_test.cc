// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/update/training_batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "ATen/core/TensorBody.h"

namespace imprint::update {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatEq;

constexpr float kExcluded = -std::numeric_limits<float>::infinity();

TEST(TrainingBatchTest, SureTeacherHasAllItsMassOnTheTargetTokens) {
  const std::vector<int32_t> prompt = {1};
  const std::vector<int32_t> target = {7, 4, 9};
  TrainingSentence sentence;
  sentence.item = {prompt, target};
  sentence.teacher.k = 3;
  // The target is the most likely token, the least likely one, and none of the three.
  sentence.teacher.ids = {7, 5, 6, /**/ 2, 3, 4, /**/ 1, 2, 3};
  sentence.teacher.log_probs = {-0.1F, -3.0F, -4.0F, -1.0F, -1.1F, -1.2F, -0.5F, -2.0F, -3.0F};

  BecomeSure(sentence);

  EXPECT_THAT(sentence.teacher.ids, ElementsAre(7, 5, 6, 4, 3, 2, 9, 2, 1));
  EXPECT_THAT(sentence.teacher.log_probs,
              ElementsAre(FloatEq(0), kExcluded, kExcluded, FloatEq(0), kExcluded, kExcluded,
                          FloatEq(0), kExcluded, kExcluded));
}

TEST(TrainingBatchTest, SureTeacherWithOneTokenOnly) {
  const std::vector<int32_t> prompt = {1};
  const std::vector<int32_t> target = {7};
  TrainingSentence sentence;
  sentence.item = {prompt, target};
  sentence.teacher = {.k = 1, .ids = {2}, .log_probs = {-0.5F}};

  BecomeSure(sentence);

  EXPECT_THAT(sentence.teacher.ids, ElementsAre(7));
  EXPECT_THAT(sentence.teacher.log_probs, ElementsAre(FloatEq(0)));
}

// Two sentences of two tokens each, and a retention text of four.
class WeightTest : public ::testing::Test {
 protected:
  static TrainingSentence Sentence(const std::vector<int32_t>& target) {
    TrainingSentence sentence;
    sentence.item = {kPrompt, target};
    sentence.teacher = {.k = 1, .ids = target, .log_probs = std::vector<float>(target.size(), 0)};
    return sentence;
  }
  static TrainingBatch Batch(const SentenceList& targets, const SentenceList& retention,
                             double retention_weight, double focus) {
    const TokenWeights weights(targets, retention, retention_weight, focus);
    return MakeTrainingBatch(targets, retention, weights, at::kCPU);
  }
  static std::vector<float> Weights(const TrainingBatch& batch) {
    const float* weights = batch.weight_T.const_data_ptr<float>();
    return {weights, weights + batch.weight_T.numel()};
  }

  static inline const std::vector<int32_t> kPrompt = {1};
  const std::vector<int32_t> first_ = {7, 8}, second_ = {9, 10}, unrelated_ = {3, 4, 5, 6};
  TrainingSentence a_ = Sentence(first_), b_ = Sentence(second_), retained_ = Sentence(unrelated_);
};

TEST_F(WeightTest, EvenWhereNothingIsKnownOfWhatTheContextSays) {
  const TrainingBatch batch = Batch({&a_, &b_}, {&retained_}, 1, 0.5);

  EXPECT_THAT(Weights(batch), ::testing::Each(FloatEq(0.125F)));
}

TEST_F(WeightTest, FocusOnTheTokensOnWhichTheContextSaysMuch) {
  const std::vector<float> of_a = {0, 1}, of_b = {3, 0};
  a_.base_kl = of_a;
  b_.base_kl = of_b;

  const TrainingBatch batch = Batch({&a_, &b_}, {&retained_}, 1, 0.5);

  EXPECT_THAT(Weights(batch),
              ElementsAre(FloatEq(0.0625F), FloatEq(0.125F), FloatEq(0.25F), FloatEq(0.0625F),
                          FloatEq(0.125F), FloatEq(0.125F), FloatEq(0.125F), FloatEq(0.125F)));
}

TEST_F(WeightTest, OneSurpriseDoesNotOutweighASentence) {
  const std::vector<float> of_a = {100, 4};
  a_.base_kl = of_a;

  const TrainingBatch batch = Batch({&a_}, {}, 1, 1);

  EXPECT_THAT(Weights(batch), ElementsAre(FloatEq(0.5F), FloatEq(0.5F)));
}

TEST_F(WeightTest, PartOfAStepHasItsShareOfTheStepsWeight) {
  const TokenWeights step({&a_, &b_}, {&retained_}, 1, 0.5);

  const TrainingBatch part = MakeTrainingBatch({&b_}, {}, step, at::kCPU);

  EXPECT_THAT(Weights(part), ElementsAre(FloatEq(0.125F), FloatEq(0.125F)));
}

TEST_F(WeightTest, RetentionTextKeepsItsOwnNumberOfTeacherTokens) {
  retained_.teacher = {.k = 2,
                       .ids = {3, 1, 4, 1, 5, 1, 6, 1},
                       .log_probs = {-0.1F, -3, -0.2F, -3, -0.3F, -3, -0.4F, -3}};

  const TrainingBatch batch = Batch({&a_, &b_}, {&retained_}, 1, 0);

  EXPECT_EQ(batch.teacher.ids_TK.sizes(), at::IntArrayRef({4, 1}));
  EXPECT_EQ(batch.retention_teacher.ids_TK.sizes(), at::IntArrayRef({4, 2}));
  EXPECT_EQ(batch.retention_teacher.ids_TK[3][0].item<int64_t>(), 6);
  EXPECT_FLOAT_EQ(batch.retention_teacher.log_probs_TK[2][0].item<float>(), -0.3F);
}

}  // namespace
}  // namespace imprint::update
