// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Takes QUEUED experiences in order, a few at a time, and makes them READY.

#ifndef IMPRINT_SERVER_GENERATOR_WORKER_H_
#define IMPRINT_SERVER_GENERATOR_WORKER_H_

#include <cstdint>
#include <optional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "server/experience/experience_log.h"
#include "server/generator/generator.h"

namespace imprint::generator {

// Owns a few threads, since the engine writes for several experiences at once in hardly more
// time than for one. A crash loses no finished work: an experience is QUEUED until its
// sentences are stored. One that nothing can be made of is quarantined with the reason; one on
// which the engine fails is tried again after a pause that grows, a few times. Trouble of the
// store is nobody's fault: it is tried again until it passes.
class GeneratorWorker {
 public:
  // All pointers outlive the worker.
  GeneratorWorker(const Generator* generator, experience::ExperienceLog* log, int threads);
  // Stops at the next engine step and joins.
  ~GeneratorWorker();

  GeneratorWorker(const GeneratorWorker&) = delete;
  GeneratorWorker& operator=(const GeneratorWorker&) = delete;

 private:
  void Loop();
  // The oldest QUEUED experience that no thread works on, now this thread's; nullopt: none.
  std::optional<int64_t> Claim() ABSL_LOCKS_EXCLUDED(mutex_);
  void Release(int64_t sequence) ABSL_LOCKS_EXCLUDED(mutex_);
  // The highest sequence that some thread works on; 0: none.
  int64_t LastClaimed() const ABSL_LOCKS_EXCLUDED(mutex_);
  // From QUEUED to READY or QUARANTINED; an error: try again later.
  absl::Status Process(int64_t sequence);
  // Counts a failure of the engine on an experience, and quarantines it after the last.
  absl::Status Fail(int64_t sequence, const absl::Status& reason) ABSL_LOCKS_EXCLUDED(mutex_);

  const Generator* const generator_;
  experience::ExperienceLog* const log_;
  absl::Notification stopping_;
  mutable absl::Mutex mutex_;
  absl::btree_set<int64_t> claimed_ ABSL_GUARDED_BY(mutex_);
  absl::btree_map<int64_t, int> failures_ ABSL_GUARDED_BY(mutex_);  // of the engine, by sequence
  std::vector<std::thread> threads_;
};

}  // namespace imprint::generator

#endif  // IMPRINT_SERVER_GENERATOR_WORKER_H_
