// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/rpc/request_origin.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>

#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"

namespace imprint::rpc {
namespace {

constexpr size_t kMaxRequestIdBytes = 128;
constexpr absl::string_view kOtherIdCharacters = "-_.:/+=@";

// version "-" trace-id "-" parent-id "-" trace-flags, in digits.
constexpr size_t kVersionDigits = 2;
constexpr size_t kTraceIdDigits = 32;
constexpr size_t kParentIdDigits = 16;
constexpr size_t kFlagsDigits = 2;
constexpr size_t kTraceParentBytes =
    kVersionDigits + 1 + kTraceIdDigits + 1 + kParentIdDigits + 1 + kFlagsDigits;

bool IsHex(absl::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isdigit(static_cast<unsigned char>(c)) || (c >= 'a' && c <= 'f');
  });
}

bool IsZero(absl::string_view text) {
  return text.find_first_not_of('0') == absl::string_view::npos;
}

}  // namespace

std::string RequestId(absl::string_view given) {
  const bool good = !given.empty() && given.size() <= kMaxRequestIdBytes &&
                    std::all_of(given.begin(), given.end(), [](char c) {
                      return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
                             kOtherIdCharacters.find(c) != absl::string_view::npos;
                    });
  if (good) return std::string(given);
  thread_local std::mt19937_64 random{std::random_device{}()};
  return absl::StrFormat("%016x", static_cast<uint64_t>(random()));
}

std::string TraceId(absl::string_view traceparent) {
  if (traceparent.size() < kTraceParentBytes) return "";
  const absl::string_view version = traceparent.substr(0, kVersionDigits);
  const absl::string_view trace_id = traceparent.substr(kVersionDigits + 1, kTraceIdDigits);
  const absl::string_view parent_id =
      traceparent.substr(kVersionDigits + 1 + kTraceIdDigits + 1, kParentIdDigits);
  const absl::string_view flags =
      traceparent.substr(kTraceParentBytes - kFlagsDigits, kFlagsDigits);
  // A later version may have more behind it.
  const bool ends = version == "00" ? traceparent.size() == kTraceParentBytes
                                    : traceparent.size() == kTraceParentBytes ||
                                          traceparent[kTraceParentBytes] == '-';
  const bool parted = traceparent[kVersionDigits] == '-' &&
                      traceparent[kVersionDigits + 1 + kTraceIdDigits] == '-' &&
                      traceparent[kTraceParentBytes - kFlagsDigits - 1] == '-';
  const bool good = ends && parted && IsHex(version) && version != "ff" && IsHex(trace_id) &&
                    !IsZero(trace_id) && IsHex(parent_id) && !IsZero(parent_id) && IsHex(flags);
  return good ? std::string(trace_id) : "";
}

}  // namespace imprint::rpc
