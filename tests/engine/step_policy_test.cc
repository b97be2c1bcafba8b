// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/engine/step_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace imprint::engine {
namespace {

// Three keys; only their addresses count.
const int kA = 0;
const int kB = 0;
const int kC = 0;

TEST(StepPolicyTest, NoStepIsLongerThanAChunkWhileSomebodyStreams) {
  const EngineOptions options;
  const StepLimits beside = LimitsOfStep(options, /*users_stream=*/true);
  EXPECT_EQ(beside.prefill, options.prefill_chunk);
  EXPECT_EQ(beside.packed, options.prefill_chunk);
  EXPECT_GT(LimitsOfStep(options, /*users_stream=*/false).packed, options.prefill_chunk);
}

TEST(StepPolicyTest, TheSmallestOptionsStillMakeProgress) {
  EngineOptions options;
  options.max_running = 1;
  options.prefill_chunk = 1;
  options.kv_tokens = 8;
  EXPECT_GE(LimitsOfStep(options, /*users_stream=*/true).prefill, 1);
  EXPECT_GE(BackgroundSlots(options), 1);
  EXPECT_GE(BackgroundKvTokens(options), 1);
}

TEST(BackgroundCreditTest, NothingIsLeftBeforeUsersComputed) {
  EXPECT_FALSE(BackgroundCredit().left());
}

TEST(BackgroundCreditTest, AFifthOfTheTimeBesideUsers) {
  BackgroundCredit credit;
  credit.UsersTook(absl::Milliseconds(40));
  credit.BackgroundTook(absl::Milliseconds(9));
  EXPECT_TRUE(credit.left());
  credit.BackgroundTook(absl::Milliseconds(1));
  EXPECT_FALSE(credit.left());
}

TEST(BackgroundCreditTest, ALongLayerIsNoDebtAndNothingIsSavedUp) {
  BackgroundCredit credit;
  credit.UsersTook(absl::Milliseconds(30));
  credit.BackgroundTook(absl::Seconds(5));
  credit.UsersTook(absl::Milliseconds(3));
  EXPECT_TRUE(credit.left());
  for (int i = 0; i < 5; ++i) credit.UsersTook(absl::Milliseconds(3));
  credit.BackgroundTook(absl::Milliseconds(1));
  EXPECT_FALSE(credit.left());
}

TEST(BackgroundCreditTest, AClockThatIsSetGivesNoMoreThanASecond) {
  BackgroundCredit credit;
  credit.UsersTook(absl::Hours(1));
  credit.BackgroundTook(-absl::Hours(1));
  credit.BackgroundTook(absl::Seconds(1));
  EXPECT_FALSE(credit.left());
  credit.UsersTook(-absl::Hours(1));
  EXPECT_FALSE(credit.left());
}

TEST(StepPolicyTest, BackgroundLeavesRoomForUsers) {
  const EngineOptions options;
  EXPECT_LT(BackgroundSlots(options), options.max_running);
  EXPECT_LT(BackgroundKvTokens(options), options.kv_tokens);
}

TEST(TurnsTest, GroupsTakeTurns) {
  Turns turns;
  const std::vector<const void*> groups = {&kA, &kB, &kC};
  std::vector<size_t> order;
  for (int i = 0; i < 6; ++i) order.push_back(turns.Next(groups));
  EXPECT_THAT(order, ::testing::ElementsAre(0, 1, 2, 0, 1, 2));
}

TEST(TurnsTest, ANewGroupComesFirst) {
  Turns turns;
  turns.Next(std::vector<const void*>{&kA, &kB});
  EXPECT_EQ(turns.Next(std::vector<const void*>{&kA, &kC}), 1u);
}

TEST(TurnsTest, OneAloneComputesEveryTime) {
  Turns turns;
  for (int i = 0; i < 10; ++i) EXPECT_EQ(turns.Next(std::vector<const void*>{&kA}), 0u);
}

}  // namespace
}  // namespace imprint::engine
