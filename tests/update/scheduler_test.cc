// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/update/scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace imprint::update {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Ready = std::vector<experience::ExperienceLog::ReadyExperience>;

const absl::Time kNow = absl::FromUnixSeconds(1'000'000);

SchedulerOptions Options() {
  SchedulerOptions options;
  options.min_batch = 3;
  options.min_tokens = 1000;
  options.max_age = absl::Seconds(60);
  options.max_batch = 4;
  return options;
}

// Experiences 1, 2, ... of 10 tokens each, READY since just now.
Ready ReadyCount(int count) {
  Ready ready;
  for (int i = 1; i <= count; ++i) {
    ready.push_back({.sequence = i, .since = kNow, .target_tokens = 10});
  }
  return ready;
}

TEST(SchedulerTest, NothingReadyIsNoJobWhateverIsAskedFor) {
  SchedulerOptions options = Options();
  options.min_batch = 0;

  EXPECT_THAT(PlanBatch(options, {}, 100, kNow), IsEmpty());
}

TEST(SchedulerTest, WaitsBelowCountTokensAndAge) {
  EXPECT_THAT(PlanBatch(Options(), ReadyCount(2), 0, kNow), IsEmpty());
}

TEST(SchedulerTest, CountStartsAJobOfAll) {
  EXPECT_THAT(PlanBatch(Options(), ReadyCount(3), 0, kNow), ElementsAre(1, 2, 3));
}

TEST(SchedulerTest, TokensStartAJob) {
  Ready ready = ReadyCount(2);
  ready[1].target_tokens = 990;

  EXPECT_THAT(PlanBatch(Options(), ready, 0, kNow), ElementsAre(1, 2));
}

TEST(SchedulerTest, AgeStartsAJobAtItsDeadlineAndNotBefore) {
  const Ready ready = ReadyCount(2);
  const absl::Time deadline = NextDeadline(Options(), ready);
  EXPECT_EQ(deadline, kNow + absl::Seconds(60));

  EXPECT_THAT(PlanBatch(Options(), ready, 0, deadline - absl::Nanoseconds(1)), IsEmpty());
  EXPECT_THAT(PlanBatch(Options(), ready, 0, deadline), ElementsAre(1, 2));
}

TEST(SchedulerTest, OldestNeedNotBeTheFirst) {
  Ready ready = ReadyCount(2);
  ready[1].since = kNow - absl::Hours(1);  // released

  EXPECT_THAT(PlanBatch(Options(), ready, 0, kNow), ElementsAre(1, 2));
}

TEST(SchedulerTest, CommandTakesWhatItCoversOnly) {
  EXPECT_THAT(PlanBatch(Options(), ReadyCount(2), 1, kNow), ElementsAre(1));
}

TEST(SchedulerTest, BatchIsBounded) {
  EXPECT_THAT(PlanBatch(Options(), ReadyCount(9), 9, kNow), ElementsAre(1, 2, 3, 4));
}

TEST(SchedulerTest, WithoutAnythingReadyThereIsNoDeadline) {
  EXPECT_EQ(NextDeadline(Options(), {}), absl::InfiniteFuture());
}

TEST(SchedulerTest, AgeCanBeOff) {
  SchedulerOptions options = Options();
  options.max_age = absl::InfiniteDuration();

  EXPECT_EQ(NextDeadline(options, ReadyCount(1)), absl::InfiniteFuture());
  EXPECT_THAT(PlanBatch(options, ReadyCount(1), 0, kNow), IsEmpty());
}

}  // namespace
}  // namespace imprint::update
