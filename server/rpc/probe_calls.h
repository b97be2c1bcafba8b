// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// The admin calls that deal with probes. On a pool's thread.

#ifndef IMPRINT_SERVER_RPC_PROBE_CALLS_H_
#define IMPRINT_SERVER_RPC_PROBE_CALLS_H_

#include <functional>

#include "absl/status/status.h"
#include "imprint/v1/admin_service.pb.h"
#include "server/rpc/service_deps.h"

namespace imprint::rpc {

// `cancelled` is asked between steps of the engine.
absl::Status CreateProbe(const ServiceDeps& deps, const v1::CreateProbeRequest& request,
                         const std::function<bool()>& cancelled, v1::CreateProbeResponse* response);
absl::Status ListProbes(const ServiceDeps& deps, const v1::ListProbesRequest& request,
                        v1::ListProbesResponse* response);
absl::Status DeleteProbe(const ServiceDeps& deps, const v1::DeleteProbeRequest& request);
absl::Status RunProbes(const ServiceDeps& deps, const v1::RunProbesRequest& request,
                       const std::function<bool()>& cancelled, v1::RunProbesResponse* response);

}  // namespace imprint::rpc

#endif  // IMPRINT_SERVER_RPC_PROBE_CALLS_H_
