// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/auth/quota.h"

#include "gtest/gtest.h"
#include "tests/fakes/fake_clock.h"

namespace imprint::auth {
namespace {

TEST(Quota, GivesWhatIsThereAndSaysWhenTheRestIs) {
  fakes::FakeClock clock;
  Quota quota(10, absl::Seconds(10), &clock);
  EXPECT_EQ(quota.Take(8), absl::ZeroDuration());
  EXPECT_EQ(quota.Take(5), absl::Seconds(3));
  clock.Advance(absl::Seconds(3));
  EXPECT_EQ(quota.Take(5), absl::ZeroDuration());
}

TEST(Quota, AQuietTimeSavesNoMoreThanOnePeriod) {
  fakes::FakeClock clock;
  Quota quota(10, absl::Seconds(10), &clock);
  clock.Advance(absl::Hours(100));
  EXPECT_EQ(quota.Take(10), absl::ZeroDuration());
  EXPECT_EQ(quota.Take(1), absl::Seconds(1));
}

TEST(Quota, MoreThanTheLimitNeverFits) {
  fakes::FakeClock clock;
  Quota quota(10, absl::Seconds(10), &clock);
  EXPECT_EQ(quota.Take(11), absl::InfiniteDuration());
  EXPECT_EQ(quota.Take(10), absl::ZeroDuration());
}

TEST(Quota, AClockThatIsSetBackGivesNothingAndFillsOnFromThere) {
  fakes::FakeClock clock;
  Quota quota(10, absl::Seconds(10), &clock);
  EXPECT_EQ(quota.Take(10), absl::ZeroDuration());
  clock.Advance(-absl::Hours(1));
  EXPECT_EQ(quota.Take(1), absl::Seconds(1));
  clock.Advance(absl::Seconds(1));
  EXPECT_EQ(quota.Take(1), absl::ZeroDuration());
}

TEST(Quota, ZeroIsNoLimit) {
  fakes::FakeClock clock;
  Quota quota(0, absl::Seconds(10), &clock);
  EXPECT_EQ(quota.Take(1'000'000), absl::ZeroDuration());
}

}  // namespace
}  // namespace imprint::auth
