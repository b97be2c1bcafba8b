// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// The listening gRPC servers: addresses, TLS, health, reflection, start and stop.

#ifndef IMPRINT_SERVER_RPC_SERVER_H_
#define IMPRINT_SERVER_RPC_SERVER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "grpcpp/server.h"
#include "server/metrics/metrics.h"
#include "server/rpc/admin_service.h"
#include "server/rpc/guarded_services.h"
#include "server/rpc/imprint_service.h"
#include "server/rpc/service_deps.h"
#include "server/rpc/tls_credentials.h"

namespace imprint::rpc {

struct ListenOptions {
  // "127.0.0.1:50051", "[::1]:0", "unix:/run/imprint.sock" (--listen).
  std::string address = "127.0.0.1:50051";
  // The AdminService's own; empty: at `address` as well (--admin_listen).
  std::string admin_address = {};
  TlsOptions tls = {};
  // Calls of one connection at a time; more of them wait at the caller (--serve.max_streams).
  int max_streams = 1000;
  // Of requests and answers that are on their way, on all connections: gRPC reads a request before
  // anybody can look at its token. Beyond it no more is read (--serve.max_call_bytes).
  int64_t max_call_bytes = int64_t{512} << 20;
};

// Thread-safe.
class Server {
 public:
  // Listens and serves; health is SERVING from then on. UNAVAILABLE naming the address when
  // it cannot be had. `deps` and `metrics`, which may be null, outlive the server.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const ListenOptions& options,
                                                       const ServiceDeps* deps,
                                                       metrics::RpcMetrics* metrics);
  // Shuts down at once.
  ~Server();

  // What was bound; 0 for a unix socket.
  int port() const { return port_; }
  int admin_port() const { return admin_port_; }

  // Health says NOT_SERVING; calls are still taken.
  void StopServing();
  // Takes no new calls, waits for those that run until `deadline`, then cancels them.
  void Shutdown(absl::Time deadline);

 private:
  Server(const ServiceDeps* deps, std::unique_ptr<TlsCredentials> tls)
      : tls_(std::move(tls)),
        imprint_service_(deps),
        admin_service_(deps),
        guarded_imprint_(&imprint_service_, &deps->guard),
        guarded_admin_(&admin_service_, &deps->guard) {}

  const std::unique_ptr<TlsCredentials> tls_;
  ImprintServiceImpl imprint_service_;
  AdminServiceImpl admin_service_;
  GuardedImprintService guarded_imprint_;
  GuardedAdminService guarded_admin_;
  int port_ = 0;
  int admin_port_ = 0;
  // One, or two where the admin service has an address of its own.
  std::vector<std::unique_ptr<grpc::Server>> servers_;
};

}  // namespace imprint::rpc

#endif  // IMPRINT_SERVER_RPC_SERVER_H_
