// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Takes one update job through its phases: train, gate, publish.

#ifndef IMPRINT_SERVER_UPDATE_JOB_RUNNER_H_
#define IMPRINT_SERVER_UPDATE_JOB_RUNNER_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "server/generator/retention_text.h"
#include "server/store/records.pb.h"
#include "server/update/job_ledger.h"
#include "server/update/updater_deps.h"

namespace imprint::update {

// How a run came out. Only kCommitted and kAwaitsApproval are in the job's row already; for all
// others the row says the phase it got to, and what becomes of the job is the caller's to decide.
enum class RunEnd {
  kCommitted,
  // Its version is stored; Publish commits it.
  kAwaitsApproval,
  // None of its experiences is READY any more, and nothing is to be rebuilt.
  kNothingLeft,
  // The gate refused the candidate.
  kRejected,
  // It cannot be trained or asked, and would not be the next time either.
  kUnfit,
  // It could not be trained or asked this time.
  kFailedOnce,
  // `cancelled` said so, another version became current, or something was forgotten that
  // the candidate contains.
  kInterrupted,
  // The server's own trouble (store, disk, engine), whatever the job.
  kServerFault,
};

struct RunResult {
  RunEnd end;
  // For a person; empty when committed.
  std::string message = {};
  // The gate's reason when rejected; a metric label.
  std::string rejected_for = {};
};

// Used by one thread. All pointers outlive it.
class JobRunner {
 public:
  JobRunner(const UpdaterDeps& deps, JobLedger* ledger);

  // Runs a PLANNED job, writing each phase into its row before the phase begins: an UPDATE on
  // the current version, a REBUILD on its anchor. An UPDATE whose new experiences supersede
  // some of the current version becomes a REBUILD. `cancelled` is asked between steps until the
  // commit begins; from there the job ends as it will.
  RunResult Run(store::JobRecord& job, const generator::RetentionText& retention,
                const std::function<void(const store::JobRecord&)>& advanced,
                const std::function<void(const DistillProgress&)>& progress,
                const std::function<bool()>& cancelled);

  // Commits the version of a job that awaits approval, from its files. kInterrupted as above;
  // kFailedOnce when it cannot be read.
  RunResult Publish(store::JobRecord& job);

 private:
  const UpdaterDeps deps_;
  JobLedger* const ledger_;
};

}  // namespace imprint::update

#endif  // IMPRINT_SERVER_UPDATE_JOB_RUNNER_H_
