// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Where the server's log goes, its own and its libraries'.

#ifndef IMPRINT_SERVER_LOGGING_H_
#define IMPRINT_SERVER_LOGGING_H_

#include <string>

namespace imprint {

// Everything to standard error: "text", or "json" with one object a line. `level` is a
// name of spdlog's. gRPC's own log goes there too. Call once, before other threads.
void SetUpLogging(const std::string& level, const std::string& format);

}  // namespace imprint

#endif  // IMPRINT_SERVER_LOGGING_H_
