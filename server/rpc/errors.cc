// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/rpc/errors.h"

#include <cstdint>
#include <optional>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/error_reason.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace imprint::rpc {
namespace {

// Payloads of absl::Status that become details.
constexpr char kErrorInfoUrl[] = "type.googleapis.com/google.rpc.ErrorInfo";
constexpr char kBadRequestUrl[] = "type.googleapis.com/google.rpc.BadRequest";
constexpr char kRetryInfoUrl[] = "type.googleapis.com/google.rpc.RetryInfo";
constexpr absl::string_view kCutMark = "...";

template <typename Message>
Message PayloadOrDefault(const absl::Status& status, const char* url) {
  Message message;
  if (absl::optional<absl::Cord> payload = status.GetPayload(url); payload.has_value()) {
    message.ParseFromString(std::string(*payload));
  }
  return message;
}

// Cut where it is too long, and says so.
std::string Cut(absl::string_view text, size_t max_bytes) {
  if (text.size() <= max_bytes) return std::string(text);
  return absl::StrCat(Shortened(text, max_bytes - kCutMark.size()), kCutMark);
}

google::rpc::RetryInfo ToRetryInfo(absl::Duration delay) {
  google::rpc::RetryInfo retry;
  retry.mutable_retry_delay()->set_seconds(absl::ToInt64Seconds(delay));
  retry.mutable_retry_delay()->set_nanos(
      static_cast<int32_t>(absl::ToInt64Nanoseconds(delay % absl::Seconds(1))));
  return retry;
}

// How long a client should wait before it tries again; nullopt where that does not help.
std::optional<absl::Duration> RetryDelay(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kAborted:
      return absl::Milliseconds(100);
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kUnavailable:
      return absl::Seconds(1);
    default:
      return std::nullopt;
  }
}

}  // namespace

absl::Status WithReason(absl::Status status, absl::string_view reason,
                        const std::map<std::string, std::string>& metadata) {
  if (status.ok()) return status;
  google::rpc::ErrorInfo info;
  info.set_reason(std::string(reason));
  for (const auto& [key, value] : metadata) (*info.mutable_metadata())[key] = value;
  status.SetPayload(kErrorInfoUrl, absl::Cord(info.SerializeAsString()));
  return status;
}

absl::Status WithRetryDelay(absl::Status status, absl::Duration delay) {
  if (status.ok()) return status;
  status.SetPayload(kRetryInfoUrl, absl::Cord(ToRetryInfo(delay).SerializeAsString()));
  return status;
}

std::string Shortened(absl::string_view text, size_t max_bytes) {
  if (text.size() <= max_bytes) return std::string(text);
  size_t end = max_bytes;
  // A byte that goes on with a character of UTF-8 is 10xxxxxx.
  while (end > 0 && (static_cast<uint8_t>(text[end]) & 0xC0) == 0x80) --end;
  return std::string(text.substr(0, end));
}

absl::Status FieldError(absl::string_view field, absl::string_view description) {
  FieldErrors errors;
  errors.Add(field, description);
  return errors.ToStatus();
}

void FieldErrors::Add(absl::string_view field, absl::string_view description) {
  if (++count_ > kMaxViolations) return;
  violations_.push_back({Cut(field, kMaxFieldBytes), Cut(description, kMaxDescriptionBytes)});
}

void FieldErrors::AddIfError(absl::string_view field, const absl::Status& status) {
  if (!status.ok()) Add(field, status.message());
}

absl::Status FieldErrors::ToStatus() const {
  if (violations_.empty()) return absl::OkStatus();
  google::rpc::BadRequest bad_request;
  for (const Violation& violation : violations_) {
    google::rpc::BadRequest::FieldViolation& added = *bad_request.add_field_violations();
    added.set_field(violation.field);
    added.set_description(violation.description);
  }
  const Violation& first = violations_.front();
  std::string message = absl::StrCat(first.field, ": ", first.description);
  if (count_ > 1) {
    absl::StrAppend(&message, " (and ", count_ - 1, " more",
                    count_ > kMaxViolations
                        ? absl::StrCat(", of which ", kMaxViolations - 1, " are listed)")
                        : ")");
  }
  absl::Status status = WithReason(absl::InvalidArgumentError(message), kReasonInvalidField,
                                   {{"field", first.field}});
  status.SetPayload(kBadRequestUrl, absl::Cord(bad_request.SerializeAsString()));
  return status;
}

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const std::string message = Cut(status.message(), kMaxMessageBytes);
  google::rpc::Status details;
  details.set_code(static_cast<int>(status.code()));
  details.set_message(message);

  auto info = PayloadOrDefault<google::rpc::ErrorInfo>(status, kErrorInfoUrl);
  info.set_domain(kErrorDomain);
  if (info.reason().empty()) {
    if (const auto given = status.GetPayload(kErrorReasonUrl); given.has_value()) {
      info.set_reason(std::string(*given));
    }
  }
  if (info.reason().empty()) info.set_reason(absl::StatusCodeToString(status.code()));
  details.add_details()->PackFrom(info);

  if (auto bad_request = PayloadOrDefault<google::rpc::BadRequest>(status, kBadRequestUrl);
      bad_request.field_violations_size() > 0) {
    details.add_details()->PackFrom(bad_request);
  }
  if (status.GetPayload(kRetryInfoUrl).has_value()) {
    details.add_details()->PackFrom(
        PayloadOrDefault<google::rpc::RetryInfo>(status, kRetryInfoUrl));
  } else if (std::optional<absl::Duration> delay = RetryDelay(status.code()); delay.has_value()) {
    details.add_details()->PackFrom(ToRetryInfo(*delay));
  }
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), message,
                      details.SerializeAsString());
}

}  // namespace imprint::rpc
