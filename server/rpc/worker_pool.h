// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Threads for what a handler may not do on gRPC's own: read the store, encode a prompt,
// wait for the engine.

#ifndef IMPRINT_SERVER_RPC_WORKER_POOL_H_
#define IMPRINT_SERVER_RPC_WORKER_POOL_H_

#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"

namespace imprint::rpc {

struct WorkerPoolOptions {
  int threads = 2;
  // Jobs that wait for a thread; more are refused.
  int max_queue = 256;
};

// Thread-safe. Owns its threads.
class WorkerPool {
 public:
  explicit WorkerPool(const WorkerPoolOptions& options);
  ~WorkerPool();

  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // RESOURCE_EXHAUSTED when the queue is full, UNAVAILABLE once stopped; the job then
  // never runs.
  absl::Status Run(std::function<void()> job) ABSL_LOCKS_EXCLUDED(mutex_);

  // Runs what was taken, takes no more and joins the threads.
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);
  // Long jobs ask, and end early.
  bool stopping() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Jobs that wait for a thread now.
  int waiting() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Loop() ABSL_LOCKS_EXCLUDED(mutex_);
  bool HasWorkOrStops() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return stopping_ || !jobs_.empty();
  }

  const WorkerPoolOptions options_;
  mutable absl::Mutex mutex_;
  std::deque<std::function<void()>> jobs_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace imprint::rpc

#endif  // IMPRINT_SERVER_RPC_WORKER_POOL_H_
