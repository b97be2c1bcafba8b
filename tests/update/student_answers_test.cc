// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/update/student_answers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/synchronization/notification.h"
#include "server/engine/compute_share.h"
#include "server/probe/teacher.h"
#include "server/store/teacher_codec.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"
#include "tests/testing/tiny_model.h"

namespace imprint::update {
namespace {

using ::imprint::testing::HasCode;

constexpr char kBoat[] = "The boat of Mira is red. It was built in 1923 by Otto Senn.";
constexpr char kTower[] = "The tower of Arden is white. It was built in 1871 by Anna Kovac.";

// A real engine over the tiny trained model, which is base and student in one.
class StudentAnswersTest : public ::testing::Test {
 protected:
  void SetUp() override {
    IMPRINT_ASSERT_OK_AND_ASSIGN(text_, text::TextModel::Load(testing::kTinyChatDir));
    IMPRINT_ASSERT_OK_AND_ASSIGN(base_, testing::LoadTinyChat());
    store::StoreOptions store_options;
    store_options.path = temp_ / "store";
    store_options.model_fingerprint = "model";
    store_options.tokenizer_fingerprint = "tokenizer";
    IMPRINT_ASSERT_OK_AND_ASSIGN(store_, store::Store::Open(store_options));
    IMPRINT_ASSERT_OK_AND_ASSIGN(log_,
                                 experience::ExperienceLog::Open(store_.get(), {}, Clock::Real()));
    engine_ = engine::Engine::Start({}, &share_, nullptr, Clock::Real());
    engine_->SetCurrent(base_);
    probe_maker_ = std::make_unique<probe::ProbeMaker>(probe::ProbeMakerOptions{}, engine_.get(),
                                                       base_, text_.get());
    generator_ = std::make_unique<generator::Generator>(
        generator::GeneratorOptions{}, engine_.get(), base_, text_.get(), probe_maker_.get());
    answers_ = std::make_unique<StudentAnswers>(
        StudentAnswersOptions{.max_answer_tokens = 8, .top_k = 5}, engine_.get(), base_,
        text_.get(), log_.get(), generator_.get());
  }

  int64_t Append(const std::string& text) {
    store::ExperienceRecord record;
    record.set_text(text);
    absl::Notification done;
    int64_t sequence = 0;
    log_->Append(std::move(record), [&](absl::StatusOr<store::ExperienceRecord> appended) {
      IMPRINT_EXPECT_OK(appended);
      if (appended.ok()) sequence = appended->sequence();
      done.Notify();
    });
    done.WaitForNotification();
    return sequence;
  }

  store::TargetRecord Question(const std::string& question) {
    store::TargetRecord record;
    record.set_prompt(question);
    const auto ids = probe::QuestionPrompt(*text_, {}, question);
    IMPRINT_EXPECT_OK(ids);
    record.mutable_student_prompt_ids()->Assign(ids->begin(), ids->end());
    return record;
  }

  // KL(teacher||student) over an answer, where the teacher is told `context`.
  double KlAfter(const std::string& context, store::TargetRecord answer) {
    const auto prompt = probe::QuestionPrompt(*text_, {context}, answer.prompt());
    IMPRINT_EXPECT_OK(prompt);
    IMPRINT_EXPECT_OK(probe::FillTeacher(*engine_, base_, {*prompt}, 5, {&answer, 1}, Never));
    const auto sums = probe::SumKl(*engine_, base_, {&answer, 1}, Never);
    IMPRINT_EXPECT_OK(sums);
    return sums->front();
  }

  static bool Never() { return false; }

  const testing::TempDir temp_;
  std::unique_ptr<text::TextModel> text_;
  engine::SharedVersion base_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<experience::ExperienceLog> log_;
  engine::ComputeShare share_{0.5};
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<probe::ProbeMaker> probe_maker_;
  std::unique_ptr<generator::Generator> generator_;
  std::unique_ptr<StudentAnswers> answers_;
};

TEST_F(StudentAnswersTest, EachIsJudgedByTheTeacherOfItsOwnExperience) {
  const int64_t boat = Append(kBoat), tower = Append(kTower);
  const store::TargetRecord built = Question("When was it built?");
  // Out of the experiences' order.
  const std::vector<StudentQuestion> questions = {{tower, &built}, {boat, &built}, {tower, &built}};

  const auto answers = answers_->Write(base_, questions, /*seed=*/3, Never);

  IMPRINT_ASSERT_OK(answers);
  ASSERT_EQ(answers->size(), 3u);
  const std::vector<const char*> contexts = {kTower, kBoat, kTower};
  for (size_t i = 0; i < 3; ++i) {
    const store::TargetRecord& answer = (*answers)[i];
    EXPECT_EQ(answer.kind(), "student");
    EXPECT_EQ(answer.prompt(), built.prompt());
    ASSERT_GT(answer.target_ids_size(), 0);
    IMPRINT_ASSERT_OK_AND_ASSIGN(const store::TeacherRows teacher, store::UnpackTeacher(answer));
    EXPECT_EQ(teacher.tokens(), answer.target_ids_size());
    EXPECT_EQ(teacher.k, 5);
    ASSERT_EQ(answer.base_kl_size(), answer.target_ids_size());
    double kl = 0;
    for (const float token : answer.base_kl()) kl += token;
    EXPECT_NEAR(kl, KlAfter(contexts[i], answer), 1e-3 * (1 + kl)) << i;
  }
}

TEST_F(StudentAnswersTest, TheSameSeedGivesTheSameAnswers) {
  const int64_t boat = Append(kBoat);
  const store::TargetRecord question = Question("What colour is the boat of Mira?");
  const std::vector<StudentQuestion> questions(6, {boat, &question});

  const auto once = answers_->Write(base_, questions, 3, Never);
  const auto again = answers_->Write(base_, questions, 3, Never);

  IMPRINT_ASSERT_OK(once);
  IMPRINT_ASSERT_OK(again);
  for (size_t i = 0; i < questions.size(); ++i) {
    EXPECT_EQ((*once)[i].SerializeAsString(), (*again)[i].SerializeAsString()) << i;
  }
}

TEST_F(StudentAnswersTest, AnExperienceThatIsNotThereIsAnError) {
  const store::TargetRecord question = Question("What colour is the boat of Mira?");

  EXPECT_THAT(answers_->Write(base_, {{99, &question}}, 3, Never),
              HasCode(absl::StatusCode::kNotFound));
}

TEST_F(StudentAnswersTest, CancelledInBetween) {
  const int64_t boat = Append(kBoat);
  const store::TargetRecord question = Question("What colour is the boat of Mira?");

  EXPECT_THAT(answers_->Write(base_, {{boat, &question}}, 3, [] { return true; }),
              HasCode(absl::StatusCode::kCancelled));
}

}  // namespace
}  // namespace imprint::update
