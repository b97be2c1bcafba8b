// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/update/rebuild_plan.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <set>

#include "common/status_macros.h"

namespace imprint::update {
namespace {

// Committed jobs that an estimate is made of, and rows read for them, at most.
constexpr int kJobsForEstimate = 8;
constexpr int kJobsRead = 64;

// What `sequences` supersede. An experience is newer than what it supersedes, so this ends.
absl::StatusOr<std::vector<int64_t>> Superseded(
    const store::Store& store, const google::protobuf::RepeatedField<int64_t>& sequences) {
  std::set<int64_t> found;
  for (const int64_t sequence : sequences) {
    IMPRINT_ASSIGN_OR_RETURN(store::ExperienceRecord row, store.GetExperience(sequence));
    while (row.supersedes() != 0) {
      IMPRINT_ASSIGN_OR_RETURN(row, store.GetExperience(row.supersedes()));
      if (row.state() == store::STORED_STATE_FORGOTTEN) break;
      found.insert(row.sequence());
    }
  }
  return std::vector<int64_t>(found.begin(), found.end());
}

}  // namespace

absl::StatusOr<RebuildPlan> PlanRebuild(const store::Store& store,
                                        const experience::ExperienceLog& log,
                                        const version::VersionManager& versions,
                                        const RebuildOptions& options,
                                        const store::JobRecord& job) {
  RebuildPlan plan;
  IMPRINT_ASSIGN_OR_RETURN(plan.superseded, Superseded(store, job.sequences()));
  for (const int64_t sequence : versions.Contained()) {
    if (log.IsForgotten(sequence)) {
      plan.forgotten.push_back(sequence);
    } else if (std::binary_search(plan.superseded.begin(), plan.superseded.end(), sequence)) {
      plan.current_holds_superseded = true;
    } else {
      plan.keep.push_back(sequence);
    }
  }
  IMPRINT_ASSIGN_OR_RETURN(const std::vector<store::VersionRecord> rows, store.ListVersions());
  plan.anchors = Anchors(rows, Sequences(plan.keep.begin(), plan.keep.end()));
  if (job.has_wanted_anchor()) {
    const auto wanted = std::find(plan.anchors.begin(), plan.anchors.end(), job.wanted_anchor());
    if (wanted != plan.anchors.end()) {
      plan.anchors.erase(plan.anchors.begin(), wanted);
      return plan;
    }
  }
  if (job.trigger() == store::STORED_TRIGGER_COMMAND ||
      job.trigger() == store::STORED_TRIGGER_RETENTION) {
    plan.anchors = AnchorsAgainstDrift(options, plan.anchors, rows, versions.current()->number);
  }
  return plan;
}

absl::StatusOr<std::vector<int64_t>> MissingFrom(const version::VersionManager& versions,
                                                 int64_t anchor, const std::vector<int64_t>& keep) {
  IMPRINT_ASSIGN_OR_RETURN(const std::vector<int64_t> there, versions.ContainedIn(anchor));
  std::vector<int64_t> missing;
  std::set_difference(keep.begin(), keep.end(), there.begin(), there.end(),
                      std::back_inserter(missing));
  return missing;
}

absl::StatusOr<RebuildCost> EstimateCost(const store::Store& store, int64_t anchor,
                                         const std::vector<int64_t>& sequences) {
  RebuildCost cost{.anchor = anchor,
                   .experiences = static_cast<int64_t>(sequences.size()),
                   .target_tokens = 0,
                   .steps = {},
                   .trained_tokens = {},
                   .seconds = {}};
  for (const int64_t sequence : sequences) {
    IMPRINT_ASSIGN_OR_RETURN(const store::ExperienceRecord row, store.GetExperience(sequence));
    cost.target_tokens += row.target_tokens();
  }
  IMPRINT_ASSIGN_OR_RETURN(const std::vector<store::JobRecord> jobs, store.ListJobs(0, kJobsRead));
  double target_tokens = 0;
  double trained_tokens = 0;
  double steps = 0;
  double train_seconds = 0;
  double other_seconds = 0;
  int counted = 0;
  for (const store::JobRecord& job : jobs) {
    const store::JobReportRecord& report = job.report();
    if (job.state() != store::STORED_JOB_STATE_COMMITTED || report.steps() == 0) continue;
    if (report.target_tokens() == 0) continue;
    target_tokens += static_cast<double>(report.target_tokens());
    trained_tokens += static_cast<double>(report.trained_tokens());
    steps += report.steps();
    for (const auto& [phase, seconds] : report.phase_seconds()) {
      (phase == "train" ? train_seconds : other_seconds) += seconds;
    }
    if (++counted == kJobsForEstimate) break;
  }
  if (counted == 0 || trained_tokens <= 0) return cost;
  const double share = static_cast<double>(cost.target_tokens) / target_tokens;
  cost.steps = std::llround(steps * share);
  cost.trained_tokens = std::llround(trained_tokens * share);
  cost.seconds = train_seconds * share + other_seconds / counted;
  return cost;
}

}  // namespace imprint::update
