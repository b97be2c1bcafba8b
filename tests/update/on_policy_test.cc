// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/update/on_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "server/store/teacher_codec.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/tiny_model.h"

namespace imprint::update {
namespace {

using ::imprint::testing::HasCode;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int32_t kWritten = 7;
constexpr int32_t kSaid = 9;

// Of one token.
store::TargetRecord Record(int32_t target) {
  store::TargetRecord record;
  record.add_student_prompt_ids(1);
  record.add_target_ids(target);
  store::PackTeacher({.k = 1, .ids = {target}, .log_probs = {0}}, record);
  return record;
}

// A plain text, then four questions.
class OnPolicyTest : public ::testing::Test {
 protected:
  OnPolicyTest() {
    for (const store::TargetRecord& record : records_) {
      sentences_.push_back(MakeTrainingSentence(record, config_).value());
    }
  }

  OnPolicySentences Make(double share) {
    return OnPolicySentences(
        {1, 2, 3, 4}, share,
        [this](const std::vector<size_t>& asked,
               uint64_t seed) -> absl::StatusOr<std::vector<store::TargetRecord>> {
          seeds_.push_back(seed);
          if (!error_.ok()) return error_;
          std::vector<store::TargetRecord> answers(asked.size(), Record(kSaid));
          if (one_is_missing_) answers.pop_back();
          return answers;
        });
  }
  absl::Status AskAgain(OnPolicySentences& on_policy, int round) {
    return on_policy.AskAgain(round, /*seed=*/100 + static_cast<uint64_t>(round), config_,
                              sentences_);
  }
  // The target of each sentence.
  std::vector<int32_t> Targets() const {
    std::vector<int32_t> targets;
    for (const TrainingSentence& sentence : sentences_) {
      targets.push_back(sentence.item.target[0]);
    }
    return targets;
  }

  const model::ModelConfig config_ = testing::TinyConfig();
  const std::vector<store::TargetRecord> records_{5, Record(kWritten)};
  std::vector<TrainingSentence> sentences_;
  std::vector<uint64_t> seeds_;
  absl::Status error_;
  bool one_is_missing_ = false;
};

TEST_F(OnPolicyTest, HalfOfTheQuestionsTakeTurns) {
  OnPolicySentences on_policy = Make(0.5);

  IMPRINT_ASSERT_OK(AskAgain(on_policy, 0));
  EXPECT_THAT(Targets(), ElementsAre(kWritten, kWritten, kSaid, kWritten, kSaid));
  IMPRINT_ASSERT_OK(AskAgain(on_policy, 1));
  EXPECT_THAT(Targets(), ElementsAre(kWritten, kSaid, kWritten, kSaid, kWritten));
  IMPRINT_ASSERT_OK(AskAgain(on_policy, 2));
  EXPECT_THAT(Targets(), ElementsAre(kWritten, kWritten, kSaid, kWritten, kSaid));
  EXPECT_THAT(seeds_, ElementsAre(100, 101, 102));
}

TEST_F(OnPolicyTest, AllQuestionsAndNoPlainText) {
  OnPolicySentences on_policy = Make(1);

  IMPRINT_ASSERT_OK(AskAgain(on_policy, 0));
  IMPRINT_ASSERT_OK(AskAgain(on_policy, 1));

  EXPECT_THAT(Targets(), ElementsAre(kWritten, kSaid, kSaid, kSaid, kSaid));
}

TEST_F(OnPolicyTest, WhereNothingIsDueNobodyIsAsked) {
  OnPolicySentences on_policy = Make(0.1);

  IMPRINT_ASSERT_OK(AskAgain(on_policy, 0));

  EXPECT_THAT(seeds_, IsEmpty());
  EXPECT_THAT(Targets(), ::testing::Each(kWritten));
}

TEST_F(OnPolicyTest, OffWithoutAShareOrWithoutQuestions) {
  EXPECT_TRUE(Make(0.5).enabled());
  EXPECT_FALSE(Make(0).enabled());
  EXPECT_FALSE(OnPolicySentences({}, 0.5, {}).enabled());
}

TEST_F(OnPolicyTest, ErrorsPassThrough) {
  OnPolicySentences on_policy = Make(0.5);
  error_ = absl::UnavailableError("no answer");
  EXPECT_THAT(AskAgain(on_policy, 0), HasCode(absl::StatusCode::kUnavailable));

  error_ = absl::OkStatus();
  one_is_missing_ = true;
  EXPECT_THAT(AskAgain(on_policy, 1), HasCode(absl::StatusCode::kInternal));
}

}  // namespace
}  // namespace imprint::update
