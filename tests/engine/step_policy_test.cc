// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/engine/step_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <vector>

namespace imprint::engine {
namespace {

using Group = Turns::Group;

// Three keys; only their addresses count.
const int kA = 0;
const int kB = 0;
const int kC = 0;

TEST(StepPolicyTest, BackgroundWorkGetsLessWhileUsersAreThere) {
  const EngineOptions options;
  const StepLimits alone = LimitsOfStep(options, {});
  const StepLimits beside = LimitsOfStep(options, {.any = true, .streams = true});
  EXPECT_EQ(alone.background_decodes, options.max_running);
  EXPECT_LT(beside.background_decodes, alone.background_decodes);
  EXPECT_LT(beside.background_prefill, alone.background_prefill);
  EXPECT_LT(beside.background_packed, alone.background_packed);
  EXPECT_EQ(beside.user_prefill, options.prefill_chunk);
}

TEST(StepPolicyTest, NoStepStallsAStreamByMoreThanAChunk) {
  const EngineOptions options;
  const StepLimits limits = LimitsOfStep(options, {.any = true, .streams = true});
  EXPECT_LE(limits.user_packed, options.prefill_chunk);
  EXPECT_LE(limits.background_packed, options.prefill_chunk);
}

TEST(StepPolicyTest, TheSmallestOptionsStillMakeProgress) {
  EngineOptions options;
  options.max_running = 1;
  options.prefill_chunk = 1;
  options.kv_tokens = 8;
  const StepLimits limits = LimitsOfStep(options, {.any = true, .streams = true});
  EXPECT_GE(limits.user_prefill, 1);
  EXPECT_GE(limits.background_prefill, 1);
  EXPECT_GE(limits.background_decodes, 1);
  EXPECT_GE(BackgroundSlots(options), 1);
  EXPECT_GE(BackgroundKvTokens(options), 1);
}

TEST(StepPolicyTest, BackgroundLeavesRoomForUsers) {
  const EngineOptions options;
  EXPECT_LT(BackgroundSlots(options), options.max_running);
  EXPECT_LT(BackgroundKvTokens(options), options.kv_tokens);
}

TEST(TurnsTest, GroupsTakeTurns) {
  Turns turns;
  const std::vector<Group> groups = {{&kA, true}, {&kB, true}, {&kC, true}};
  std::vector<size_t> order;
  for (int i = 0; i < 6; ++i) order.push_back(turns.Next(groups));
  EXPECT_THAT(order, ::testing::ElementsAre(0, 1, 2, 0, 1, 2));
}

TEST(TurnsTest, ANewGroupComesFirst) {
  Turns turns;
  turns.Next(std::vector<Group>{{&kA, true}, {&kB, true}});
  EXPECT_EQ(turns.Next(std::vector<Group>{{&kA, true}, {&kC, true}}), 1u);
}

TEST(TurnsTest, BackgroundAloneComputesEveryTime) {
  Turns turns;
  const std::vector<Group> groups = {{&kA, false}, {&kB, false}};
  EXPECT_EQ(turns.Next(groups), 0u);
  EXPECT_EQ(turns.Next(groups), 1u);
  EXPECT_EQ(turns.Next(groups), 0u);
}

TEST(TurnsTest, BackgroundGroupsGetEveryFourthTurnBesideUsers) {
  Turns turns;
  const std::vector<Group> groups = {{&kA, true}, {&kB, false}, {&kC, false}};
  std::map<size_t, int> count;
  for (int i = 0; i < 80; ++i) ++count[turns.Next(groups)];
  EXPECT_EQ(count[0], 60);
  EXPECT_EQ(count[1], 10);
  EXPECT_EQ(count[2], 10);
}

TEST(TurnsTest, UsersAloneComputeEveryTime) {
  Turns turns;
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(turns.Next(std::vector<Group>{{&kA, true}}), 0u);
  }
}

}  // namespace
}  // namespace imprint::engine
