// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Sees every call: counts it, and words the errors that gRPC itself makes.

#ifndef IMPRINT_SERVER_RPC_CALL_OBSERVER_H_
#define IMPRINT_SERVER_RPC_CALL_OBSERVER_H_

#include "grpcpp/support/server_interceptor.h"
#include "server/metrics/metrics.h"

namespace imprint::rpc {

// A request that protobuf cannot parse (a string that is not UTF-8, say) never reaches a
// handler: gRPC answers UNIMPLEMENTED without a word. The observer makes it
// INVALID_ARGUMENT and names the field, which protobuf tells only its log.
class CallObserverFactory final : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  // `metrics` outlives it; may be null. Declares all methods of the API.
  explicit CallObserverFactory(metrics::RpcMetrics* metrics);

  grpc::experimental::Interceptor* CreateServerInterceptor(
      grpc::experimental::ServerRpcInfo* info) override;

 private:
  metrics::RpcMetrics* const metrics_;
};

// Sends protobuf's log to ours and listens in it for the field of a failed parse. Call once.
void CaptureProtobufLog();

}  // namespace imprint::rpc

#endif  // IMPRINT_SERVER_RPC_CALL_OBSERVER_H_
