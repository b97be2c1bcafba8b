// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Decides when READY experiences become an update job, and of which.

#ifndef IMPRINT_SERVER_UPDATE_SCHEDULER_H_
#define IMPRINT_SERVER_UPDATE_SCHEDULER_H_

#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "server/experience/experience_log.h"

namespace imprint::update {

struct SchedulerOptions {
  // A job starts when this many wait (--update.min_batch) ...
  int min_batch = 8;
  // ... or target sentences of this many tokens (--update.min_tokens) ...
  int min_tokens = 20000;
  // ... or one has been READY this long (--update.max_age); or on command. Counted from there,
  // not from when it was accepted: what is generated slowly still shares a job.
  absl::Duration max_age = absl::Seconds(60);
  // Experiences in one job at most (--update.max_batch).
  int max_batch = 100;
  // After an error that may pass (disk full, engine busy) work begins again after this long,
  // doubled with each error in a row up to max_backoff.
  absl::Duration min_backoff = absl::Seconds(1);
  absl::Duration max_backoff = absl::Minutes(5);
  // A job that makes no step for this long is interrupted and tried again (--update.stuck_after).
  // Infinite: never.
  absl::Duration stuck_after = absl::Hours(1);
};

// Pure: which of `ready` (in the log's order) to train now; empty: wait.
// `run_until`: experiences up to this sequence are wanted now, whatever count and age.
std::vector<int64_t> PlanBatch(const SchedulerOptions& options,
                               const std::vector<experience::ExperienceLog::ReadyExperience>& ready,
                               int64_t run_until, absl::Time now);

// When PlanBatch should be asked again although nothing happened.
absl::Time NextDeadline(const SchedulerOptions& options,
                        const std::vector<experience::ExperienceLog::ReadyExperience>& ready);

}  // namespace imprint::update

#endif  // IMPRINT_SERVER_UPDATE_SCHEDULER_H_
