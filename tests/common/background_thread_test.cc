// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "common/background_thread.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <stdexcept>
#include <thread>

namespace imprint {
namespace {

// Linux counts it for each thread.
int PolicyOfThisThread() { return sched_getscheduler(0); }

TEST(BackgroundThreadTest, WorkRunsOnAThreadThatGivesWayToOthers) {
  int policy = -1;
  int policy_of_its_own = -1;
  std::thread::id id;
  RunInBackground([&] {
    id = std::this_thread::get_id();
    policy = PolicyOfThisThread();
    std::thread([&] { policy_of_its_own = PolicyOfThisThread(); }).join();
  });
  EXPECT_NE(id, std::this_thread::get_id());
  EXPECT_EQ(policy, SCHED_IDLE);
  EXPECT_EQ(policy_of_its_own, SCHED_IDLE) << "threads that it starts";
  EXPECT_EQ(PolicyOfThisThread(), SCHED_OTHER) << "the caller stays as it was";
}

TEST(BackgroundThreadTest, WhatWorkThrowsIsThrownToTheCaller) {
  EXPECT_THROW(RunInBackground([] { throw std::runtime_error("out of memory"); }),
               std::runtime_error);
}

}  // namespace
}  // namespace imprint
