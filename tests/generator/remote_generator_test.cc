// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Target sentences where an endpoint writes some of them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/generator/generator.h"
#include "server/generator/remote_writer.h"
#include "server/metrics/metrics.h"
#include "server/store/teacher_codec.h"
#include "tests/fakes/http_server.h"
#include "tests/generator/completion.h"
#include "tests/generator/tiny_generator.h"
#include "tests/testing/status_matchers.h"

namespace imprint::generator {
namespace {

using fakes::HttpReply;
using fakes::HttpRequest;
using fakes::HttpServer;
using imprint::testing::AsJson;
using imprint::testing::Completion;
using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::IsSupersetOf;
using ::testing::Not;

// A real engine over the tiny trained model, and a real server that writes well or fails.
class RemoteGeneratorTest : public TinyGeneratorTest {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(TinyGeneratorTest::SetUp());
    auto endpoint = RemoteEndpoint::Open({.endpoint = server_.Url("/v1"), .model = "m"},
                                         metrics_.generator(), [](absl::Duration, const auto&) {});
    IMPRINT_ASSERT_OK(endpoint);
    remote_ = std::make_unique<RemoteWriter>(*std::move(endpoint));
    options_.max_targets = 24;
    options_.max_answer_tokens = 12;
    options_.top_k = 5;
  }

  absl::StatusOr<GeneratedSentences> Generate(
      const RemoteWriter* remote,
      const std::function<bool()>& cancelled = [] { return false; }) const {
    store::ExperienceRecord experience;
    experience.set_sequence(7);
    experience.set_text(kPassage);
    for (const std::string& question : caller_probes_) {
      experience.add_caller_probes()->set_question(question);
    }
    return Generator(options_, engine_.get(), base_, text_.get(), probe_maker_.get(), remote)
        .Generate(experience, cancelled);
  }

  // A question of its own each, as long as they are asked for.
  static std::vector<Exchange> Good(int count) {
    std::vector<Exchange> good;
    for (int i = 0; i < count; ++i) {
      good.push_back({absl::StrCat("Who built the boat", std::string(i + 1, 'x'), "?"),
                      "Otto Senn built it in 1923."});
    }
    return good;
  }

  static std::vector<std::string> KindsOf(const GeneratedSentences& sentences) {
    std::vector<std::string> kinds;
    for (const store::TargetRecord& target : sentences.targets) kinds.push_back(target.kind());
    return kinds;
  }

  static std::vector<std::string> SaidIn(const GeneratedSentences& sentences) {
    std::vector<std::string> said;
    for (const store::TargetRecord& target : sentences.targets) {
      said.push_back(absl::StrCat(target.kind(), ": ", target.prompt(), " ", target.text()));
    }
    return said;
  }

  HttpReply reply_ = {.body = Completion(AsJson(Good(40)))};
  HttpServer server_{[this](const HttpRequest&) { return reply_; }};
  metrics::Metrics metrics_;
  std::unique_ptr<RemoteWriter> remote_;
  GeneratorOptions options_;
  std::vector<std::string> caller_probes_;
};

TEST_F(RemoteGeneratorTest, TakesThePlaceOfWhatTheModelWrites) {
  const auto sentences = Generate(remote_.get());

  IMPRINT_ASSERT_OK(sentences);
  const std::vector<std::string> kinds = KindsOf(*sentences);
  EXPECT_THAT(kinds, IsSupersetOf({"passage", "sentence", "recital", "cloze", "remote"}));
  EXPECT_THAT(kinds, Each(Not(AnyOf("rewrite", "open", "question", "quote"))));
  // The passage itself is beside the budget's shares; two more are asked for to be kept apart.
  EXPECT_LE(kinds.size(), static_cast<size_t>(options_.max_targets) + 2);
  EXPECT_GE(kinds.size(), static_cast<size_t>(options_.max_targets) - 4);
}

TEST_F(RemoteGeneratorTest, TheTeacherIsStillTheBaseModelWithTheContext) {
  const auto sentences = Generate(remote_.get());

  IMPRINT_ASSERT_OK(sentences);
  const auto target =
      std::find_if(sentences->targets.begin(), sentences->targets.end(),
                   [](const auto& candidate) { return candidate.kind() == "remote"; });
  ASSERT_NE(target, sentences->targets.end());
  EXPECT_EQ(target->text(), "Otto Senn built it in 1923.");
  EXPECT_EQ(target->target_ids(target->target_ids_size() - 1), text_->stop_ids().front());
  const auto teacher = store::UnpackTeacher(*target);
  IMPRINT_ASSERT_OK(teacher);
  EXPECT_EQ(teacher->tokens(), target->target_ids_size());
  EXPECT_EQ(target->base_kl_size(), target->target_ids_size());
  EXPECT_GT(std::accumulate(target->base_kl().begin(), target->base_kl().end(), 0.0), 0)
      << "without the context the base says something else";
}

TEST_F(RemoteGeneratorTest, SomeOfTheQuestionsAreProbesAndNotTrainedOn) {
  const auto sentences = Generate(remote_.get());

  IMPRINT_ASSERT_OK(sentences);
  EXPECT_GE(sentences->probes.size(), 2U);
  for (const store::ProbeRecord& probe : sentences->probes) {
    EXPECT_THAT(probe.question(), ::testing::StartsWith("Who built the boat"));
    EXPECT_EQ(probe.origin(), "generator");
    for (const store::TargetRecord& target : sentences->targets) {
      EXPECT_NE(target.prompt(), probe.question());
    }
  }
}

TEST_F(RemoteGeneratorTest, QuestionsThatTheCallerMeasuresByAreNotTrainedOn) {
  caller_probes_ = {"WHO built the boatxxx"};

  const auto sentences = Generate(remote_.get());

  IMPRINT_ASSERT_OK(sentences);
  EXPECT_EQ(sentences->probes.size(), 1U) << "the caller's own";
  std::vector<std::string> prompts;
  for (const store::TargetRecord& target : sentences->targets) prompts.push_back(target.prompt());
  EXPECT_THAT(prompts, Contains("Who built the boatxx?"));
  EXPECT_THAT(prompts, Not(Contains("Who built the boatxxx?")));
}

TEST_F(RemoteGeneratorTest, WhereItFailsAllIsAsWithoutIt) {
  reply_ = {.status = 500};

  const auto alone = Generate(nullptr);
  const auto fallen_back = Generate(remote_.get());

  IMPRINT_ASSERT_OK(alone);
  IMPRINT_ASSERT_OK(fallen_back);
  EXPECT_FALSE(server_.requests().empty());
  EXPECT_EQ(SaidIn(*fallen_back), SaidIn(*alone));
  EXPECT_EQ(fallen_back->probes.size(), alone->probes.size());
}

TEST_F(RemoteGeneratorTest, WhereItWritesLittleTheModelWritesTheRest) {
  reply_ = {.body = Completion(AsJson(Good(2)))};

  const auto sentences = Generate(remote_.get());

  IMPRINT_ASSERT_OK(sentences);
  const std::vector<std::string> kinds = KindsOf(*sentences);
  EXPECT_EQ(std::count(kinds.begin(), kinds.end(), "remote"), 2);
  EXPECT_THAT(kinds, Contains(AnyOf("rewrite", "open", "question", "quote")));
}

TEST_F(RemoteGeneratorTest, TheSameResponsesGiveTheSameSentences) {
  const auto once = Generate(remote_.get());
  const auto again = Generate(remote_.get());

  IMPRINT_ASSERT_OK(once);
  IMPRINT_ASSERT_OK(again);
  EXPECT_EQ(SaidIn(*once), SaidIn(*again));
}

TEST_F(RemoteGeneratorTest, IsNotAskedWhereItsKindIsLeftOut) {
  options_.kinds = {"passage", "cloze"};

  IMPRINT_EXPECT_OK(Generate(remote_.get()));

  EXPECT_TRUE(server_.requests().empty());
}

TEST_F(RemoteGeneratorTest, CancelEndsAWaitForTheEndpoint) {
  reply_ = {.never = true};

  const auto sentences = Generate(remote_.get(), [this] { return !server_.requests().empty(); });

  EXPECT_EQ(sentences.status().code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace imprint::generator
