// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "common/loopback.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <string>

#include "absl/strings/match.h"

namespace imprint {

bool IsLoopback(absl::string_view host) {
  // gRPC and libcurl know this name themselves: whatever the resolver says, it is loopback.
  if (host == "localhost" || host == "[::1]") return true;
  in_addr ipv4 = {};
  return inet_pton(AF_INET, std::string(host).c_str(), &ipv4) == 1 &&
         (ntohl(ipv4.s_addr) >> 24) == IN_LOOPBACKNET;
}

bool IsThisMachine(absl::string_view address) {
  return absl::StartsWith(address, "unix:") || IsLoopback(address.substr(0, address.rfind(':')));
}

}  // namespace imprint
