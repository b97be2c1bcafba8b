// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/generator/retention_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "common/clock.h"
#include "common/file_util.h"
#include "server/generator/everyday_prompts.h"
#include "server/generator/retention_cache.h"
#include "server/store/teacher_codec.h"
#include "tests/testing/temp_dir.h"
#include "tests/testing/test_device.h"
#include "tests/testing/tiny_model.h"

namespace imprint::generator {
namespace {

using ::testing::HasSubstr;

class RetentionTextTest : public ::testing::Test {
 protected:
  RetentionTextTest()
      : cache_(dir_.path() / "retention"),
        base_(testing::LoadTinyChat(testing::TestPlacement("f32")).value()),
        text_(text::TextModel::Load(testing::kTinyChatDir).value()),
        engine_(engine::Engine::Start({}, &share_, nullptr, Clock::Real())) {
    model::SetComputeThreads(1);
    options_.train_texts = 8;
    options_.heldout_texts = 4;
    options_.text_tokens = 16;
    options_.top_k = 5;
  }

  absl::StatusOr<RetentionText> Get() {
    return LoadOrMakeRetentionText(options_, engine_.get(), base_, *text_, cache_, {});
  }

  absl::Status Check() {
    return CheckRetentionOptions(options_, base_->weights->config.max_positions, *text_);
  }

  void WriteCorpus(const std::string& contents) {
    options_.corpus = dir_.path() / "corpus.txt";
    std::ofstream(options_.corpus) << contents;
  }

  testing::TempDir dir_;
  std::filesystem::path cache_;
  engine::SharedVersion base_;
  std::unique_ptr<text::TextModel> text_;
  engine::ComputeShare share_{0.5};
  std::unique_ptr<engine::Engine> engine_;
  RetentionTextOptions options_;
};

// What was written, without the distributions: their last bits depend on which requests the
// engine computed together, and so on the load.
std::vector<std::string> Written(const RetentionText& text) {
  std::vector<std::string> records;
  for (const auto* list : {&text.train, &text.heldout}) {
    for (store::TargetRecord record : *list) {
      record.clear_top_ids();
      record.clear_top_log_probs();
      records.push_back(record.SerializeAsString());
    }
  }
  return records;
}

std::vector<std::string> Serialised(const RetentionText& text) {
  std::vector<std::string> records;
  for (const auto* list : {&text.train, &text.heldout}) {
    for (const store::TargetRecord& record : *list) records.push_back(record.SerializeAsString());
  }
  return records;
}

TEST_F(RetentionTextTest, SamplesTextsAndAnswersWithTheBaseModelsDistribution) {
  const auto retention = Get();
  ASSERT_TRUE(retention.ok()) << retention.status();
  ASSERT_FALSE(retention->train.empty());
  ASSERT_FALSE(retention->heldout.empty());
  EXPECT_LE(retention->train.size(), 8U);
  EXPECT_LE(retention->heldout.size(), 4U);
  std::set<std::string> kinds, heldout_prompts;
  for (const store::TargetRecord& record : retention->heldout) {
    heldout_prompts.insert(record.prompt());
  }
  std::set<std::vector<int32_t>> targets;
  for (const auto* list : {&retention->train, &retention->heldout}) {
    for (const store::TargetRecord& record : *list) {
      kinds.insert(record.kind());
      EXPECT_GE(record.student_prompt_ids_size(), 1);
      EXPECT_GE(record.target_ids_size(), 8);
      EXPECT_LE(record.target_ids_size(), 17);  // 16 and the end of the turn
      EXPECT_TRUE(targets.insert({record.target_ids().begin(), record.target_ids().end()}).second);
      const auto teacher = store::UnpackTeacher(record);
      ASSERT_TRUE(teacher.ok()) << teacher.status();
      EXPECT_EQ(teacher->k, 5);
      EXPECT_EQ(teacher->tokens(), record.target_ids_size());
    }
  }
  EXPECT_EQ(kinds, (std::set<std::string>{"retention_answer", "retention_text"}));
  for (const store::TargetRecord& record : retention->train) {
    if (record.kind() == "retention_answer") {
      EXPECT_FALSE(heldout_prompts.count(record.prompt()));
    }
  }
}

TEST_F(RetentionTextTest, SameSeedSameTexts) {
  const auto first = Get();
  ASSERT_TRUE(first.ok()) << first.status();
  std::filesystem::remove(cache_);
  const auto again = Get();
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(Written(*first), Written(*again));
  options_.seed = 8;
  EXPECT_NE(Written(*first), Written(*Get()));
}

TEST_F(RetentionTextTest, CacheIsUsedWithoutTheEngine) {
  const auto made = Get();
  ASSERT_TRUE(made.ok()) << made.status();
  engine_->Drain(absl::InfinitePast());
  const auto loaded = Get();
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(Serialised(*made), Serialised(*loaded));
}

TEST_F(RetentionTextTest, CacheOfOtherOptionsOrModelIsMadeAgain) {
  ASSERT_TRUE(Get().ok());
  const std::string before = *ReadFile(cache_);
  options_.top_k = 6;
  ASSERT_TRUE(Get().ok());
  const std::string after = *ReadFile(cache_);
  EXPECT_NE(before, after);
  options_.model_fingerprint = "another";
  ASSERT_TRUE(Get().ok());
  EXPECT_NE(*ReadFile(cache_), after);
}

TEST_F(RetentionTextTest, BrokenCacheIsMadeAgain) {
  const auto made = Get();
  ASSERT_TRUE(made.ok()) << made.status();
  const std::string whole = *ReadFile(cache_);
  std::string flipped = whole;
  flipped[whole.size() - 7] ^= 1;
  for (const std::string& broken :
       {flipped, whole.substr(0, whole.size() / 2), whole.substr(0, 20), std::string()}) {
    std::ofstream(cache_, std::ios::binary | std::ios::trunc) << broken;
    const auto again = Get();
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(Written(*made), Written(*again));
    EXPECT_EQ(Serialised(*again), Serialised(*Get())) << "the cache is whole again";
  }
}

TEST_F(RetentionTextTest, DamageIsToldFromAnotherKey) {
  RetentionText text;
  text.train.emplace_back().set_kind("a");
  text.heldout.emplace_back().set_kind("b");
  ASSERT_TRUE(WriteRetentionCache(cache_, "key", text).ok());
  EXPECT_EQ(Serialised(*ReadRetentionCache(cache_, "key")), Serialised(text));
  EXPECT_TRUE(absl::IsNotFound(ReadRetentionCache(cache_, "other").status()));
  EXPECT_TRUE(absl::IsNotFound(ReadRetentionCache(dir_.path() / "none", "key").status()));
  std::ofstream(cache_, std::ios::app) << "x";
  EXPECT_TRUE(absl::IsDataLoss(ReadRetentionCache(cache_, "key").status()));
}

TEST_F(RetentionTextTest, HeldOutTextsBeginOtherwiseThanThoseTrainedOn) {
  options_.train_texts = 48;
  options_.heldout_texts = 16;
  const auto retention = Get();
  ASSERT_TRUE(retention.ok()) << retention.status();
  const auto beginnings = [](const std::vector<store::TargetRecord>& records) {
    std::set<std::string> found;
    for (const store::TargetRecord& record : records) {
      std::string longest = record.prompt();
      for (const std::string_view opening : kPlainOpenings) {
        const bool is_prefix = record.prompt().empty() && record.text().starts_with(opening);
        if (is_prefix && opening.size() > longest.size()) longest = opening;
      }
      found.insert(longest);
    }
    return found;
  };
  const std::set<std::string> trained = beginnings(retention->train);
  for (const std::string& beginning : beginnings(retention->heldout)) {
    EXPECT_FALSE(trained.contains(beginning)) << beginning;
  }
}

TEST_F(RetentionTextTest, CutsACorpusIntoWindows) {
  std::string corpus;
  for (const std::string_view prompt : kEverydayPrompts) {
    corpus += std::string(prompt) + " And more about it,\r\non the next line.\n \n\n";
  }
  WriteCorpus(corpus);
  const auto retention = Get();
  ASSERT_TRUE(retention.ok()) << retention.status();
  EXPECT_EQ(retention->train.size(), 8U);
  EXPECT_EQ(retention->heldout.size(), 4U);
  for (const store::TargetRecord& record : retention->train) {
    EXPECT_EQ(record.kind(), "retention_corpus");
    EXPECT_EQ(record.student_prompt_ids(0), text_->text_start_id());
    EXPECT_LE(record.target_ids_size(), 16);
    EXPECT_THAT(corpus, HasSubstr(record.text().substr(0, 10)));
  }
  // The key covers the file's contents.
  const auto before = Serialised(*retention);
  WriteCorpus("A new beginning of the whole thing, longer than it was before.\n\n" + corpus);
  const auto changed = Get();
  ASSERT_TRUE(changed.ok());
  EXPECT_NE(Serialised(*changed), before);
}

TEST_F(RetentionTextTest, CorpusThatIsTooShortOrMissingIsNamed) {
  WriteCorpus("Only one short paragraph, which is not enough.\n");
  const auto too_short = Get();
  EXPECT_TRUE(absl::IsInvalidArgument(too_short.status())) << too_short.status();
  EXPECT_THAT(std::string(too_short.status().message()), HasSubstr("--retention.corpus"));
  EXPECT_THAT(std::string(too_short.status().message()), HasSubstr(options_.corpus.string()));
  options_.corpus = dir_.path() / "none.txt";
  EXPECT_TRUE(absl::IsNotFound(Get().status()));
}

TEST_F(RetentionTextTest, OptionsThatCannotBeAreRefused) {
  options_.text_tokens = 100000;
  EXPECT_TRUE(absl::IsInvalidArgument(Get().status()));
  options_.text_tokens = 16;
  options_.heldout_texts = 0;
  EXPECT_TRUE(absl::IsInvalidArgument(Get().status()));
}

TEST_F(RetentionTextTest, WhatCanNeverBeIsFoundWithoutTheEngine) {
  engine_->Drain(absl::InfinitePast());
  EXPECT_TRUE(Check().ok()) << Check();

  options_.text_tokens = 100000;
  EXPECT_THAT(std::string(Check().message()), HasSubstr("--retention.text_tokens"));
  options_.text_tokens = 16;

  options_.corpus = dir_.path() / "none.txt";
  EXPECT_TRUE(absl::IsNotFound(Check())) << Check();
  EXPECT_THAT(std::string(Check().message()), HasSubstr("--retention.corpus"));
  EXPECT_THAT(std::string(Check().message()), HasSubstr("none.txt"));

  for (const std::string contents : {"One short paragraph.\n", "This is no UTF-8: \xFF.\n"}) {
    WriteCorpus(contents);
    EXPECT_TRUE(absl::IsInvalidArgument(Check())) << Check();
    EXPECT_THAT(std::string(Check().message()), HasSubstr("--retention.corpus"));
    EXPECT_THAT(std::string(Check().message()), HasSubstr("corpus.txt"));
  }
}

TEST_F(RetentionTextTest, CancelledLeavesNoCache) {
  const auto cancelled =
      LoadOrMakeRetentionText(options_, engine_.get(), base_, *text_, cache_, [] { return true; });
  EXPECT_TRUE(absl::IsCancelled(cancelled.status()));
  EXPECT_FALSE(std::filesystem::exists(cache_));
}

}  // namespace
}  // namespace imprint::generator
