// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Which version a request is answered by.

#ifndef IMPRINT_SERVER_RPC_VERSION_SELECTION_H_
#define IMPRINT_SERVER_RPC_VERSION_SELECTION_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "imprint/v1/message.pb.h"
#include "server/engine/request.h"
#include "server/version/version_manager.h"

namespace imprint::rpc {

// NOT_FOUND: there is none of that number; FAILED_PRECONDITION: it is not in memory.
absl::StatusOr<engine::SharedVersion> SelectVersion(const version::VersionManager& versions,
                                                    const v1::VersionSelector& selector);
absl::StatusOr<engine::SharedVersion> AcquireVersion(const version::VersionManager& versions,
                                                     int64_t number);

}  // namespace imprint::rpc

#endif  // IMPRINT_SERVER_RPC_VERSION_SELECTION_H_
