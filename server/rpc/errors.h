// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Errors as clients see them: canonical codes with google.rpc details. ErrorInfo always,
// BadRequest with the fields, RetryInfo where trying again helps.

#ifndef IMPRINT_SERVER_RPC_ERRORS_H_
#define IMPRINT_SERVER_RPC_ERRORS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "grpcpp/support/status.h"

namespace imprint::rpc {

// ErrorInfo.domain.
inline constexpr char kErrorDomain[] = "imprint";

// ErrorInfo.reason, for programs; part of the API. An error that carries none of these, nor of
// those in common/error_reason.h, has its code's name as the reason.
inline constexpr char kReasonInvalidField[] = "INVALID_FIELD";
inline constexpr char kReasonInvalidUtf8[] = "INVALID_UTF8";
inline constexpr char kReasonUnreadableRequest[] = "UNREADABLE_REQUEST";
inline constexpr char kReasonRequestIdConflict[] = "REQUEST_ID_CONFLICT";
inline constexpr char kReasonExperienceNotFound[] = "EXPERIENCE_NOT_FOUND";
inline constexpr char kReasonJobNotFound[] = "JOB_NOT_FOUND";
inline constexpr char kReasonProbeNotFound[] = "PROBE_NOT_FOUND";
inline constexpr char kReasonVersionNotFound[] = "VERSION_NOT_FOUND";
inline constexpr char kReasonBackupNotFound[] = "BACKUP_NOT_FOUND";
inline constexpr char kReasonVersionNotLive[] = "VERSION_NOT_LIVE";
inline constexpr char kReasonReaderTooSlow[] = "READER_TOO_SLOW";
inline constexpr char kReasonEventsDropped[] = "EVENTS_DROPPED";
inline constexpr char kReasonServerBusy[] = "SERVER_BUSY";
inline constexpr char kReasonDraining[] = "DRAINING";
inline constexpr char kReasonTokenMissing[] = "TOKEN_MISSING";
inline constexpr char kReasonTokenUnknown[] = "TOKEN_UNKNOWN";
inline constexpr char kReasonScopeMissing[] = "SCOPE_MISSING";
inline constexpr char kReasonQuotaExceeded[] = "QUOTA_EXCEEDED";

// `status` with ErrorInfo's reason and metadata; OK stays OK.
absl::Status WithReason(absl::Status status, absl::string_view reason,
                        const std::map<std::string, std::string>& metadata = {});

// `status` with the time after which trying again helps, in place of its code's own.
absl::Status WithRetryDelay(absl::Status status, absl::Duration delay);

// INVALID_ARGUMENT about one field, named as in the request ("messages[2].role").
absl::Status FieldError(absl::string_view field, absl::string_view description);

// The first characters of `text`, whole ones, in at most `max_bytes`.
std::string Shortened(absl::string_view text, size_t max_bytes);

// Details travel in trailing metadata, of which clients take some 8 KiB by default: more of them
// would hide the error itself.
inline constexpr int kMaxViolations = 20;
inline constexpr size_t kMaxFieldBytes = 100;
inline constexpr size_t kMaxDescriptionBytes = 160;
inline constexpr size_t kMaxMessageBytes = 1024;

// Collects what is wrong with a request, so that its caller learns it at once: the first
// kMaxViolations, each cut where it is too long, and how many more there are.
class FieldErrors {
 public:
  void Add(absl::string_view field, absl::string_view description);
  // Takes INVALID_ARGUMENT's message as the description; OK adds nothing.
  void AddIfError(absl::string_view field, const absl::Status& status);
  // OK when nothing was added.
  absl::Status ToStatus() const;

 private:
  struct Violation {
    std::string field;
    std::string description;
  };
  std::vector<Violation> violations_;
  int64_t count_ = 0;  // with those beyond kMaxViolations
};

// With its details serialized as gRPC carries them; the message is cut at kMaxMessageBytes.
grpc::Status ToGrpcStatus(const absl::Status& status);

}  // namespace imprint::rpc

#endif  // IMPRINT_SERVER_RPC_ERRORS_H_
