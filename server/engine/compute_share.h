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

namespace imprint::engine {

// Thread-safe; one serving thread, one training thread.
class ComputeShare {
 public:
  // `training_share` in [0.05, 0.95] (--update.compute_share).
  explicit ComputeShare(double training_share);

  // Around each engine step.
  void BeginServing() ABSL_LOCKS_EXCLUDED(mutex_);
  void EndServing() ABSL_LOCKS_EXCLUDED(mutex_);

  // Around training; while it holds the device it calls Yield at layer boundaries,
  // which lets waiting serving steps run first, and returns when it may go on.
  void BeginTraining() ABSL_LOCKS_EXCLUDED(mutex_);
  void Yield() ABSL_LOCKS_EXCLUDED(mutex_);
  void EndTraining() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  const double training_share_;
  absl::Mutex mutex_;
  bool serving_ ABSL_GUARDED_BY(mutex_) = false;
  bool training_ ABSL_GUARDED_BY(mutex_) = false;
  bool serving_waits_ ABSL_GUARDED_BY(mutex_) = false;
  bool training_waits_ ABSL_GUARDED_BY(mutex_) = false;
  // Time that training may still take before serving gets its turn; grows by
  // share/(1-share) of each serving step while training waits.
  absl::Duration training_credit_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace imprint::engine

#endif  // IMPRINT_SERVER_ENGINE_COMPUTE_SHARE_H_
