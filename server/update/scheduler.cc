// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/update/scheduler.h"

#include <algorithm>
#include <cstddef>

namespace imprint::update {
namespace {

using Ready = std::vector<experience::ExperienceLog::ReadyExperience>;

// Not the first in the log's order: generation and release have orders of their own.
absl::Time OldestReady(const Ready& ready) {
  absl::Time oldest = absl::InfiniteFuture();
  for (const auto& experience : ready) oldest = std::min(oldest, experience.since);
  return oldest;
}

int64_t TargetTokens(const Ready& ready) {
  int64_t tokens = 0;
  for (const auto& experience : ready) tokens += experience.target_tokens;
  return tokens;
}

}  // namespace

std::vector<int64_t> PlanBatch(const SchedulerOptions& options, const Ready& ready,
                               int64_t run_until, absl::Time now) {
  const bool due = static_cast<int64_t>(ready.size()) >= options.min_batch ||
                   TargetTokens(ready) >= options.min_tokens || now >= NextDeadline(options, ready);
  const size_t max_batch = static_cast<size_t>(std::max(options.max_batch, 1));
  std::vector<int64_t> batch;
  for (const auto& experience : ready) {
    if (batch.size() == max_batch) break;
    if (due || experience.sequence <= run_until) batch.push_back(experience.sequence);
  }
  return batch;
}

absl::Time NextDeadline(const SchedulerOptions& options, const Ready& ready) {
  if (ready.empty()) return absl::InfiniteFuture();
  return OldestReady(ready) + options.max_age;
}

}  // namespace imprint::update
