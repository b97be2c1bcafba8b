// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/update/target_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace imprint::update {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

TEST(TargetPoolTest, LearnedSentenceSitsOutOneEpochAndComesBack) {
  TargetPool pool(2, /*learned_kl=*/0.1, /*seed=*/1);
  EXPECT_THAT(pool.NextEpoch(), UnorderedElementsAre(0, 1));
  pool.Record(0, /*kl=*/0.5, /*tokens=*/10);
  pool.Record(1, /*kl=*/30, /*tokens=*/10);
  EXPECT_THAT(pool.NextEpoch(), ElementsAre(1));
  pool.Record(1, 20, 10);
  EXPECT_THAT(pool.NextEpoch(), UnorderedElementsAre(0, 1));
}

TEST(TargetPoolTest, SentenceThatDriftsBackStays) {
  TargetPool pool(2, 0.1, 1);
  pool.NextEpoch();
  pool.Record(0, 0.5, 10);
  pool.Record(1, 30, 10);
  pool.NextEpoch();
  pool.NextEpoch();
  pool.Record(0, 5, 10);
  EXPECT_THAT(pool.NextEpoch(), UnorderedElementsAre(0, 1));
}

TEST(TargetPoolTest, LearnedWhenAllAreOrTheMeanIs) {
  TargetPool by_mean(2, 0.1, 1);
  EXPECT_FALSE(by_mean.Learned());
  by_mean.Record(0, 0, 100);
  EXPECT_FALSE(by_mean.Learned()) << "one sentence was not seen yet";
  by_mean.Record(1, 5, 10);
  EXPECT_NEAR(by_mean.MeanKl(), 5.0 / 110, 1e-12);
  EXPECT_TRUE(by_mean.Learned());
  by_mean.Record(1, 50, 10);
  EXPECT_FALSE(by_mean.Learned());
}

TEST(TargetPoolTest, AllLearnedLeavesNothingToTrain) {
  TargetPool pool(2, 0.1, 1);
  pool.NextEpoch();
  pool.Record(0, 0.5, 10);
  pool.Record(1, 0.5, 10);
  EXPECT_TRUE(pool.Learned());
  EXPECT_THAT(pool.NextEpoch(), IsEmpty());
}

TEST(TargetPoolTest, OrderFollowsTheSeed) {
  TargetPool a(50, 0.1, 1), b(50, 0.1, 1), c(50, 0.1, 2);
  const std::vector<size_t> first = a.NextEpoch();
  EXPECT_EQ(first, b.NextEpoch());
  EXPECT_NE(first, c.NextEpoch());
  EXPECT_NE(first, a.NextEpoch());
}

TEST(DeckTest, EveryCardOnceARound) {
  Deck deck(5, 1);
  for (int round = 0; round < 3; ++round) {
    std::vector<size_t> cards;
    for (int i = 0; i < 5; ++i) cards.push_back(deck.Next());
    EXPECT_THAT(cards, UnorderedElementsAre(0, 1, 2, 3, 4));
  }
}

}  // namespace
}  // namespace imprint::update
