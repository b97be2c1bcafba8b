// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Runs update jobs: plan, train, gate, publish; one at a time.
//
// States of a job and legal transitions, each durable before the next phase begins:
//   PLANNED -> TRAINING -> GATING -> PUBLISHING -> COMMITTED
//   any of the first four -> FAILED | CANCELLED;  GATING -> REJECTED
// A crash leaves a job in one of the first four: at the next start the same job begins
// again from PLANNED (attempt + 1) with the same experiences, less those that are not
// READY any more. Computed at least once, committed exactly once. A rejected batch of
// several is split in two jobs; an experience that is rejected alone is quarantined.

#ifndef IMPRINT_SERVER_UPDATE_UPDATER_H_
#define IMPRINT_SERVER_UPDATE_UPDATER_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/clock.h"
#include "server/experience/experience_log.h"
#include "server/generator/retention_text.h"
#include "server/update/distiller.h"
#include "server/update/gate.h"
#include "server/update/scheduler.h"
#include "server/version/version_manager.h"

namespace imprint::metrics {
struct UpdateMetrics;
}

namespace imprint::update {

// What a job does its work with. All pointers outlive the updater; `metrics` may be null.
struct UpdaterDeps {
  store::Store* store;
  experience::ExperienceLog* log;
  version::VersionManager* versions;
  engine::Engine* engine;
  Distiller* distiller;
  const Gate* gate;
  // Gives the retention text, making it on the first call (a minute); called on the
  // updater's thread, at its start and again after an error.
  std::function<absl::StatusOr<const generator::RetentionText*>(
      const std::function<bool()>& cancelled)>
      retention;
  double replay_share = 1.0;
  metrics::UpdateMetrics* metrics;
  const Clock* clock;
};

// Thread-safe. Owns one thread.
class Updater {
 public:
  using Listener = std::function<void(const store::JobRecord&)>;

  // Takes up a job that a crash interrupted.
  static absl::StatusOr<std::unique_ptr<Updater>> Start(const SchedulerOptions& options,
                                                        const UpdaterDeps& deps);
  // Stops at the next training step; an unfinished job is taken up at the next start.
  ~Updater();

  // Durable. The running job ends as planned.
  absl::Status Pause();
  absl::Status Resume();
  bool paused() const;
  // Why updates stand still without a pause; empty: they do not. After a publish whose
  // outcome could not be read back.
  std::string stopped_reason() const;

  // Trains all that is accepted by now without waiting for count or age. Gives the highest
  // sequence covered. FAILED_PRECONDITION while paused or stopped.
  absl::StatusOr<int64_t> RunNow();
  // NOT_FOUND; FAILED_PRECONDITION when it is over.
  absl::Status Cancel(int64_t job);
  // Durable switch to another version; a job in flight is cancelled first and planned
  // again on the new one. Gives how many experiences became HELD.
  absl::StatusOr<int64_t> Rollback(int64_t version);

  struct Running {
    store::JobRecord job;
    DistillProgress progress;
  };
  std::optional<Running> running() const;

  void AddListener(Listener listener);

 private:
  class Impl;
  explicit Updater(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace imprint::update

#endif  // IMPRINT_SERVER_UPDATE_UPDATER_H_
