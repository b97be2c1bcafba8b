// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// What a caller says of where its request comes from, for the log.

#ifndef IMPRINT_SERVER_RPC_REQUEST_ORIGIN_H_
#define IMPRINT_SERVER_RPC_REQUEST_ORIGIN_H_

#include <string>

#include "absl/strings/string_view.h"

namespace imprint::rpc {

// Names of metadata.
inline constexpr char kRequestIdKey[] = "x-request-id";
inline constexpr char kTraceParentKey[] = "traceparent";

// `given` where it is 1 to 128 letters, digits or any of "-_.:/+=@"; else one that is made up,
// 16 hexadecimal digits.
std::string RequestId(absl::string_view given);

// The trace id, 32 hexadecimal digits, of a traceparent header as W3C's Trace Context writes it
// (https://www.w3.org/TR/trace-context/); empty when it is not valid.
std::string TraceId(absl::string_view traceparent);

}  // namespace imprint::rpc

#endif  // IMPRINT_SERVER_RPC_REQUEST_ORIGIN_H_
