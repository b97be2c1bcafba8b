// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// GoogleTest matchers and macros for absl::Status and absl::StatusOr.

#ifndef IMPRINT_TESTS_TESTING_STATUS_MATCHERS_H_
#define IMPRINT_TESTS_TESTING_STATUS_MATCHERS_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace imprint::testing {

inline const absl::Status& GetStatus(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& GetStatus(const absl::StatusOr<T>& result) {
  return result.status();
}

MATCHER(IsOk, negation ? "is an error" : "is OK") {
  *result_listener << GetStatus(arg).ToString();
  return GetStatus(arg).ok();
}

MATCHER_P(HasCode, code, "has code " + absl::StatusCodeToString(code)) {
  *result_listener << GetStatus(arg).ToString();
  return GetStatus(arg).code() == code;
}

MATCHER_P2(IsError, code, message,
           "has code " + absl::StatusCodeToString(code) + " and a message that " +
               ::testing::DescribeMatcher<std::string>(message, negation)) {
  *result_listener << GetStatus(arg).ToString();
  return GetStatus(arg).code() == code &&
         ::testing::ExplainMatchResult(message, std::string(GetStatus(arg).message()),
                                       result_listener);
}

}  // namespace imprint::testing

#define IMPRINT_ASSERT_OK(expr) ASSERT_THAT((expr), ::imprint::testing::IsOk())
#define IMPRINT_EXPECT_OK(expr) EXPECT_THAT((expr), ::imprint::testing::IsOk())

// Defines or assigns `lhs`, or ends the test.
#define IMPRINT_ASSERT_OK_AND_ASSIGN(lhs, expr) \
  IMPRINT_ASSERT_OK_AND_ASSIGN_(IMPRINT_TEST_CONCAT_(imprint_result_, __LINE__), lhs, expr)
#define IMPRINT_ASSERT_OK_AND_ASSIGN_(result, lhs, expr) \
  auto result = (expr);                                  \
  ASSERT_THAT(result, ::imprint::testing::IsOk());       \
  lhs = *std::move(result)
#define IMPRINT_TEST_CONCAT_INNER_(a, b) a##b
#define IMPRINT_TEST_CONCAT_(a, b) IMPRINT_TEST_CONCAT_INNER_(a, b)

#endif  // IMPRINT_TESTS_TESTING_STATUS_MATCHERS_H_
