// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// One Score: tokens in, their log-probabilities out.

#ifndef IMPRINT_SERVER_RPC_SCORE_CALL_H_
#define IMPRINT_SERVER_RPC_SCORE_CALL_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/server_callback.h"
#include "imprint/v1/imprint_service.pb.h"
#include "server/rpc/service_deps.h"

namespace imprint::rpc {

// Owns itself, like QueryCall; the engine's callback finishes it.
class ScoreCall final : public grpc::ServerUnaryReactor,
                        public std::enable_shared_from_this<ScoreCall> {
 public:
  // Takes the call up and hands its start to the quick pool. `request` and `response` live
  // until OnDone.
  static grpc::ServerUnaryReactor* Make(const ServiceDeps* deps,
                                        grpc::CallbackServerContext* context,
                                        const v1::ScoreRequest* request,
                                        v1::ScoreResponse* response);

  ScoreCall(const ServiceDeps* deps, grpc::CallbackServerContext* context,
            const v1::ScoreRequest* request, v1::ScoreResponse* response);

 private:
  void OnCancel() override ABSL_LOCKS_EXCLUDED(mutex_);
  void OnDone() override;

  // On the pool.
  void Start() ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<engine::ScoreRequest> MakeRequest();
  // On the engine's thread.
  void OnScored(absl::StatusOr<engine::ScoreResult> result);
  // On the pool.
  absl::Status FillResponse(const engine::ScoreResult& result);

  const ServiceDeps* const deps_;
  grpc::CallbackServerContext* const context_;
  const v1::ScoreRequest* const request_;
  v1::ScoreResponse* const response_;
  // Set by Start before the engine sees the request.
  std::vector<int32_t> target_;

  // Keeps the call alive until OnDone.
  std::shared_ptr<ScoreCall> self_;

  absl::Mutex mutex_;
  engine::RequestHandle handle_ ABSL_GUARDED_BY(mutex_);
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace imprint::rpc

#endif  // IMPRINT_SERVER_RPC_SCORE_CALL_H_
