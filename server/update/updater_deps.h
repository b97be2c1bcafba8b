// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// What update jobs do their work with.

#ifndef IMPRINT_SERVER_UPDATE_UPDATER_DEPS_H_
#define IMPRINT_SERVER_UPDATE_UPDATER_DEPS_H_

#include <functional>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "common/clock.h"
#include "server/experience/experience_log.h"
#include "server/generator/retention_text.h"
#include "server/metrics/metrics.h"
#include "server/update/distiller.h"
#include "server/update/gate.h"
#include "server/update/rebuild_policy.h"
#include "server/version/version_manager.h"

namespace imprint::update {

// As Distiller::Train.
using TrainFn = std::function<absl::StatusOr<DistillResult>(
    const model::Adapter* start, const DistillInput& input,
    const std::function<void(const DistillProgress&)>& progress,
    const std::function<bool()>& cancelled)>;

// All pointers outlive the updater; `metrics` may be null.
struct UpdaterDeps {
  store::Store* store;
  experience::ExperienceLog* log;
  version::VersionManager* versions;
  engine::Engine* engine;
  Distiller* distiller;
  // As TeacherPrompts::Of; null: the student is trained on what was written only.
  std::function<absl::StatusOr<std::vector<std::vector<int32_t>>>(
      int64_t sequence, const std::vector<const store::TargetRecord*>& sentences,
      const std::function<bool()>& cancelled)>
      teacher_prompts = {};
  const Gate* gate;
  // Gives the retention text, making it on the first call (a minute); called on the
  // updater's thread, at its start and again after an error.
  std::function<absl::StatusOr<const generator::RetentionText*>(
      const std::function<bool()>& cancelled)>
      retention;
  // As in DistillerOptions.
  double replay_share = 1.0;
  int min_replay = 0;
  RebuildOptions rebuild;
  metrics::UpdateMetrics* metrics;
  const Clock* clock;
  // A version that passed the gate waits for Updater::Approve (--publish.approval=manual).
  bool manual_approval = false;
  // How an adapter is trained; empty: by `distiller`.
  TrainFn train = {};
  // How what takes the cores for a while is computed, such that others are served meanwhile; empty:
  // as it comes.
  std::function<void(absl::FunctionRef<void()> work)> in_background = {};
};

}  // namespace imprint::update

#endif  // IMPRINT_SERVER_UPDATE_UPDATER_DEPS_H_
