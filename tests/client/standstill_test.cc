// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/cli/standstill.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace imprint::client {
namespace {

using ::testing::HasSubstr;

v1::GetStatusResponse Stopped(const std::string& reason = "no space left") {
  v1::GetStatusResponse status;
  status.set_updates_stopped_reason(reason);
  return status;
}

v1::GetStatusResponse Running() {
  v1::GetStatusResponse status = Stopped("");
  status.set_running_job("jobs/1");
  return status;
}

// A look each second.
class StandstillTest : public ::testing::Test {
 protected:
  std::string Look(const v1::GetStatusResponse& status, bool moved = false) {
    now_ += absl::Seconds(1);
    return standstill_.Observe(now_, status, moved);
  }
  // The reason given after so many looks, or before them.
  std::string LookFor(int looks, const v1::GetStatusResponse& status) {
    for (int i = 0; i < looks; ++i) {
      if (std::string reason = Look(status); !reason.empty()) return reason;
    }
    return "";
  }

  absl::Time now_ = absl::FromUnixSeconds(1000);
  Standstill standstill_{absl::Seconds(60)};
};

TEST_F(StandstillTest, APauseEndsTheWaitAtOnce) {
  v1::GetStatusResponse status;
  status.set_updates_paused(true);
  EXPECT_THAT(Look(status), HasSubstr("paused"));
}

TEST_F(StandstillTest, ARunningJobEndsAsPlannedDuringAPause) {
  v1::GetStatusResponse status = Running();
  status.set_updates_paused(true);
  EXPECT_EQ(LookFor(100, status), "");
}

TEST_F(StandstillTest, AJobThatAwaitsApprovalEndsTheWaitAtOnce) {
  v1::GetStatusResponse status;
  status.set_job_awaiting_approval("jobs/3");
  EXPECT_THAT(Look(status), HasSubstr("imprint updates approve jobs/3"));
}

TEST_F(StandstillTest, MustLast) {
  EXPECT_EQ(LookFor(60, Stopped()), "");
  EXPECT_EQ(Look(Stopped()), "updates stand still: no space left");
}

TEST_F(StandstillTest, AnythingThatMovesBeginsItAnew) {
  EXPECT_EQ(LookFor(50, Stopped()), "");
  EXPECT_EQ(Look(Stopped(), /*moved=*/true), "");
  EXPECT_EQ(LookFor(59, Stopped()), "");
  EXPECT_EQ(Look(Running()), "");
  EXPECT_EQ(LookFor(60, Stopped()), "");
  EXPECT_NE(Look(Stopped()), "");
}

TEST_F(StandstillTest, AttemptsBetweenTwoBackOffsDoNotBeginItAnew) {
  EXPECT_EQ(LookFor(40, Stopped()), "");
  EXPECT_EQ(LookFor(100, Stopped("")), "") << "a long attempt is no standstill";
  EXPECT_EQ(LookFor(21, Stopped()), "");
  EXPECT_NE(Look(Stopped()), "");
}

}  // namespace
}  // namespace imprint::client
