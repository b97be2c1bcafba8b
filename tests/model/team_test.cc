// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/model/team.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <latch>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"

namespace imprint::model {
namespace {

TEST(TeamTest, CallsForEachNumberOnce) {
  for (const int threads : {1, 2, 5}) {
    Team team(threads);
    for (const int64_t count : {0, 1, 2, 7, 64, 1000}) {
      for (const int64_t grain : {1, 3, 100, 5000}) {
        std::vector<std::atomic<int>> calls(static_cast<size_t>(count));
        team.Run(count, grain, [&](int64_t begin, int64_t end) {
          EXPECT_LT(begin, end);
          for (int64_t i = begin; i < end; ++i) ++calls[static_cast<size_t>(i)];
        });
        for (const auto& call : calls) EXPECT_EQ(call, 1) << count << " in parts of " << grain;
      }
    }
  }
}

// Whoever comes late to a loop that has ended finds nothing of it, and nothing of the next is lost.
TEST(TeamTest, ManyShortLoopsFollowOneAnother) {
  Team team(4);
  std::vector<int64_t> values(256, 0);
  constexpr int kLoops = 20000;
  for (int loop = 0; loop < kLoops; ++loop) {
    team.Run(256, 16, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) ++values[static_cast<size_t>(i)];
    });
  }
  for (const int64_t value : values) ASSERT_EQ(value, kLoops);
}

TEST(TeamTest, AllThreadsTakePart) {
  constexpr int kThreads = 3;
  Team team(kThreads);
  std::latch all(kThreads);
  absl::Mutex mutex;
  std::set<std::thread::id> threads;
  // Each part waits for the others: one thread alone would stand still.
  team.Run(kThreads, 1, [&](int64_t, int64_t) {
    {
      absl::MutexLock lock(&mutex);
      threads.insert(std::this_thread::get_id());
    }
    all.arrive_and_wait();
  });
  EXPECT_EQ(threads.size(), kThreads);
  EXPECT_TRUE(threads.contains(std::this_thread::get_id()));
}

TEST(TeamTest, GoesOnAfterThreadsFellAsleep) {
  Team team(3);
  for (int round = 0; round < 3; ++round) {
    std::latch all(3);
    team.Run(3, 1, [&](int64_t, int64_t) { all.arrive_and_wait(); });
    std::this_thread::sleep_for(std::chrono::milliseconds(5));  // far longer than they stay awake
  }
}

TEST(TeamTest, ThrowsWhatALoopThrowsAfterAllOfIt) {
  Team team(3);
  std::atomic<int> calls = 0;
  const auto fail = [&](int64_t begin, int64_t) {
    ++calls;
    if (begin == 1) throw std::runtime_error("part 1");
  };
  try {
    team.Run(3, 1, fail);
    FAIL() << "nothing was thrown";
  } catch (const std::runtime_error& error) {
    EXPECT_EQ(std::string(error.what()), "part 1");
  }
  EXPECT_EQ(calls, 3);
  team.Run(3, 1, [&](int64_t, int64_t) { ++calls; });
  EXPECT_EQ(calls, 6);
}

TEST(TeamTest, ALoopWithinALoopIsAnOrdinaryOne) {
  Team team(2);
  const TeamScope scope(&team);
  std::atomic<int64_t> sum = 0;
  ParallelFor(8, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      ParallelFor(10, 1, [&](int64_t first, int64_t last) { sum += last - first; });
    }
  });
  EXPECT_EQ(sum, 80);
}

TEST(TeamTest, ParallelForRunsOnTheTeamOfItsScope) {
  Team team(2);
  const auto threads_of_loop = [] {
    absl::Mutex mutex;
    std::set<std::thread::id> threads;
    std::latch both(2);
    ParallelFor(2, 1, [&](int64_t, int64_t) {
      {
        absl::MutexLock lock(&mutex);
        threads.insert(std::this_thread::get_id());
      }
      both.arrive_and_wait();
    });
    return threads;
  };
  std::set<std::thread::id> first, again;
  {
    const TeamScope scope(&team);
    first = threads_of_loop();
    {
      const TeamScope none(nullptr);
      std::atomic<int64_t> sum = 0;
      ParallelFor(10, 100, [&](int64_t begin, int64_t end) { sum += end - begin; });
      EXPECT_EQ(sum, 10);
    }
    again = threads_of_loop();
  }
  EXPECT_EQ(first.size(), 2U);
  EXPECT_EQ(first, again);
}

}  // namespace
}  // namespace imprint::model
