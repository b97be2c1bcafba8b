// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "common/resource_name.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/testing/status_matchers.h"

namespace imprint {
namespace {

using testing::HasCode;
using ::testing::HasSubstr;
using testing::IsError;
using testing::IsOk;

TEST(ResourceNameTest, ParsesWhatItFormats) {
  for (int64_t id : {int64_t{1}, int64_t{12}, std::numeric_limits<int64_t>::max()}) {
    absl::StatusOr<int64_t> parsed =
        ParseResourceName(kExperiences, FormatResourceName(kExperiences, id));
    ASSERT_THAT(parsed, IsOk());
    EXPECT_EQ(*parsed, id);
  }
  EXPECT_EQ(FormatResourceName(kProbes, 5), "probes/5");
}

TEST(ResourceNameTest, OnlyVersionsHaveAZero) {
  IMPRINT_ASSERT_OK_AND_ASSIGN(int64_t base, ParseResourceName(kVersions, "versions/0"));
  EXPECT_EQ(base, 0);
  EXPECT_THAT(ParseResourceName(kJobs, "jobs/0"), HasCode(absl::StatusCode::kInvalidArgument));
}

TEST(ResourceNameTest, RefusesEveryOtherForm) {
  for (const char* name :
       {"", "jobs", "jobs/", "job/3", "jobs/03", "jobs/+3", "jobs/-3", " jobs/3", "jobs/3 ",
        "jobs/3/4", "jobs//3", "jobs/x", "jobs/3x", "Jobs/3", "experiences/3",
        "jobs/9223372036854775808", "jobs/99999999999999999999999"}) {
    EXPECT_THAT(ParseResourceName(kJobs, name),
                IsError(absl::StatusCode::kInvalidArgument, HasSubstr("\"jobs/<number>\"")))
        << name;
  }
}

TEST(ResourceNameTest, ErrorShowsNoMoreThanTheBeginningAndNoControlBytes) {
  absl::StatusOr<int64_t> parsed = ParseResourceName(kJobs, "\x1b[2J" + std::string(1000, 'x'));

  ASSERT_FALSE(parsed.ok());
  EXPECT_LT(parsed.status().message().size(), 300u);
  EXPECT_THAT(std::string(parsed.status().message()), HasSubstr("\\x1b"));
}

}  // namespace
}  // namespace imprint
