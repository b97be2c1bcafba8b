// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/engine/engine_impl.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "server/engine/make_task.h"

namespace imprint::engine {

std::unique_ptr<Engine> Engine::Start(const EngineOptions& options, ComputeShare* share,
                                      metrics::EngineMetrics* metrics, const Clock* clock) {
  EngineOptions checked = options;
  checked.max_running = std::max(checked.max_running, 1);
  checked.max_waiting = std::max(checked.max_waiting, 0);
  checked.prefill_chunk = std::max(checked.prefill_chunk, 1);
  return std::make_unique<EngineImpl>(checked, share, metrics, clock);
}

EngineImpl::EngineImpl(const EngineOptions& options, ComputeShare* share,
                       metrics::EngineMetrics* metrics, const Clock* clock)
    : options_(options),
      share_(share),
      clock_(clock),
      meter_(metrics),
      pool_(options, &meter_),
      thread_([this] { Loop(); }) {}

EngineImpl::~EngineImpl() {
  {
    absl::MutexLock lock(&mutex_);
    orders_.stop = true;
  }
  thread_.join();
}

absl::StatusOr<RequestHandle> EngineImpl::Generate(GenerateRequest request,
                                                   GenerateCallbacks callbacks) {
  IMPRINT_ASSIGN_OR_RETURN(request.version, VersionFor(std::move(request.version)));
  IMPRINT_ASSIGN_OR_RETURN(
      std::unique_ptr<Task> task,
      MakeGenerateTask(std::move(request), std::move(callbacks), options_.kv_tokens));
  return Submit(std::move(task));
}

absl::StatusOr<RequestHandle> EngineImpl::Score(
    ScoreRequest request, std::function<void(absl::StatusOr<ScoreResult>)> on_done) {
  IMPRINT_ASSIGN_OR_RETURN(request.version, VersionFor(std::move(request.version)));
  IMPRINT_ASSIGN_OR_RETURN(
      std::unique_ptr<Task> task,
      MakeScoreTask(std::move(request), std::move(on_done), options_.kv_tokens));
  return Submit(std::move(task));
}

absl::StatusOr<SharedVersion> EngineImpl::VersionFor(SharedVersion requested) const {
  if (requested != nullptr) return requested;
  absl::MutexLock lock(&mutex_);
  if (current_ == nullptr) {
    return absl::FailedPreconditionError("the engine has no current version yet");
  }
  return current_;
}

absl::StatusOr<RequestHandle> EngineImpl::Submit(std::unique_ptr<Task> task) {
  task->submitted_at = clock_->Now();
  const RequestHandle handle = task->handle;
  absl::MutexLock lock(&mutex_);
  if (draining_) {
    return absl::UnavailableError("the server is shutting down and takes no new requests");
  }
  if (task->is_user()) {
    // Those that the thread is about to give a slot do not count as waiting.
    const int free_slots = std::max(options_.max_running - load_.running, 0);
    if (waiting_users_ >= options_.max_waiting + free_slots) {
      return absl::ResourceExhaustedError(
          absl::StrCat(waiting_users_, " requests wait already; the limit is ",
                       options_.max_waiting, " (--serve.max_waiting)"));
    }
    ++waiting_users_;
  }
  ++load_.waiting;
  // Here and not only by the thread: where it hangs, somebody must be seen to wait.
  meter_.Load(load_);
  orders_.tasks.push_back(std::move(task));
  return handle;
}

void EngineImpl::SetCurrent(SharedVersion version) {
  absl::MutexLock lock(&mutex_);
  if (current_ == version) return;
  // Nobody uses those any more.
  absl::erase_if(orders_.superseded,
                 [](const auto& entry) { return entry.second.version.expired(); });
  // The base model is always resident and never drained.
  if (current_ != nullptr && current_->number != 0) {
    orders_.superseded[current_->number] = {current_, clock_->Now() + options_.drain_deadline};
  }
  if (version != nullptr) orders_.superseded.erase(version->number);
  current_ = std::move(version);
  orders_.switched = true;
}

void EngineImpl::Drain(absl::Time deadline) {
  absl::MutexLock lock(&mutex_);
  draining_ = true;
  orders_.drain_at = std::min(orders_.drain_at, deadline);
}

EngineLoad EngineImpl::load() const {
  absl::MutexLock lock(&mutex_);
  return load_;
}

}  // namespace imprint::engine
