// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// What a job that begins now would make of the current version: which experiences stay, which
// go, and from where it can start.

#ifndef IMPRINT_SERVER_UPDATE_REBUILD_PLAN_H_
#define IMPRINT_SERVER_UPDATE_REBUILD_PLAN_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "server/experience/experience_log.h"
#include "server/store/store.h"
#include "server/update/rebuild_policy.h"
#include "server/version/version_manager.h"

namespace imprint::update {

struct RebuildPlan {
  // Usable as they are recorded, best first; never empty: the base is the last.
  std::vector<int64_t> anchors;
  // Experiences of the current version that the next one is to contain too, in order.
  std::vector<int64_t> keep;
  // Forgotten ones that the current version still contains.
  std::vector<int64_t> forgotten;
  // What the job's new experiences supersede, directly or through another one; wherever it
  // is. It is forgotten with the commit.
  std::vector<int64_t> superseded;
  // Whether the current version contains one of `superseded`.
  bool current_holds_superseded = false;
};

// For `job` as its row says: its new experiences, trigger and wanted anchor. A wanted anchor
// that does not fit any more is passed over. Errors are the store's.
absl::StatusOr<RebuildPlan> PlanRebuild(const store::Store& store,
                                        const experience::ExperienceLog& log,
                                        const version::VersionManager& versions,
                                        const RebuildOptions& options, const store::JobRecord& job);

// Those of `keep` that the version `anchor` does not contain, in order.
absl::StatusOr<std::vector<int64_t>> MissingFrom(const version::VersionManager& versions,
                                                 int64_t anchor, const std::vector<int64_t>& keep);

// What a rebuild would cost. What no job has shown yet is not known.
struct RebuildCost {
  int64_t anchor = 0;
  int64_t experiences = 0;
  int64_t target_tokens = 0;
  std::optional<int64_t> steps;
  std::optional<int64_t> trained_tokens;
  std::optional<double> seconds;
};

// From the newest committed jobs: what they trained for each target token, and how fast.
absl::StatusOr<RebuildCost> EstimateCost(const store::Store& store, int64_t anchor,
                                         const std::vector<int64_t>& sequences);

}  // namespace imprint::update

#endif  // IMPRINT_SERVER_UPDATE_REBUILD_PLAN_H_
