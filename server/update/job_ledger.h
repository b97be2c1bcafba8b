// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// The rows of update jobs: each step of a job, durable and told of. What a job's end means
// for its experiences is written in the same transaction, so a crash cannot part the two.

#ifndef IMPRINT_SERVER_UPDATE_JOB_LEDGER_H_
#define IMPRINT_SERVER_UPDATE_JOB_LEDGER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/clock.h"
#include "server/experience/experience_log.h"
#include "server/store/store.h"

namespace imprint::update {

// COMMITTED, REJECTED, FAILED or CANCELLED.
bool IsOver(store::StoredJobState state);
// "GATING".
std::string StateName(store::StoredJobState state);

// Thread-safe; one job is changed by one thread at a time. All pointers outlive it.
// An error of any of these is the store's: the row is then as it was, or its outcome is
// unknown, and Unfinished tells what is true.
class JobLedger {
 public:
  using Listener = std::function<void(const store::JobRecord&)>;

  JobLedger(store::Store* store, experience::ExperienceLog* log, const Clock* clock);

  // The jobs that are not over, in order of id.
  absl::StatusOr<std::vector<store::JobRecord>> Unfinished() const;

  // A new PLANNED job with a version number reserved for it. Of `wanted` counts what it is to
  // do: new experiences, kind, trigger, wanted anchor, parent.
  absl::StatusOr<store::JobRecord> Plan(const store::JobRecord& wanted);
  // PLANNED -> TRAINING on `parent_version`. A version's number is greater than its parent's: a
  // job that others overtook since it was planned gets a new one.
  absl::Status Begin(store::JobRecord& job, int64_t parent_version);
  // Writes the job's row in another state.
  absl::Status Advance(store::JobRecord& job, store::StoredJobState state,
                       const std::string& reason = "");
  // The same within the transaction that publishes; call Tell after it.
  void StageAdvance(store::Transaction& transaction, store::JobRecord& job,
                    store::StoredJobState state, const std::string& reason = "") const;
  // Ends a job (`state`: REJECTED or FAILED) whose experiences cannot be integrated
  // together. Several new ones: two new PLANNED jobs of one half each, which are returned.
  // One: it is QUARANTINED. None: that is all.
  absl::StatusOr<std::vector<store::JobRecord>> EndUnfit(store::JobRecord& job,
                                                         store::StoredJobState state,
                                                         const std::string& reason);
  // Ends a job as above, and plans `wanted` in its place, which is returned.
  absl::StatusOr<store::JobRecord> Replace(store::JobRecord& job, store::StoredJobState state,
                                           const std::string& reason,
                                           const store::JobRecord& wanted);
  // Ends a job on command; its experiences become HELD, or they would be planned again at
  // once.
  absl::Status Cancel(store::JobRecord& job);
  // Ends a job that was not approved, REJECTED; its experiences become HELD as well.
  absl::Status Drop(store::JobRecord& job);

  void AddListener(Listener listener);
  void Tell(const store::JobRecord& job) const;

 private:
  // A new PLANNED job's row.
  store::JobRecord StagePlanned(store::Transaction& transaction,
                                const store::JobRecord& wanted) const;
  // Ends a job in `state`; its experiences become HELD, since `fate`.
  absl::Status EndHeld(store::JobRecord& job, store::StoredJobState state,
                       const std::string& reason, const std::string& fate);
  // Runs `stage` in a transaction, then brings the log up to it.
  absl::Status Write(absl::FunctionRef<absl::Status(store::Transaction&)> stage);

  store::Store* const store_;
  experience::ExperienceLog* const log_;
  const Clock* const clock_;
  mutable absl::Mutex mutex_;
  std::vector<Listener> listeners_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace imprint::update

#endif  // IMPRINT_SERVER_UPDATE_JOB_LEDGER_H_
