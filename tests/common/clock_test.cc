// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "common/clock.h"

#include <gtest/gtest.h>

#include "tests/fakes/fake_clock.h"

namespace imprint {
namespace {

TEST(ClockTest, RealClockIsTheMachines) {
  const absl::Time before = absl::Now();
  const absl::Time now = Clock::Real()->Now();
  EXPECT_LE(before, now);
  EXPECT_LE(now, absl::Now());
}

TEST(ClockTest, FakeClockMovesOnlyWhenTold) {
  fakes::FakeClock clock;
  const absl::Time start = clock.Now();
  EXPECT_EQ(clock.Now(), start);
  clock.Advance(absl::Seconds(5));
  EXPECT_EQ(clock.Now(), start + absl::Seconds(5));
}

}  // namespace
}  // namespace imprint
