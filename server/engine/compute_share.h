// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Shares one device between serving, which is urgent, and training, which is long.
//
// One of the two computes at a time. Serving takes its turn as soon as training
// reaches its next layer boundary (a few milliseconds); training runs in the gaps, and
// while serving never pauses it still gets `training_share` of the time.

#ifndef IMPRINT_SERVER_ENGINE_COMPUTE_SHARE_H_
#define IMPRINT_SERVER_ENGINE_COMPUTE_SHARE_H_

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/clock.h"

namespace imprint::engine {

// Thread-safe; one serving thread, and one training, whose threads take turns together: serving
// waits until each has yielded or ended.
class ComputeShare {
 public:
  // `training_share` is brought into [0.05, 0.95] (--update.compute_share). `clock`
  // outlives this.
  explicit ComputeShare(double training_share, const Clock* clock = Clock::Real());

  // Around each engine step. BeginServing waits until training has yielded.
  void BeginServing() ABSL_LOCKS_EXCLUDED(mutex_);
  void EndServing() ABSL_LOCKS_EXCLUDED(mutex_);

  // Around what one thread of the training computes; while it holds the device it calls Yield
  // at layer boundaries, which lets waiting serving steps run first, and returns when it may
  // go on. No thread of the training waits for an answer of the engine meanwhile.
  void BeginTraining() ABSL_LOCKS_EXCLUDED(mutex_);
  void Yield() ABSL_LOCKS_EXCLUDED(mutex_);
  void EndTraining() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // Whose turn it is, as conditions to wait for.
  bool ServingMayBegin() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool TrainingMayBegin() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AwaitTrainingTurn() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Takes the time since the last count off training's credit.
  void Charge() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // share / (1 - share): training time earned by a unit of serving time.
  const double credit_rate_;
  const Clock* const clock_;
  absl::Mutex mutex_;
  bool serving_ ABSL_GUARDED_BY(mutex_) = false;
  bool serving_waits_ ABSL_GUARDED_BY(mutex_) = false;
  // Threads of the training that compute, and that wait to.
  int training_ ABSL_GUARDED_BY(mutex_) = 0;
  int training_waits_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Time serving_began_ ABSL_GUARDED_BY(mutex_);
  // Until when training's time has been taken off its credit.
  absl::Time training_counted_ ABSL_GUARDED_BY(mutex_);
  // Time that training may still take before serving gets its turn; grows by
  // share/(1-share) of each serving step while training waits. Below zero after a
  // layer that took longer than the credit: the next turns pay for it.
  absl::Duration training_credit_ ABSL_GUARDED_BY(mutex_);
};

// Holds the device for what one thread of the training computes; `share` may be null: nothing
// else uses the device.
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
