// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// An engine without a network: what a version says is a function of the test's.

#ifndef IMPRINT_TESTS_FAKES_FAKE_ENGINE_H_
#define IMPRINT_TESTS_FAKES_FAKE_ENGINE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/engine/engine.h"

namespace imprint::fakes {

// Thread-safe. Answers at once, on the asking thread.
class FakeEngine final : public engine::Engine {
 public:
  // The log-probability of token `id` at place `index` of the request's target.
  using LogProb =
      std::function<float(const engine::ScoreRequest& request, size_t index, int32_t id)>;

  explicit FakeEngine(LogProb log_prob) : log_prob_(std::move(log_prob)) {}

  // Every answer is empty.
  absl::StatusOr<engine::RequestHandle> Generate(engine::GenerateRequest,
                                                 engine::GenerateCallbacks callbacks) override {
    if (absl::Status status = error(); !status.ok()) return status;
    callbacks.on_done(engine::GenerateResult{});
    return engine::RequestHandle();
  }

  absl::StatusOr<engine::RequestHandle> Score(
      engine::ScoreRequest request,
      std::function<void(absl::StatusOr<engine::ScoreResult>)> on_done) override {
    if (absl::Status status = error(); !status.ok()) return status;
    engine::ScoreResult result;
    for (size_t i = 0; i < request.target.size(); ++i) {
      engine::ScoreResult::Token& token = result.tokens.emplace_back();
      token.log_prob = log_prob_(request, i, request.target[i]);
      if (request.requested_ids.empty()) continue;
      for (const int32_t id : request.requested_ids[i % request.requested_ids.size()]) {
        token.requested.push_back(log_prob_(request, i, id));
      }
    }
    on_done(std::move(result));
    return engine::RequestHandle();
  }

  void SetCurrent(engine::SharedVersion version) override {
    absl::MutexLock lock(&mutex_);
    current_ = std::move(version);
  }
  engine::SharedVersion current() const {
    absl::MutexLock lock(&mutex_);
    return current_;
  }

  // All requests get it until it is OK again.
  void FailWith(absl::Status error) {
    absl::MutexLock lock(&mutex_);
    error_ = std::move(error);
  }

  void Drain(absl::Time) override { FailWith(absl::UnavailableError("draining")); }
  engine::EngineLoad load() const override { return {}; }

 private:
  absl::Status error() const {
    absl::MutexLock lock(&mutex_);
    return error_;
  }

  const LogProb log_prob_;
  mutable absl::Mutex mutex_;
  engine::SharedVersion current_ ABSL_GUARDED_BY(mutex_);
  absl::Status error_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace imprint::fakes

#endif  // IMPRINT_TESTS_FAKES_FAKE_ENGINE_H_
