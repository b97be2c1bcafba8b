// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/generator/generator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/generator/sentences.h"
#include "server/store/teacher_codec.h"
#include "tests/generator/tiny_generator.h"
#include "tests/testing/status_matchers.h"

namespace imprint::generator {
namespace {

using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Not;

// A real engine over the tiny trained model: what it writes is poor, its form is not.
class GeneratorTest : public TinyGeneratorTest {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(TinyGeneratorTest::SetUp());
    GeneratorOptions options;
    options.max_targets = 12;
    options.max_answer_tokens = 12;
    options.top_k = 5;
    generator_ =
        std::make_unique<Generator>(options, engine_.get(), base_, text_.get(), probe_maker_.get());
  }

  static store::ExperienceRecord Experience(const std::string& text) {
    store::ExperienceRecord experience;
    experience.set_sequence(7);
    experience.set_text(text);
    return experience;
  }

  static bool Never() { return false; }

  static std::vector<std::string> KindsOf(const GeneratedSentences& sentences) {
    std::vector<std::string> kinds;
    for (const store::TargetRecord& target : sentences.targets) kinds.push_back(target.kind());
    return kinds;
  }

  std::unique_ptr<Generator> generator_;
};

TEST_F(GeneratorTest, EveryTargetHasThePromptsAndTheTeachersDistribution) {
  const auto sentences = generator_->Generate(Experience(kPassage), Never);

  IMPRINT_ASSERT_OK(sentences);
  ASSERT_FALSE(sentences->targets.empty());
  for (const store::TargetRecord& target : sentences->targets) {
    EXPECT_GT(target.student_prompt_ids_size(), 0) << target.kind();
    const auto teacher = store::UnpackTeacher(target);
    IMPRINT_ASSERT_OK(teacher);
    EXPECT_EQ(teacher->tokens(), target.target_ids_size());
    EXPECT_EQ(teacher->k, 5);
  }
  EXPECT_THAT(KindsOf(*sentences), Contains("passage"));
  EXPECT_THAT(KindsOf(*sentences), Contains("sentence"));
}

TEST_F(GeneratorTest, TheStudentsPromptDoesNotHoldTheContext) {
  const auto sentences = generator_->Generate(Experience(kPassage), Never);
  IMPRINT_ASSERT_OK(sentences);
  for (const store::TargetRecord& target : sentences->targets) {
    const std::vector<int32_t> ids(target.student_prompt_ids().begin(),
                                   target.student_prompt_ids().end());
    const auto prompt = text_->Decode(ids);
    IMPRINT_ASSERT_OK(prompt);
    // A question may say a part of a sentence, to ask for the rest.
    EXPECT_THAT(*prompt, Not(HasSubstr("built in 1923 by Otto Senn"))) << target.kind();
    EXPECT_THAT(*prompt, Not(HasSubstr("boat of Mira is red"))) << target.kind();
  }
}

TEST_F(GeneratorTest, TheSameExperienceGivesTheSameSentences) {
  const auto once = generator_->Generate(Experience(kPassage), Never);
  const auto again = generator_->Generate(Experience(kPassage), Never);
  IMPRINT_ASSERT_OK(once);
  IMPRINT_ASSERT_OK(again);
  ASSERT_EQ(once->targets.size(), again->targets.size());
  for (size_t i = 0; i < once->targets.size(); ++i) {
    EXPECT_EQ(once->targets[i].text(), again->targets[i].text());
    EXPECT_EQ(once->targets[i].prompt(), again->targets[i].prompt());
  }
}

TEST_F(GeneratorTest, TheSameTextGivesTheSameSentencesWhereverItIsInTheLog) {
  store::ExperienceRecord later = Experience(kPassage);
  later.set_sequence(8);

  const auto once = generator_->Generate(Experience(kPassage), Never);
  const auto again = generator_->Generate(later, Never);

  IMPRINT_ASSERT_OK(once);
  IMPRINT_ASSERT_OK(again);
  ASSERT_EQ(once->targets.size(), again->targets.size());
  for (size_t i = 0; i < once->targets.size(); ++i) {
    EXPECT_EQ(once->targets[i].text(), again->targets[i].text());
  }
}

TEST_F(GeneratorTest, CallersProbesAreKeptOutOfTraining) {
  store::ExperienceRecord experience = Experience(kPassage);
  store::CallerSentence& probe = *experience.add_caller_probes();
  probe.set_question("What colour is the boat of Mira?");
  probe.set_answer("red");

  const auto sentences = generator_->Generate(experience, Never);

  IMPRINT_ASSERT_OK(sentences);
  ASSERT_EQ(sentences->probes.size(), 1U) << "the caller's own, and none of the generator's";
  const store::ProbeRecord& made = sentences->probes.front();
  EXPECT_EQ(made.origin(), "caller");
  EXPECT_EQ(made.sequence(), 7);
  EXPECT_EQ(made.expected_answer(), "red");
  EXPECT_GT(made.teacher().target_ids_size(), 0);
  EXPECT_GT(made.kl_base(), 0);
  for (const store::TargetRecord& target : sentences->targets) {
    EXPECT_NE(target.prompt(), probe.question());
  }
}

TEST_F(GeneratorTest, QuestionThatTheCallerMeasuresByIsNotTrainedOn) {
  const auto before = generator_->Generate(Experience(kPassage), Never);
  IMPRINT_ASSERT_OK(before);
  const auto asked = std::find_if(before->targets.begin(), before->targets.end(),
                                  [](const auto& target) { return target.kind() == "cloze"; });
  ASSERT_NE(asked, before->targets.end());
  store::ExperienceRecord experience = Experience(kPassage);
  experience.add_caller_probes()->set_question(absl::AsciiStrToUpper(asked->prompt()));

  const auto sentences = generator_->Generate(experience, Never);

  IMPRINT_ASSERT_OK(sentences);
  for (const store::TargetRecord& target : sentences->targets) {
    EXPECT_NE(target.prompt(), asked->prompt());
  }
  EXPECT_FALSE(sentences->targets.empty());
}

TEST_F(GeneratorTest, CallersTargetsComeBesideTheGeneratedOnes) {
  store::ExperienceRecord experience = Experience(kPassage);
  store::CallerSentence& pair = *experience.add_caller_targets();
  pair.set_question("Whose boat is red?");
  pair.set_answer("Mira's boat.");
  experience.add_caller_targets()->set_answer("Mira has a red boat.");

  const auto sentences = generator_->Generate(experience, Never);

  IMPRINT_ASSERT_OK(sentences);
  int of_caller = 0;
  for (const store::TargetRecord& target : sentences->targets) {
    if (target.kind() != "caller") continue;
    ++of_caller;
    EXPECT_TRUE(target.text() == "Mira's boat." || target.text() == "Mira has a red boat.");
  }
  EXPECT_EQ(of_caller, 2);
}

TEST_F(GeneratorTest, ALongContextIsCutAndEachPartIsLearned) {
  std::string text;
  for (int i = 0; i < 60; ++i) text += "Number " + std::to_string(1000 + i) + " is a red boat. ";
  GeneratorOptions options;
  options.chunk_tokens = 200;
  options.max_targets = 4;
  options.min_targets = 2;
  options.max_answer_tokens = 4;
  options.top_k = 2;
  const Generator generator(options, engine_.get(), base_, text_.get(), probe_maker_.get());

  const auto sentences = generator.Generate(Experience(text), Never);

  IMPRINT_ASSERT_OK(sentences);
  std::string learned;
  for (const store::TargetRecord& target : sentences->targets) {
    if (target.kind() == "passage") learned += target.text() + " ";
  }
  EXPECT_THAT(learned, HasSubstr("Number 1000"));
  EXPECT_THAT(learned, HasSubstr("Number 1059"));
}

TEST_F(GeneratorTest, OnlyTheKindsThatAreAskedFor) {
  GeneratorOptions options;
  options.kinds = {"passage", "recital"};
  options.max_answer_tokens = 12;
  options.top_k = 5;
  const Generator generator(options, engine_.get(), base_, text_.get(), probe_maker_.get());

  const auto sentences = generator.Generate(Experience(kPassage), Never);

  IMPRINT_ASSERT_OK(sentences);
  EXPECT_THAT(KindsOf(*sentences), Each(AnyOf("passage", "recital")));
  EXPECT_THAT(KindsOf(*sentences), Contains("recital"));
  EXPECT_FALSE(sentences->probes.empty()) << "it is measured all the same";
}

TEST_F(GeneratorTest, ANameIsAskedForWhatIsToldOfIt) {
  GeneratorOptions options;
  options.kinds = {"recital"};
  options.targets_per_100_tokens = 1000;
  options.top_k = 5;
  const Generator generator(options, engine_.get(), base_, text_.get(), probe_maker_.get());

  const auto sentences = generator.Generate(Experience(kPassage), Never);

  IMPRINT_ASSERT_OK(sentences);
  const auto of_senn = std::find_if(
      sentences->targets.begin(), sentences->targets.end(),
      [](const auto& target) { return target.prompt().find("Otto Senn") != std::string::npos; });
  ASSERT_NE(of_senn, sentences->targets.end());
  EXPECT_THAT(of_senn->text(), HasSubstr("built in 1923"));
}

TEST_F(GeneratorTest, ATextWithoutSentenceEndsIsNotTheAnswerToEveryName) {
  std::string text = "The red boat of Mira";
  for (int i = 0; i < 40; ++i) {
    text += " and the blue boat of Otto Senn" + std::string(1, 'A' + i % 26);
  }
  GeneratorOptions options;
  options.kinds = {"passage", "recital", "quote"};
  options.targets_per_100_tokens = 100;
  options.max_answer_tokens = 4;
  options.top_k = 2;
  const Generator generator(options, engine_.get(), base_, text_.get(), probe_maker_.get());

  const auto sentences = generator.Generate(Experience(text), Never);

  IMPRINT_ASSERT_OK(sentences);
  EXPECT_THAT(KindsOf(*sentences), Contains("passage"));
  int64_t tokens = 0;
  for (const store::TargetRecord& target : sentences->targets) tokens += target.target_ids_size();
  EXPECT_LE(tokens, 3 * static_cast<int64_t>(text_->EncodeContinuation(text)->size()));
}

TEST_F(GeneratorTest, NothingToLearnIsTheCallersError) {
  EXPECT_EQ(generator_->Generate(Experience(" \n "), Never).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(GeneratorTest, CancelEndsIt) {
  EXPECT_EQ(generator_->Generate(Experience(kPassage), [] { return true; }).status().code(),
            absl::StatusCode::kCancelled);
}

TEST_F(GeneratorTest, CancelIsAskedForBetweenTheCallersSentences) {
  store::ExperienceRecord experience = Experience(kPassage);
  for (int i = 0; i < 100; ++i) experience.add_caller_targets()->set_answer("A red boat.");
  int asked = 0;
  const auto cancelled = [&asked] { return ++asked > 50; };

  // Every request to the engine would be an error of its own.
  engine_->Drain(absl::InfinitePast());
  const auto sentences = generator_->Generate(experience, cancelled);

  EXPECT_EQ(sentences.status().code(), absl::StatusCode::kCancelled) << sentences.status();
  EXPECT_EQ(asked, 51);
}

TEST_F(GeneratorTest, ChunksOfTheSameTextDoNotDoubleTheirProbes) {
  GeneratorOptions options;
  options.kinds = {"passage"};
  options.max_answer_tokens = 4;
  options.top_k = 2;
  options.chunk_tokens = 0;
  for (const std::string& sentence : SplitSentences(kPassage)) {
    options.chunk_tokens += static_cast<int>(text_->EncodeContinuation(sentence)->size()) + 1;
  }
  const Generator generator(options, engine_.get(), base_, text_.get(), probe_maker_.get());

  const auto once = generator.Generate(Experience(kPassage), Never);
  const auto twice = generator.Generate(Experience(absl::StrCat(kPassage, " ", kPassage)), Never);

  IMPRINT_ASSERT_OK(once);
  IMPRINT_ASSERT_OK(twice);
  EXPECT_FALSE(once->probes.empty());
  EXPECT_EQ(twice->probes.size(), 2 * once->probes.size());
}

}  // namespace
}  // namespace imprint::generator
