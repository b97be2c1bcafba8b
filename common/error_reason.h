// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// What an error is for programs, where its code does not tell: a word that a room gives it and
// that clients find as ErrorInfo.reason. Part of the API.

#ifndef IMPRINT_COMMON_ERROR_REASON_H_
#define IMPRINT_COMMON_ERROR_REASON_H_

#include "absl/status/status.h"
#include "absl/strings/cord.h"

namespace imprint {

// The payload of an absl::Status that holds the word.
inline constexpr char kErrorReasonUrl[] = "imprint.reason";

// Why no update starts.
inline constexpr char kReasonUpdatesPaused[] = "UPDATES_PAUSED";
inline constexpr char kReasonUpdatesStopped[] = "UPDATES_STOPPED";
inline constexpr char kReasonApprovalAwaited[] = "APPROVAL_AWAITED";

inline absl::Status WithErrorReason(absl::Status status, const char* reason) {
  if (!status.ok()) status.SetPayload(kErrorReasonUrl, absl::Cord(reason));
  return status;
}

}  // namespace imprint

#endif  // IMPRINT_COMMON_ERROR_REASON_H_
