// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Shares one device between serving, which is urgent, and training, which is long.
//
// A serving step never waits for training to come to an end of something: it begins, and training
// stops at its next layer boundary, or at once where its threads have a lower priority
// (common/background_thread.h). Between two steps, serving leaves training the time that it is
// owed: while serving never pauses, `training_share` of the time. In the gaps of serving training
// has all of it.

#ifndef IMPRINT_SERVER_ENGINE_COMPUTE_SHARE_H_
#define IMPRINT_SERVER_ENGINE_COMPUTE_SHARE_H_

#include <atomic>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/clock.h"

namespace imprint::engine {

// Thread-safe; one serving thread, and one training at a time.
class ComputeShare {
 public:
  // `training_share` is brought into [0.05, 0.95] (--update.compute_share). `clock`
  // outlives this.
  explicit ComputeShare(double training_share, const Clock* clock = Clock::Real());

  // Around each engine step. BeginServing waits while training is owed time.
  void BeginServing() ABSL_LOCKS_EXCLUDED(mutex_);
  void EndServing() ABSL_LOCKS_EXCLUDED(mutex_);

  // Around a whole training, whatever its threads do meanwhile.
  void BeginTraining() ABSL_LOCKS_EXCLUDED(mutex_);
  void EndTraining() ABSL_LOCKS_EXCLUDED(mutex_);

  // Any thread of the training calls it at layer boundaries: returns when no serving step runs.
  void Yield();

 private:
  // Takes what training had since the last count off what it is owed.
  void Count() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // share / (1 - share): training time owed for a unit of serving time.
  const double owed_rate_;
  const Clock* const clock_;
  // Training waits for it without the mutex, which a thread of low priority would hold for long.
  std::atomic<bool> serving_ = false;
  absl::Mutex mutex_;
  bool training_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Time serving_began_ ABSL_GUARDED_BY(mutex_);
  // Time that training may take before the next serving step, and until when it has been counted.
  absl::Duration owed_ ABSL_GUARDED_BY(mutex_);
  absl::Time counted_ ABSL_GUARDED_BY(mutex_);
};

// Around a training; `share` may be null: nothing else uses the device.
class TrainingTurn {
 public:
  explicit TrainingTurn(ComputeShare* share) : share_(share) {
    if (share_ != nullptr) share_->BeginTraining();
  }
  ~TrainingTurn() {
    if (share_ != nullptr) share_->EndTraining();
  }
  TrainingTurn(const TrainingTurn&) = delete;
  TrainingTurn& operator=(const TrainingTurn&) = delete;

 private:
  ComputeShare* const share_;
};

}  // namespace imprint::engine

#endif  // IMPRINT_SERVER_ENGINE_COMPUTE_SHARE_H_
