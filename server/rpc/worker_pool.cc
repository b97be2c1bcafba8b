// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/rpc/worker_pool.h"

#include <utility>

#include "server/rpc/errors.h"

namespace imprint::rpc {

WorkerPool::WorkerPool(const WorkerPoolOptions& options) : options_(options) {
  threads_.reserve(static_cast<size_t>(options_.threads));
  for (int i = 0; i < options_.threads; ++i) threads_.emplace_back([this] { Loop(); });
}

WorkerPool::~WorkerPool() { Stop(); }

absl::Status WorkerPool::Run(std::function<void()> job) {
  absl::MutexLock lock(&mutex_);
  if (stopping_) {
    return WithReason(absl::UnavailableError("the server is shutting down"), kReasonDraining);
  }
  if (static_cast<int>(jobs_.size()) >= options_.max_queue) {
    return WithReason(absl::ResourceExhaustedError("too many requests wait for the server"),
                      kReasonServerBusy);
  }
  jobs_.push_back(std::move(job));
  return absl::OkStatus();
}

void WorkerPool::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

int WorkerPool::waiting() const {
  absl::MutexLock lock(&mutex_);
  return static_cast<int>(jobs_.size());
}

bool WorkerPool::stopping() const {
  absl::MutexLock lock(&mutex_);
  return stopping_;
}

void WorkerPool::Loop() {
  while (true) {
    std::function<void()> job;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(this, &WorkerPool::HasWorkOrStops));
      if (jobs_.empty()) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    job();
  }
}

}  // namespace imprint::rpc
