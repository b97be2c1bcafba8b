// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// An engine that computes nothing: the test says which tokens come out, and when.

#ifndef IMPRINT_TESTS_RPC_SCRIPTED_ENGINE_H_
#define IMPRINT_TESTS_RPC_SCRIPTED_ENGINE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/engine/engine.h"

namespace imprint::fakes {

// Takes one request at a time. The test's thread plays the engine's.
class ScriptedEngine final : public engine::Engine {
 public:
  absl::StatusOr<engine::RequestHandle> Generate(engine::GenerateRequest request,
                                                 engine::GenerateCallbacks callbacks) override {
    absl::MutexLock lock(&mutex_);
    if (!refusal_.ok()) return refusal_;
    request_ = std::move(request);
    callbacks_ = std::move(callbacks);
    handle_ = engine::RequestHandle();
    return *handle_;
  }
  absl::StatusOr<engine::RequestHandle> Score(
      engine::ScoreRequest request,
      std::function<void(absl::StatusOr<engine::ScoreResult>)> on_done) override {
    // Every token is certain.
    engine::ScoreResult result;
    result.tokens.resize(request.target.size());
    for (size_t i = 0; i < result.tokens.size(); ++i) {
      if (request.top_k > 0) result.tokens[i].top = {{request.target[i]}, {0.0F}};
      if (!request.requested_ids.empty()) result.tokens[i].requested = {0.0F};
    }
    absl::MutexLock lock(&mutex_);
    if (!refusal_.ok()) return refusal_;
    score_ = std::move(request);
    on_done(std::move(result));
    return engine::RequestHandle();
  }
  void SetCurrent(engine::SharedVersion) override {}
  void Drain(absl::Time) override {}
  engine::EngineLoad load() const override { return {}; }

  // What the engine answers from now on instead of taking a request.
  void Refuse(absl::Status refusal) {
    absl::MutexLock lock(&mutex_);
    refusal_ = std::move(refusal);
  }

  // Waits for a request to be taken; gives it.
  engine::GenerateRequest AwaitRequest() {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(this, &ScriptedEngine::HasRequest));
    return *request_;
  }
  // What the request's reader says to one more token.
  bool Emit(int32_t token) { return callbacks().on_token(token); }
  // Waits for the caller to give up.
  void AwaitCancelled() {
    absl::MutexLock lock(&mutex_);
    // The handle has no way to tell; asked again every millisecond.
    while (!handle_->cancelled()) {
      mutex_.AwaitWithTimeout(
          absl::Condition(+[](bool* never) { return *never; }, &never_), absl::Milliseconds(1));
    }
  }
  void End(absl::StatusOr<engine::GenerateResult> result) {
    callbacks().on_done(std::move(result));
    absl::MutexLock lock(&mutex_);
    request_.reset();
    callbacks_ = {};
  }
  engine::ScoreRequest last_score() {
    absl::MutexLock lock(&mutex_);
    return score_;
  }

 private:
  bool HasRequest() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return request_.has_value(); }
  engine::GenerateCallbacks callbacks() {
    absl::MutexLock lock(&mutex_);
    return callbacks_;
  }

  absl::Mutex mutex_;
  std::optional<engine::GenerateRequest> request_ ABSL_GUARDED_BY(mutex_);
  engine::GenerateCallbacks callbacks_ ABSL_GUARDED_BY(mutex_);
  std::optional<engine::RequestHandle> handle_ ABSL_GUARDED_BY(mutex_);
  engine::ScoreRequest score_ ABSL_GUARDED_BY(mutex_);
  absl::Status refusal_ ABSL_GUARDED_BY(mutex_);
  bool never_ = false;
};

}  // namespace imprint::fakes

#endif  // IMPRINT_TESTS_RPC_SCRIPTED_ENGINE_H_
