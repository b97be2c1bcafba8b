// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// This file has points; failpoint_off_test.cc has none.
#define IMPRINT_FAILPOINTS

#include "common/failpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/testing/status_matchers.h"

namespace imprint::failpoint {
namespace {

using ::testing::AllOf;
using testing::HasCode;
using ::testing::HasSubstr;
using testing::IsError;

class FailpointTest : public ::testing::Test {
 protected:
  ~FailpointTest() override { Arm("").IgnoreError(); }
};

absl::Status Write() {
  IMPRINT_FAILPOINT_OR_RETURN("store.write.before");
  return absl::OkStatus();
}

absl::StatusOr<int> Plan() {
  IMPRINT_FAILPOINT_OR_RETURN("job.plan.before");
  IMPRINT_FAILPOINT("job.plan.after");
  return 7;
}

TEST_F(FailpointTest, NothingHappensWhereNothingIsSet) {
  IMPRINT_EXPECT_OK(Write());
  EXPECT_EQ(Plan().value(), 7);
}

TEST_F(FailpointTest, AnErrorIsReturnedEachTimeAndNowhereElse) {
  IMPRINT_ASSERT_OK(Arm("store.write.before=error"));

  EXPECT_THAT(Write(), IsError(absl::StatusCode::kUnavailable, HasSubstr("store.write.before")));
  EXPECT_THAT(Write(), HasCode(absl::StatusCode::kUnavailable));
  EXPECT_EQ(Plan().value(), 7);
}

TEST_F(FailpointTest, AnErrorAtTheThirdTimeIsReturnedOnce) {
  IMPRINT_ASSERT_OK(Arm("store.write.before=error@3"));

  for (int time = 1; time <= 5; ++time) EXPECT_EQ(Write().ok(), time != 3) << time;
}

TEST_F(FailpointTest, ArmingCountsAnew) {
  IMPRINT_ASSERT_OK(Arm("store.write.before=error@2"));
  IMPRINT_EXPECT_OK(Write());
  IMPRINT_ASSERT_OK(Arm("store.write.before=error@2"));

  IMPRINT_EXPECT_OK(Write());
  EXPECT_FALSE(Write().ok());
}

TEST_F(FailpointTest, SeveralPointsAndCodes) {
  IMPRINT_ASSERT_OK(
      Arm("store.write.before=error:RESOURCE_EXHAUSTED; job.plan.before=error:DATA_LOSS@1;"));

  EXPECT_THAT(Write(), HasCode(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(Plan(), HasCode(absl::StatusCode::kDataLoss));
  EXPECT_EQ(Plan().value(), 7);
}

TEST_F(FailpointTest, ADelayWaitsAndGoesOn) {
  IMPRINT_ASSERT_OK(Arm("job.plan.after=delay:20@1"));
  const absl::Time begin = absl::Now();

  EXPECT_EQ(Plan().value(), 7);

  EXPECT_GE(absl::Now() - begin, absl::Milliseconds(20));
}

TEST_F(FailpointTest, ACrashEndsTheProgramAsKill9Does) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        (void)Arm("job.plan.after=crash@2");
        (void)Plan();
        std::fputs("once more\n", stderr);
        (void)Plan();
        std::fputs("never said\n", stderr);
      },
      ::testing::KilledBySignal(SIGKILL),
      AllOf(HasSubstr("once more"), HasSubstr("failpoint job.plan.after: crash"),
            ::testing::Not(HasSubstr("never said"))));
}

TEST_F(FailpointTest, SettingsThatCannotBeReadChangeNothing) {
  IMPRINT_ASSERT_OK(Arm("store.write.before=error"));
  for (const char* settings :
       {"store.wrote.before=crash", "store.write.before",
        "store.write.before=", "store.write.before=break", "store.write.before=crash@0",
        "store.write.before=crash@x", "store.write.before=crash@", "store.write.before=error:MAYBE",
        "append.after=delay", "append.after=delay:-1", "append.after=crash:3"}) {
    EXPECT_THAT(Arm(settings), HasCode(absl::StatusCode::kInvalidArgument)) << settings;
  }
  EXPECT_THAT(Arm("append.after=error"),
              IsError(absl::StatusCode::kInvalidArgument, HasSubstr("append.after")));

  EXPECT_FALSE(Write().ok());
}

TEST_F(FailpointTest, TheListHasEachPointOnce) {
  const std::string list = List();
  std::set<std::string_view> names;
  for (const Point& point : kPoints) {
    EXPECT_TRUE(names.insert(point.name).second) << point.name;
    EXPECT_THAT(list, HasSubstr(std::string(point.name)));
  }
}

}  // namespace
}  // namespace imprint::failpoint
