// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Tells systemd what the program is about (Type=notify): the protocol of sd_notify(3), without its
// library.

#ifndef IMPRINT_SERVER_SERVICE_MANAGER_H_
#define IMPRINT_SERVER_SERVICE_MANAGER_H_

#include <string_view>

#include "absl/status/status.h"

namespace imprint {

// The server listens, and answers.
inline constexpr std::string_view kServiceReady = "READY=1";
// It is on its way out; what runs may end.
inline constexpr std::string_view kServiceStopping = "STOPPING=1";

// Sends `state` to the socket that $NOTIFY_SOCKET names. OK, and nothing, where it is not set.
// INVALID_ARGUMENT: it names no socket; UNAVAILABLE: it takes nothing.
absl::Status TellServiceManager(std::string_view state);

}  // namespace imprint

#endif  // IMPRINT_SERVER_SERVICE_MANAGER_H_
