// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Which hosts are this machine, reached by nobody else.

#ifndef IMPRINT_COMMON_LOOPBACK_H_
#define IMPRINT_COMMON_LOOPBACK_H_

#include "absl/strings/string_view.h"

namespace imprint {

// localhost, 127.0.0.0/8 and [::1]; a host as it stands in a URL or before a port.
bool IsLoopback(absl::string_view host);

// Whether only this machine reaches a gRPC address: "unix:..." or a loopback host and its port.
bool IsThisMachine(absl::string_view address);

}  // namespace imprint

#endif  // IMPRINT_COMMON_LOOPBACK_H_
