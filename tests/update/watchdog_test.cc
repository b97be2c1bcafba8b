// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/update/watchdog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <vector>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"

namespace imprint::update {
namespace {

constexpr absl::Duration kShort = absl::Milliseconds(50);
constexpr absl::Duration kPatience = absl::Seconds(60);

TEST(WatchdogTest, WorkThatDoesNotGetOnIsToldOnce) {
  absl::Notification barked;
  std::atomic<int> barks = 0;
  std::atomic<int64_t> of = 0;
  Watchdog dog(kShort, [&](int64_t work) {
    of = work;
    if (++barks == 1) barked.Notify();
  });
  dog.Watch(7);
  ASSERT_TRUE(barked.WaitForNotificationWithTimeout(kPatience));
  EXPECT_EQ(of, 7);
  absl::SleepFor(3 * kShort);
  EXPECT_EQ(barks, 1);
}

TEST(WatchdogTest, TheNextWorkIsWatchedToo) {
  absl::Notification first, second;
  Watchdog dog(kShort, [&](int64_t work) { (work == 1 ? first : second).Notify(); });
  dog.Watch(1);
  ASSERT_TRUE(first.WaitForNotificationWithTimeout(kPatience));
  dog.Rest();
  dog.Watch(2);
  EXPECT_TRUE(second.WaitForNotificationWithTimeout(kPatience));
}

// Its limit is long for what happens here, also on a machine that is busy.
TEST(WatchdogTest, SignsOfLifeAndRestKeepItQuiet) {
  constexpr absl::Duration kLimit = absl::Seconds(2);
  std::atomic<int> barks = 0;
  Watchdog dog(kLimit, [&](int64_t) { ++barks; });
  dog.Watch(1);
  for (int i = 0; i < 30; ++i) {
    absl::SleepFor(kLimit / 20);
    dog.SignOfLife();
  }
  dog.Rest();
  absl::SleepFor(kLimit * 1.2);
  EXPECT_EQ(barks, 0);
}

TEST(WatchdogTest, WithoutALimitItSleeps) {
  Watchdog dog(absl::InfiniteDuration(), [](int64_t) { FAIL(); });
  dog.Watch(1);
  absl::SleepFor(kShort);
}

}  // namespace
}  // namespace imprint::update
