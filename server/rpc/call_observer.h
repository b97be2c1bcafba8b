// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Sees every call: counts and logs it, and words the errors that gRPC itself makes.

#ifndef IMPRINT_SERVER_RPC_CALL_OBSERVER_H_
#define IMPRINT_SERVER_RPC_CALL_OBSERVER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "google/protobuf/descriptor.h"
#include "grpcpp/support/server_interceptor.h"
#include "server/metrics/metrics.h"
#include "server/rpc/access.h"
#include "server/rpc/guard.h"

namespace imprint::rpc {

// A request that protobuf cannot parse (a string that is not UTF-8, say) never reaches a
// handler: gRPC answers UNIMPLEMENTED without a word. The observer makes it
// INVALID_ARGUMENT and names the field, which protobuf tells only its log.
//
// Each call is one line of the log, at debug: method, code, seconds, the caller's x-request-id
// (or one made up), which it gets back as initial metadata, and the trace id of its traceparent.
class CallObserverFactory final : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  // Calls that change something (access.h) are a line at info as well, also where the caller may
  // not (audit.h); not where nobody knows who calls (UNAUTHENTICATED).
  //
  // Of these services only: a method that somebody made up is no label of a metric, and is
  // rightly UNIMPLEMENTED; health checks and reflection would drown the rest. `guard` and
  // `metrics`, which may be null, outlive the factory.
  CallObserverFactory(const std::vector<const google::protobuf::ServiceDescriptor*>& services,
                      const Guard* guard, metrics::RpcMetrics* metrics);

  grpc::experimental::Interceptor* CreateServerInterceptor(
      grpc::experimental::ServerRpcInfo* info) override;

 private:
  struct Method {
    std::string name;
    Audited audited = Audited::kNone;
    std::shared_ptr<metrics::CallMetrics> metrics;  // null: not counted
  };

  const Guard* const guard_;
  // By "/imprint.v1.ImprintService/Query".
  absl::flat_hash_map<std::string, Method> methods_;
};

// Sends protobuf's log to ours and listens in it for the field of a failed parse. Call once.
void CaptureProtobufLog();

}  // namespace imprint::rpc

#endif  // IMPRINT_SERVER_RPC_CALL_OBSERVER_H_
