// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Early returns for absl::Status and absl::StatusOr.

#ifndef IMPRINT_COMMON_STATUS_MACROS_H_
#define IMPRINT_COMMON_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Returns from the enclosing function when `expr` is not OK.
#define IMPRINT_RETURN_IF_ERROR(expr)                                                         \
  do {                                                                                        \
    if (absl::Status imprint_status_ = (expr); !imprint_status_.ok()) return imprint_status_; \
  } while (false)

#define IMPRINT_CONCAT_INNER_(a, b) a##b
#define IMPRINT_CONCAT_(a, b) IMPRINT_CONCAT_INNER_(a, b)

// `IMPRINT_ASSIGN_OR_RETURN(auto x, F())` defines or assigns x, or returns F's error.
#define IMPRINT_ASSIGN_OR_RETURN(lhs, expr) \
  IMPRINT_ASSIGN_OR_RETURN_IMPL_(IMPRINT_CONCAT_(imprint_status_or_, __LINE__), lhs, expr)
#define IMPRINT_ASSIGN_OR_RETURN_IMPL_(result, lhs, expr) \
  auto result = (expr);                                   \
  if (!result.ok()) return std::move(result).status();    \
  lhs = *std::move(result)

#endif  // IMPRINT_COMMON_STATUS_MACROS_H_
