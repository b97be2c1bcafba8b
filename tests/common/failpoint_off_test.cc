// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include "common/failpoint.h"
#include "tests/testing/status_matchers.h"

namespace imprint {
namespace {

absl::Status Commit() {
  IMPRINT_FAILPOINT_OR_RETURN("commit.before");
  IMPRINT_FAILPOINT("commit.after");
  return absl::OkStatus();
}

TEST(FailpointOffTest, WithoutTheOptionAPointIsNothing) {
  IMPRINT_ASSERT_OK(failpoint::Arm("commit.before=error;commit.after=crash"));

  IMPRINT_EXPECT_OK(Commit());

  IMPRINT_EXPECT_OK(failpoint::Arm(""));
}

}  // namespace
}  // namespace imprint
