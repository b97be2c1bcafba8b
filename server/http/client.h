// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Posts JSON to another server. Only https with a certificate that is verified, and http;
// redirects are not followed; what comes back is bounded in bytes and in time.

#ifndef IMPRINT_SERVER_HTTP_CLIENT_H_
#define IMPRINT_SERVER_HTTP_CLIENT_H_

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace imprint::http {

struct ClientOptions {
  // From the look-up of the host to the last byte.
  absl::Duration timeout = absl::Minutes(1);
  // PEM file of the authorities that are trusted; empty: the system's.
  std::filesystem::path ca_file = {};
  // Sent as "Authorization: Bearer"; empty: nothing is sent.
  std::string bearer_key = {};
  // Of a body that comes back.
  size_t max_response_bytes = 1 << 20;
};

struct Response {
  int status = 0;
  std::string body;
  // How long the other side asks to wait (RFC 9110, 10.2.3); zero where it does not.
  absl::Duration retry_after;
};

// Thread-safe: each call has a connection of its own. A proxy of the environment
// (https_proxy) carries https only, which it cannot read, and nothing that stays on this machine.
class Client {
 public:
  explicit Client(ClientOptions options);

  // Any status is a response, also 301 and 500. UNAVAILABLE: no connection, or none that
  // can be trusted. DEADLINE_EXCEEDED: it took longer than `timeout`. RESOURCE_EXHAUSTED: the
  // body is larger than `max_response_bytes`. CANCELLED: `cancelled` became true; it is asked
  // about once a second.
  absl::StatusOr<Response> PostJson(const std::string& url, const std::string& body,
                                    const std::function<bool()>& cancelled) const;

 private:
  const ClientOptions options_;
};

}  // namespace imprint::http

#endif  // IMPRINT_SERVER_HTTP_CLIENT_H_
