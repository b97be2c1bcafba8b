// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "common/status_macros.h"

#include <gtest/gtest.h>

#include <memory>

#include "tests/testing/status_matchers.h"

namespace imprint {
namespace {

using testing::HasCode;

absl::StatusOr<std::unique_ptr<int>> Half(int number) {
  if (number % 2 != 0) return absl::InvalidArgumentError("odd");
  return std::make_unique<int>(number / 2);
}

absl::StatusOr<int> Quarter(int number) {
  IMPRINT_ASSIGN_OR_RETURN(std::unique_ptr<int> half, Half(number));
  IMPRINT_ASSIGN_OR_RETURN(half, Half(*half));
  return *half;
}

absl::Status Check(int number) {
  IMPRINT_RETURN_IF_ERROR(Quarter(number).status());
  return absl::OkStatus();
}

TEST(StatusMacrosTest, ValuesAreMovedOutAndErrorsReturned) {
  IMPRINT_ASSERT_OK_AND_ASSIGN(int quarter, Quarter(8));
  EXPECT_EQ(quarter, 2);
  EXPECT_THAT(Quarter(6), HasCode(absl::StatusCode::kInvalidArgument));
  IMPRINT_EXPECT_OK(Check(4));
  EXPECT_THAT(Check(3), HasCode(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace imprint
