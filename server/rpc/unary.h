// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// How a handler hands its work to a pool and answers from there.

#ifndef IMPRINT_SERVER_RPC_UNARY_H_
#define IMPRINT_SERVER_RPC_UNARY_H_

#include <chrono>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/server_callback.h"
#include "server/rpc/errors.h"
#include "server/rpc/worker_pool.h"

namespace imprint::rpc {

// Answers at once.
inline grpc::ServerUnaryReactor* Answer(grpc::CallbackServerContext* context,
                                        const absl::Status& status) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(ToGrpcStatus(status));
  return reactor;
}

// Runs `handler` (absl::Status()) on the pool and answers with its status. Request and
// response of the call live until then.
template <typename Handler>
grpc::ServerUnaryReactor* RunOn(WorkerPool* pool, grpc::CallbackServerContext* context,
                                Handler handler) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  absl::Status taken = pool->Run([reactor, context, handler = std::move(handler)] {
    if (context->IsCancelled()) {
      reactor->Finish(ToGrpcStatus(absl::CancelledError("the caller gave up")));
      return;
    }
    reactor->Finish(ToGrpcStatus(handler()));
  });
  if (!taken.ok()) reactor->Finish(ToGrpcStatus(taken));
  return reactor;
}

// The same for a handler that takes seconds: it is given a function to ask between its
// steps whether its caller gave up or the pool is stopped, and ends with CANCELLED then.
template <typename Handler>
grpc::ServerUnaryReactor* RunLongOn(WorkerPool* pool, grpc::CallbackServerContext* context,
                                    Handler handler) {
  return RunOn(pool, context, [pool, context, handler = std::move(handler)]() -> absl::Status {
    absl::Status status =
        handler([pool, context] { return context->IsCancelled() || pool->stopping(); });
    if (absl::IsCancelled(status) && pool->stopping()) {
      return WithReason(absl::UnavailableError("the server is shutting down"), kReasonDraining);
    }
    return status;
  });
}

// When the caller stops waiting.
inline absl::Time Deadline(const grpc::CallbackServerContext& context) {
  const std::chrono::system_clock::time_point deadline = context.deadline();
  // gRPC's "no deadline" is far away rather than infinite.
  if (deadline - std::chrono::system_clock::now() > std::chrono::hours(24 * 365)) {
    return absl::InfiniteFuture();
  }
  return absl::FromChrono(deadline);
}

}  // namespace imprint::rpc

#endif  // IMPRINT_SERVER_RPC_UNARY_H_
