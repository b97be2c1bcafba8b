// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// What is to be known of a URL before something is sent there.

#ifndef IMPRINT_SERVER_HTTP_URL_H_
#define IMPRINT_SERVER_HTTP_URL_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace imprint::http {

struct Url {
  std::string scheme;  // "http" or "https"
  std::string host;    // as the client will connect to it: "127.1" is "127.0.0.1" here
};

// Read by the parser that the client itself uses. INVALID_ARGUMENT: no absolute http or https
// URL, or one with a user, a password, a query or a fragment; the message does not repeat it,
// for the password's sake.
absl::StatusOr<Url> ParseUrl(const std::string& url);

}  // namespace imprint::http

#endif  // IMPRINT_SERVER_HTTP_URL_H_
