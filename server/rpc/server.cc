// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/rpc/server.h"

#include <algorithm>
#include <limits>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "google/protobuf/descriptor.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/grpcpp.h"
#include "grpcpp/health_check_service_interface.h"
#include "grpcpp/resource_quota.h"
#include "server/rpc/call_observer.h"

namespace imprint::rpc {
namespace {

// Room for targets, probes and framing beside an experience that is just too large, so
// that its caller gets our error with its field rather than gRPC's.
constexpr int64_t kReceiveSlackBytes = int64_t{4} << 20;

// Plugins are gRPC's globals: for all servers made after this.
void InitGrpcOnce() {
  static std::once_flag once;
  std::call_once(once, [] {
    CaptureProtobufLog();
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  });
}

// A service and what it is called.
struct NamedService {
  grpc::Service* service;
  const google::protobuf::ServiceDescriptor* descriptor;
};

struct Listening {
  std::unique_ptr<grpc::Server> server;
  int port = 0;
};

// The one service of the file that declares `Message`.
template <typename Message>
const google::protobuf::ServiceDescriptor* DescriptorOf() {
  return Message::descriptor()->file()->service(0);
}

// What all ports of a server have in common.
struct Common {
  const ListenOptions& options;
  std::shared_ptr<grpc::ServerCredentials> credentials;
  // Of all of them together.
  grpc::ResourceQuota memory;
  const ServiceDeps& deps;
  metrics::RpcMetrics* metrics;
};

// On the address that `flag` gave.
absl::StatusOr<Listening> Listen(absl::string_view flag, const std::string& address,
                                 const std::vector<NamedService>& services, const Common& common) {
  grpc::ServerBuilder builder;
  Listening listening;
  builder.AddListeningPort(address, common.credentials, &listening.port);
  // Else a second server binds the same port and takes half of the calls.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, common.options.max_streams);
  builder.SetResourceQuota(common.memory);
  builder.SetMaxReceiveMessageSize(static_cast<int>(std::min<int64_t>(
      common.deps.limits.max_inject_bytes + kReceiveSlackBytes, std::numeric_limits<int>::max())));
  std::vector<const google::protobuf::ServiceDescriptor*> observed;
  for (const NamedService& named : services) {
    builder.RegisterService(named.service);
    observed.push_back(named.descriptor);
  }
  std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> observers;
  observers.push_back(
      std::make_unique<CallObserverFactory>(observed, &common.deps.guard, common.metrics));
  builder.experimental().SetInterceptorCreators(std::move(observers));
  listening.server = builder.BuildAndStart();
  const bool is_unix = absl::StartsWith(address, "unix:");
  if (listening.server == nullptr || (listening.port == 0 && !is_unix)) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", address, " (", flag,
                     "): the port is taken, or the address is not this machine's"));
  }
  if (is_unix) listening.port = 0;
  return listening;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const ListenOptions& options,
                                                      const ServiceDeps* deps,
                                                      metrics::RpcMetrics* metrics) {
  InitGrpcOnce();
  IMPRINT_ASSIGN_OR_RETURN(
      std::unique_ptr<TlsCredentials> tls,
      TlsCredentials::Open(options.tls, metrics == nullptr ? nullptr : metrics->tls_files_bad));
  std::unique_ptr<Server> server(new Server(deps, std::move(tls)));
  const NamedService imprint = {&server->guarded_imprint_, DescriptorOf<v1::QueryRequest>()};
  const NamedService admin = {&server->guarded_admin_, DescriptorOf<v1::GetStatusRequest>()};
  std::vector<NamedService> services = {imprint};
  if (options.admin_address.empty()) services.push_back(admin);
  Common common = {.options = options,
                   .credentials = server->tls_->credentials(),
                   .memory = grpc::ResourceQuota("calls"),
                   .deps = *deps,
                   .metrics = metrics};
  common.memory.Resize(static_cast<size_t>(options.max_call_bytes));
  IMPRINT_ASSIGN_OR_RETURN(Listening listening,
                           Listen("--listen", options.address, services, common));
  server->port_ = listening.port;
  server->admin_port_ = listening.port;
  server->servers_.push_back(std::move(listening.server));
  if (!options.admin_address.empty()) {
    IMPRINT_ASSIGN_OR_RETURN(listening,
                             Listen("--admin_listen", options.admin_address, {admin}, common));
    server->admin_port_ = listening.port;
    server->servers_.push_back(std::move(listening.server));
  }
  const bool two = server->servers_.size() == 2;
  auto set_serving = [](grpc::Server& listener, const char* service) {
    listener.GetHealthCheckService()->SetServingStatus(service, true);
  };
  set_serving(*server->servers_.front(), v1::ImprintService::service_full_name());
  set_serving(*server->servers_[two ? 1 : 0], v1::AdminService::service_full_name());
  return server;
}

Server::~Server() { Shutdown(absl::InfinitePast()); }

void Server::StopServing() {
  for (const auto& server : servers_) server->GetHealthCheckService()->Shutdown();
}

void Server::Shutdown(absl::Time deadline) {
  // At the same time: each waits for its own calls.
  std::vector<std::thread> threads;
  for (const auto& server : servers_) {
    threads.emplace_back([&server, deadline] {
      server->Shutdown(absl::ToChronoTime(deadline));
      server->Wait();
    });
  }
  for (std::thread& thread : threads) thread.join();
  servers_.clear();
}

}  // namespace imprint::rpc
