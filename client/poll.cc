// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/poll.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace imprint::client {
namespace {

constexpr absl::Duration kLongest = absl::Seconds(2);
constexpr double kGrowth = 1.5;
// Whatever the server says, it is not asked without a pause.
constexpr absl::Duration kShortest = absl::Milliseconds(10);

}  // namespace

std::optional<absl::Duration> RetryDelay(const grpc::Status& status) {
  google::rpc::Status details;
  if (!details.ParseFromString(status.error_details())) return std::nullopt;
  for (const google::protobuf::Any& any : details.details()) {
    google::rpc::RetryInfo retry;
    if (any.UnpackTo(&retry)) {
      return absl::Seconds(retry.retry_delay().seconds()) +
             absl::Nanoseconds(retry.retry_delay().nanos());
    }
  }
  return std::nullopt;
}

bool Poll::is_over() const { return absl::Now() >= end_; }

absl::Duration Poll::Next() { return std::exchange(next_, std::min(kLongest, next_ * kGrowth)); }

void Poll::Sleep() { absl::SleepFor(std::min(Next(), end_ - absl::Now())); }

bool Poll::SleepOff(const grpc::Status& status) {
  if (status.error_code() != grpc::StatusCode::RESOURCE_EXHAUSTED || is_over()) return false;
  const std::optional<absl::Duration> delay = RetryDelay(status);
  if (!delay.has_value()) return false;
  absl::SleepFor(std::min(std::max(kShortest, *delay), end_ - absl::Now()));
  return true;
}

}  // namespace imprint::client
