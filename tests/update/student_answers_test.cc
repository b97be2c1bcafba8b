// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/update/student_answers.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/model/device.h"
#include "server/model/network.h"
#include "server/probe/kl.h"
#include "server/store/teacher_codec.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/test_device.h"
#include "tests/testing/tiny_model.h"

namespace imprint::update {
namespace {

using ::imprint::testing::HasCode;
using Ids = std::vector<int32_t>;

constexpr int kTopK = 5;

Ids Tokens(int seed, int count) {
  Ids ids;
  for (int i = 0; i < count; ++i) ids.push_back(3 + (seed * 131 + i * 71 + i * i * 7) % 90);
  return ids;
}

Ids Join(Ids first, const Ids& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

// Forty questions, more than are written at once, about two contexts.
class StudentAnswersTest : public ::testing::Test {
 protected:
  StudentAnswersTest()
      : base_(testing::RandomWeights(testing::TinyConfig(), 1, testing::TestPlacement("f32"))),
        student_(model::Adapter::Make(base_->config, base_->placement, 4, 8, 1, 0)) {
    model::SetComputeThreads(1);
    for (at::Tensor& parameter : student_.Parameters()) {
      parameter.copy_(at::randn(parameter.sizes()) * 0.1);
    }
    for (int i = 0; i < 40; ++i) {
      const Ids question = Join(Tokens(99, 6), Tokens(i, 3 + i % 5));
      student_prompts_.push_back(question);
      teacher_prompts_.push_back(Join(Tokens(i % 2 == 0 ? 200 : 300, 20), question));
    }
    options_ = {.max_answer_tokens = 6, .top_k = kTopK, .stop_ids = {}};
  }

  std::vector<StudentQuestion> Questions(size_t first, size_t count) const {
    std::vector<StudentQuestion> questions;
    for (size_t i = first; i < first + count; ++i) {
      questions.push_back({student_prompts_[i], teacher_prompts_[i]});
    }
    return questions;
  }
  absl::StatusOr<std::vector<store::TargetRecord>> Ask(
      const std::vector<StudentQuestion>& questions, uint64_t seed) const {
    return AskStudent(*base_, student_, questions, options_, seed, nullptr, {});
  }

  // One sequence by itself: log-probabilities of what follows the prompt [target, vocab].
  at::Tensor LogProbs(const model::Adapter* adapter, const Ids& prompt, const Ids& target) const {
    const Ids tokens = Join(prompt, target);
    model::ForwardOptions options;
    options.adapter = adapter;
    const at::Tensor hidden = model::Network::Forward(
        *base_, tokens, {{.length = static_cast<int64_t>(tokens.size())}}, options);
    const at::Tensor rows = hidden.narrow(0, static_cast<int64_t>(prompt.size()) - 1,
                                          static_cast<int64_t>(target.size()));
    return at::log_softmax(model::Network::Logits(*base_, rows), 1);
  }

  const at::NoGradGuard no_grad_;
  const std::shared_ptr<const model::Weights> base_;
  model::Adapter student_;
  std::vector<Ids> student_prompts_, teacher_prompts_;
  StudentAnswersOptions options_;
};

TEST_F(StudentAnswersTest, EachIsJudgedAfterItsOwnTeachersPrompt) {
  const auto answers = Ask(Questions(0, 40), 3);

  IMPRINT_ASSERT_OK(answers);
  ASSERT_EQ(answers->size(), 40u);
  for (size_t i = 0; i < 40; ++i) {
    const store::TargetRecord& answer = (*answers)[i];
    EXPECT_EQ(answer.kind(), "student");
    EXPECT_EQ(Ids(answer.student_prompt_ids().begin(), answer.student_prompt_ids().end()),
              student_prompts_[i]);
    const Ids said(answer.target_ids().begin(), answer.target_ids().end());
    ASSERT_EQ(said.size(), 6u);
    const at::Tensor teacher = LogProbs(nullptr, teacher_prompts_[i], said);
    const at::Tensor student = LogProbs(&student_, student_prompts_[i], said);
    IMPRINT_ASSERT_OK_AND_ASSIGN(const store::TeacherRows rows, store::UnpackTeacher(answer));
    ASSERT_EQ(rows.k, kTopK);
    for (int t = 0; t < 6; ++t) {
      std::vector<float> student_log_probs;
      for (int j = 0; j < kTopK; ++j) {
        const int32_t id = rows.ids_of(t)[j];
        EXPECT_NEAR(rows.log_probs_of(t)[j], teacher[t][id].item<float>(), 1e-4);
        student_log_probs.push_back(student[t][id].item<float>());
      }
      EXPECT_NEAR(answer.base_kl(t), probe::TopKKl(rows.log_probs_of(t), student_log_probs), 1e-4);
    }
  }
}

TEST_F(StudentAnswersTest, AnAnswerDoesNotDependOnWhatElseIsAsked) {
  const auto together = Ask(Questions(0, 40), 3);
  IMPRINT_ASSERT_OK(together);

  for (const size_t i : {0, 5, 31, 32, 39}) {
    const auto alone = Ask(Questions(i, 1), 3 + i);
    IMPRINT_ASSERT_OK(alone);
    EXPECT_EQ(Ids(alone->front().target_ids().begin(), alone->front().target_ids().end()),
              Ids((*together)[i].target_ids().begin(), (*together)[i].target_ids().end()))
        << i;
  }
}

TEST_F(StudentAnswersTest, TheSameSeedGivesTheSameBytes) {
  const auto once = Ask(Questions(0, 40), 3), again = Ask(Questions(0, 40), 3);
  const auto other = Ask(Questions(0, 40), 4000);

  IMPRINT_ASSERT_OK(once);
  IMPRINT_ASSERT_OK(again);
  IMPRINT_ASSERT_OK(other);
  bool differs = false;
  for (size_t i = 0; i < 40; ++i) {
    EXPECT_EQ((*once)[i].SerializeAsString(), (*again)[i].SerializeAsString()) << i;
    differs = differs || (*once)[i].SerializeAsString() != (*other)[i].SerializeAsString();
  }
  EXPECT_TRUE(differs);
}

TEST_F(StudentAnswersTest, AnAnswerThatEndsKeepsWhatItEndedWith) {
  const auto without = Ask(Questions(0, 1), 3);
  IMPRINT_ASSERT_OK(without);
  const int32_t third = without->front().target_ids(2);
  options_.stop_ids = {third};

  const auto answers = Ask(Questions(0, 1), 3);

  IMPRINT_ASSERT_OK(answers);
  const auto& said = answers->front().target_ids();
  ASSERT_GT(said.size(), 0);
  EXPECT_LE(said.size(), 3);
  EXPECT_EQ(said[said.size() - 1], third);
}

TEST_F(StudentAnswersTest, CancelledInBetween) {
  EXPECT_THAT(
      AskStudent(*base_, student_, Questions(0, 2), options_, 3, nullptr, [] { return true; }),
      HasCode(absl::StatusCode::kCancelled));
}

}  // namespace
}  // namespace imprint::update
