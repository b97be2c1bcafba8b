// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/rpc/worker_pool.h"

#include <atomic>

#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"
#include "gtest/gtest.h"
#include "tests/testing/status_matchers.h"

namespace imprint::rpc {
namespace {

using imprint::testing::HasCode;

TEST(WorkerPoolTest, RunsJobsBesideEachOther) {
  WorkerPool pool({.threads = 2, .max_queue = 8});
  // Each waits for the other: one thread alone would never end.
  absl::Notification first;
  absl::Notification second;
  absl::BlockingCounter done(2);
  IMPRINT_ASSERT_OK(pool.Run([&] {
    first.Notify();
    second.WaitForNotification();
    done.DecrementCount();
  }));
  IMPRINT_ASSERT_OK(pool.Run([&] {
    first.WaitForNotification();
    second.Notify();
    done.DecrementCount();
  }));
  done.Wait();
}

TEST(WorkerPoolTest, FullQueueIsRefused) {
  WorkerPool pool({.threads = 1, .max_queue = 1});
  absl::Notification started;
  absl::Notification release;
  IMPRINT_ASSERT_OK(pool.Run([&] {
    started.Notify();
    release.WaitForNotification();
  }));
  started.WaitForNotification();
  std::atomic<bool> refused_ran = false;
  IMPRINT_EXPECT_OK(pool.Run([] {}));
  EXPECT_THAT(pool.Run([&] { refused_ran = true; }), HasCode(absl::StatusCode::kResourceExhausted));
  release.Notify();
  pool.Stop();
  EXPECT_FALSE(refused_ran);
}

TEST(WorkerPoolTest, StopRunsWhatWasTakenAndTakesNoMore) {
  WorkerPool pool({.threads = 1, .max_queue = 100});
  std::atomic<int> ran = 0;
  for (int i = 0; i < 50; ++i) IMPRINT_ASSERT_OK(pool.Run([&] { ++ran; }));
  pool.Stop();
  EXPECT_EQ(ran, 50);
  EXPECT_TRUE(pool.stopping());
  EXPECT_THAT(pool.Run([&] { ++ran; }), HasCode(absl::StatusCode::kUnavailable));
}

}  // namespace
}  // namespace imprint::rpc
