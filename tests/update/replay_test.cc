// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/update/replay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace imprint::update {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

class ReplayTest : public ::testing::Test {
 protected:
  ReplayTest() {
    store::StoreOptions options;
    options.path = temp_ / "store";
    options.model_fingerprint = "model";
    options.tokenizer_fingerprint = "tokenizer";
    auto store = store::Store::Open(options);
    IMPRINT_EXPECT_OK(store);
    store_ = *std::move(store);
  }

  // An experience whose `targets` sentences have its sequence as their prompt.
  int64_t Put(int targets, std::optional<double> efficacy) {
    int64_t sequence = 0;
    IMPRINT_EXPECT_OK(store_->Transact([&](store::Transaction& transaction) {
      store::ExperienceRecord record;
      sequence = transaction.NextSequence();
      record.set_sequence(sequence);
      record.set_state(store::STORED_STATE_READY);
      record.set_text("text");
      if (efficacy.has_value()) record.set_efficacy(*efficacy);
      transaction.PutExperience(record);
      std::vector<store::TargetRecord> sentences;
      for (int i = 0; i < targets; ++i) {
        store::TargetRecord& sentence = sentences.emplace_back();
        sentence.add_student_prompt_ids(static_cast<int32_t>(sequence));
        sentence.add_target_ids(i);
      }
      transaction.PutTargets(sequence, sentences);
      return absl::OkStatus();
    }));
    earlier_.push_back(sequence);
    return sequence;
  }

  // How many sentences of each experience were chosen.
  std::map<int64_t, int> Choose(size_t budget, uint64_t seed = 1,
                                ReplayOrder order = ReplayOrder::kMostForgottenFirst) {
    std::map<int64_t, int> chosen;
    const auto replay = ChooseReplay(*store_, earlier_, budget, seed, order);
    IMPRINT_EXPECT_OK(replay);
    for (const Replayed& replayed : *replay) {
      EXPECT_EQ(replayed.sequence, replayed.sentence.student_prompt_ids(0));
      ++chosen[replayed.sequence];
    }
    return chosen;
  }

  const testing::TempDir temp_;
  std::unique_ptr<store::Store> store_;
  std::vector<int64_t> earlier_;
};

TEST_F(ReplayTest, NothingEarlierIsNoReplay) { EXPECT_THAT(Choose(10), IsEmpty()); }

TEST_F(ReplayTest, NoBudgetIsNoReplay) {
  Put(3, 0.5);

  EXPECT_THAT(Choose(0), IsEmpty());
}

TEST_F(ReplayTest, OneExperienceGivesAllItHasWithinTheBudget) {
  const int64_t only = Put(5, 0.5);

  EXPECT_THAT(Choose(10), ElementsAre(Pair(only, 5)));
  EXPECT_THAT(Choose(3), ElementsAre(Pair(only, 3)));
}

TEST_F(ReplayTest, MostForgottenGoFirstAndUnmeasuredLast) {
  Put(4, 0.9);
  const int64_t forgotten = Put(4, 0.1);
  Put(4, std::nullopt);
  const int64_t half = Put(4, 0.5);

  EXPECT_THAT(Choose(2), UnorderedElementsAre(Pair(forgotten, 1), Pair(half, 1)));
}

TEST_F(ReplayTest, BudgetIsSharedEvenly) {
  const int64_t a = Put(8, 0.1);
  const int64_t b = Put(8, 0.9);

  EXPECT_THAT(Choose(6), UnorderedElementsAre(Pair(a, 3), Pair(b, 3)));
}

TEST_F(ReplayTest, SameSeedChoosesTheSame) {
  for (int i = 0; i < 40; ++i) Put(4, 0.5);

  EXPECT_EQ(Choose(20, 7), Choose(20, 7));
}

TEST_F(ReplayTest, LongLogGivesTheWholeBudgetWithoutBeingReadWhole) {
  for (int i = 0; i < 300; ++i) Put(1, 0.5);

  const std::map<int64_t, int> chosen = Choose(1000);

  EXPECT_EQ(chosen.size(), kReplaySample);
}

}  // namespace
}  // namespace imprint::update
