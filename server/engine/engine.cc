// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/engine/engine.h"

#include <cstddef>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace imprint::engine {
namespace {

// How often a waiting caller asks `cancelled`, which nobody announces.
constexpr absl::Duration kAskEvery = absl::Milliseconds(20);

// The answers of a batch, as they come in.
template <typename Result>
class Gathering {
 public:
  explicit Gathering(size_t count) : results_(count) {}

  // For the engine's thread.
  void Put(size_t place, absl::StatusOr<Result> result) ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    --missing_;
    if (!result.ok()) {
      error_.Update(result.status());
    } else {
      results_[place] = *std::move(result);
    }
  }

  void Expect() ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    ++missing_;
  }
  void Fail(const absl::Status& error) ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    error_.Update(error);
  }
  // Takes back an Expect: the request was refused.
  void Refused(const absl::Status& error) ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    --missing_;
    error_.Update(error);
  }

  // Waits until all answers are in, or there is an error. False: neither by then.
  bool Await(absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    return mutex_.AwaitWithTimeout(absl::Condition(this, &Gathering::Decided), timeout);
  }
  // Waits until no answer is to come any more.
  absl::StatusOr<std::vector<Result>> Take() ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(this, &Gathering::Complete));
    if (!error_.ok()) return error_;
    return std::move(results_);
  }

 private:
  bool Complete() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return missing_ == 0; }
  bool Decided() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return missing_ == 0 || !error_.ok();
  }

  absl::Mutex mutex_;
  std::vector<Result> results_ ABSL_GUARDED_BY(mutex_);
  size_t missing_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status error_ ABSL_GUARDED_BY(mutex_);
};

// Hands every request to `submit(request, on_done)` and waits for the answers.
template <typename Result, typename Request, typename Submit>
absl::StatusOr<std::vector<Result>> RunAll(std::vector<Request> requests,
                                           const std::function<bool()>& cancelled,
                                           const Submit& submit) {
  auto gathering = std::make_shared<Gathering<Result>>(requests.size());
  std::vector<RequestHandle> handles;
  handles.reserve(requests.size());
  for (size_t i = 0; i < requests.size(); ++i) {
    requests[i].priority = Priority::kBackground;
    gathering->Expect();
    absl::StatusOr<RequestHandle> handle = submit(
        std::move(requests[i]),
        [gathering, i](absl::StatusOr<Result> result) { gathering->Put(i, std::move(result)); });
    if (!handle.ok()) {
      gathering->Refused(handle.status());
      break;
    }
    handles.push_back(*std::move(handle));
  }
  while (!gathering->Await(cancelled ? kAskEvery : absl::InfiniteDuration())) {
    if (cancelled()) gathering->Fail(absl::CancelledError("the work was given up"));
  }
  // After an error the others leave at the next step; all of it is over when this returns.
  for (RequestHandle& handle : handles) handle.Cancel();
  return gathering->Take();
}

}  // namespace

absl::StatusOr<std::vector<GenerateResult>> Engine::GenerateAll(
    std::vector<GenerateRequest> requests, const std::function<bool()>& cancelled) {
  return RunAll<GenerateResult>(std::move(requests), cancelled,
                                [this](GenerateRequest request, auto on_done) {
                                  GenerateCallbacks callbacks;
                                  callbacks.on_done = std::move(on_done);
                                  return Generate(std::move(request), std::move(callbacks));
                                });
}

absl::StatusOr<std::vector<ScoreResult>> Engine::ScoreAll(std::vector<ScoreRequest> requests,
                                                          const std::function<bool()>& cancelled) {
  return RunAll<ScoreResult>(std::move(requests), cancelled,
                             [this](ScoreRequest request, auto on_done) {
                               return Score(std::move(request), std::move(on_done));
                             });
}

}  // namespace imprint::engine
