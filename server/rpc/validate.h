// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// What a request must look like before a room sees it. Each gives INVALID_ARGUMENT that
// names every wrong field, what is wrong with it and the limit.

#ifndef IMPRINT_SERVER_RPC_VALIDATE_H_
#define IMPRINT_SERVER_RPC_VALIDATE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "imprint/v1/admin_service.pb.h"
#include "imprint/v1/imprint_service.pb.h"

namespace imprint::rpc {

struct Limits {
  // Of an experience's text, and of its targets and probes together; also of a prompt
  // (--inject.max_bytes).
  int64_t max_inject_bytes = int64_t{1} << 20;
  // Tokens that pending_context may take, and its default (--pending.max_tokens).
  int32_t max_pending_tokens = 2048;
  // Of the model.
  int32_t vocab_size = 0;
  // Of the model, in tokens.
  int32_t window = 0;
};

inline constexpr int kMaxLabels = 32;
inline constexpr int kMaxLabelKeyBytes = 63;
inline constexpr int kMaxLabelValueBytes = 256;
inline constexpr int kMaxRequestIdBytes = 128;
// A hundred years.
inline constexpr int64_t kMaxTtlSeconds = int64_t{100} * 365 * 24 * 3600;
inline constexpr int kMaxTargets = 1000;
inline constexpr int kMaxProbes = 100;
inline constexpr int kMaxMessages = 1000;
inline constexpr int kMaxStops = 8;
inline constexpr int kMaxStopBytes = 128;
inline constexpr int kMaxTopK = 256;
inline constexpr int kMaxRequestedIds = 4096;
inline constexpr int kMaxRunProbes = 1000;
inline constexpr float kMaxTemperature = 2;
// No text's tokens are this long on average: a longer one need not be tokenized to know that it
// does not fit.
inline constexpr int64_t kMaxBytesPerToken = 16;

absl::Status ValidateInject(const v1::InjectContextRequest& request, const Limits& limits);
absl::Status ValidateForget(const v1::ForgetExperienceRequest& request);
absl::Status ValidateQuery(const v1::QueryRequest& request, const Limits& limits);
absl::Status ValidateScore(const v1::ScoreRequest& request, const Limits& limits);
absl::Status ValidateListExperiences(const v1::ListExperiencesRequest& request);
absl::Status ValidateCreateProbe(const v1::CreateProbeRequest& request, const Limits& limits);

// The number in a resource name; the error is about `field`.
absl::StatusOr<int64_t> ParseNameField(absl::string_view field, absl::string_view collection,
                                       const std::string& name);

}  // namespace imprint::rpc

#endif  // IMPRINT_SERVER_RPC_VALIDATE_H_
