// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// One Query: a chat turn, streamed to a client that may be slow or leave.

#ifndef IMPRINT_SERVER_RPC_QUERY_CALL_H_
#define IMPRINT_SERVER_RPC_QUERY_CALL_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/server_callback.h"
#include "imprint/v1/imprint_service.pb.h"
#include "server/rpc/service_deps.h"

namespace imprint::rpc {

// The engine's thread puts pieces into a bounded outbox, gRPC takes them out one by one.
// Owns itself: gRPC, the pool's job and the engine's callbacks each hold it as long as
// they may call it.
class QueryCall final : public grpc::ServerWriteReactor<v1::QueryResponse>,
                        public std::enable_shared_from_this<QueryCall> {
 public:
  // Takes the call up and hands its start to the quick pool. `request` lives until OnDone.
  static grpc::ServerWriteReactor<v1::QueryResponse>* Make(const ServiceDeps* deps,
                                                           grpc::CallbackServerContext* context,
                                                           const v1::QueryRequest* request);

  QueryCall(const ServiceDeps* deps, grpc::CallbackServerContext* context,
            const v1::QueryRequest* request);

 private:
  // gRPC's reactions.
  void OnWriteDone(bool ok) override ABSL_LOCKS_EXCLUDED(mutex_);
  void OnCancel() override ABSL_LOCKS_EXCLUDED(mutex_);
  void OnDone() override;

  // On the pool: from the request to the engine.
  void Start() ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<engine::RequestHandle> StartChat();

  // On the engine's thread.
  bool OnText(std::string text) ABSL_LOCKS_EXCLUDED(mutex_);
  void OnChatDone(absl::Status status, engine::FinishReason reason, engine::ChatUsage usage)
      ABSL_LOCKS_EXCLUDED(mutex_);

  v1::QueryResponse LastResponse(engine::FinishReason reason, const engine::ChatUsage& usage) const;
  // Writes the next piece, or finishes when all is written and nobody else will call.
  void Advance() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const ServiceDeps* const deps_;
  grpc::CallbackServerContext* const context_;
  const v1::QueryRequest* const request_;
  // Set by Start before the engine sees the request.
  int64_t version_ = 0;
  std::vector<std::string> pending_experiences_;

  // Keeps the call alive until OnDone.
  std::shared_ptr<QueryCall> self_;

  absl::Mutex mutex_;
  // The front one is being written while `writing_`.
  std::deque<v1::QueryResponse> outbox_ ABSL_GUARDED_BY(mutex_);
  engine::RequestHandle handle_ ABSL_GUARDED_BY(mutex_);
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  // The pool's job is over; the engine gives no more.
  bool started_ ABSL_GUARDED_BY(mutex_) = false;
  bool chat_done_ ABSL_GUARDED_BY(mutex_) = false;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  bool too_slow_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace imprint::rpc

#endif  // IMPRINT_SERVER_RPC_QUERY_CALL_H_
