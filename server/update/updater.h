// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Runs update jobs: plan, train, gate, publish; one at a time.
//
// States of a job and legal transitions, each durable before the next phase begins:
//   PLANNED -> TRAINING -> GATING -> PUBLISHING -> COMMITTED
//   GATING -> REJECTED;  any of the first four -> FAILED | CANCELLED
//   PUBLISHING -> AWAITING_APPROVAL -> COMMITTED | REJECTED | CANCELLED
//   TRAINING, GATING, PUBLISHING -> PLANNED   begun again: after a crash, a stop, a
//                                             rollback, or an error that may pass
//   AWAITING_APPROVAL -> PLANNED              its version cannot be published any more
// A job that begins again has the same id, version number and experiences, less those that
// are not READY any more, and attempt + 1. Computed at least once, committed exactly once.
//
// A job that cannot be integrated (REJECTED by the gate, FAILED in training) is ended, and if
// it has several experiences, two PLANNED jobs of one half each come in its place, in the same
// transaction; they run before any other work. An experience that fails alone is QUARANTINED.
// So a poison experience ends alone, whatever crashes come between. Trouble of the server
// itself (store, disk, engine) is nobody's fault: the job is tried again until it passes.
//
// A cancelled job's experiences become HELD: if they stayed READY, the scheduler would plan
// them again at once.
//
// Where versions are approved by hand, one that passed the gate is stored but not committed, and
// no other job starts until Approve commits it, from its files, or Drop ends its job and makes
// its experiences HELD. It takes no memory meanwhile, and a restart changes nothing. After a
// rollback, or when something is forgotten that it contains or that the current version does, it
// is deleted and its job begins again. A REBUILD that only leaves out what was forgotten waits
// for nobody: all that it contains was approved before.
//
// A REBUILD makes the current version again from an older one, its anchor, and the stored
// targets; what the anchor lacks is trained in one job, so that no version in between is ever
// served with a part of it missing. It is planned on command; when the current version
// contains what was forgotten (which can be told from the store at any time, so no crash can
// part the two), and then comes before all other work; when new experiences supersede some of
// the current version; and, once, in place of a job that failed for the drift of its parent.
// What is forgotten must leave the weights: where its REBUILD cannot be published, the anchor
// itself becomes current, and what it lacks is READY again.

#ifndef IMPRINT_SERVER_UPDATE_UPDATER_H_
#define IMPRINT_SERVER_UPDATE_UPDATER_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/update/job_ledger.h"
#include "server/update/job_runner.h"
#include "server/update/rebuild_plan.h"
#include "server/update/scheduler.h"
#include "server/update/updater_deps.h"
#include "server/update/waker.h"
#include "server/update/watchdog.h"

namespace imprint::update {

// Thread-safe. Owns one thread.
class Updater {
 public:
  // Told of each durable change of a job, in order for each job, on the thread that made it;
  // must not block.
  using Listener = JobLedger::Listener;

  // Makes the experiences agree with the current version, takes up jobs that were
  // interrupted, and begins. Errors are the store's.
  static absl::StatusOr<std::unique_ptr<Updater>> Start(const SchedulerOptions& options,
                                                        const UpdaterDeps& deps);
  // Stops at the next training step; an unfinished job is taken up at the next start.
  ~Updater();

  Updater(const Updater&) = delete;
  Updater& operator=(const Updater&) = delete;

  // Durable. The running job ends as planned.
  absl::Status Pause();
  // Also tries again at once what stands still.
  absl::Status Resume();
  // Looks now after what is due: expiries, purges, jobs.
  void Wake() { waker_->Wake(); }
  bool paused() const;
  // Why updates stand still without a pause; empty: they do not. They go on by themselves
  // when the trouble passes.
  std::string stopped_reason() const;

  // Trains all that is accepted by now without waiting for count or age; experiences still
  // in generation are waited for, so that they share a job. Gives the highest sequence
  // covered. Forgotten at a restart. FAILED_PRECONDITION while paused or stopped, or while a job
  // awaits approval.
  absl::StatusOr<int64_t> RunNow();
  // Ends a job at its next step, or before it begins; its experiences become HELD. A job that
  // is being committed may be COMMITTED all the same. NOT_FOUND; FAILED_PRECONDITION when it
  // is over.
  absl::Status Cancel(int64_t job);
  // Commits the version of a job that awaits approval; it is current when this returns OK.
  // NOT_FOUND; FAILED_PRECONDITION when the job does not await approval; ABORTED or DATA_LOSS
  // when its version cannot be published: it begins again. Other errors are the store's, and
  // the job's row tells what came of it.
  absl::Status Approve(int64_t job);
  // Ends a job that awaits approval; its experiences become HELD. Errors as Approve's first two.
  absl::Status Drop(int64_t job);
  // The job that awaits approval.
  std::optional<int64_t> awaiting_approval() const;
  // Durable switch to another version; a job in flight is interrupted first and begins again
  // on the new one. Blocks until then (up to a training step, and the loading of the
  // version). Gives how many experiences became HELD. Errors as VersionManager::Rollback.
  absl::StatusOr<int64_t> Rollback(int64_t version);

  struct Forgotten {
    std::vector<store::ExperienceRecord> experiences;  // tombstones
    // The current version contains one of them and is made again.
    bool rebuild = false;
  };
  // Durable when it answers: tombstones are left, and what they said is given to nobody any
  // more. Weights and files follow on the updater's thread, which ends the work in hand for
  // it. NOT_FOUND as ExperienceLog::Select.
  absl::StatusOr<Forgotten> Forget(const experience::ForgetSelector& selector);

  struct Forgetting {
    int64_t in_weights = 0;  // forgotten ones that the current version contains
    bool in_files = false;   // something of forgotten ones may be in the data folder
  };
  absl::StatusOr<Forgetting> forgetting() const;

  struct PlannedRebuild {
    int64_t job = 0;  // 0: only asked for its cost
    RebuildCost cost;
  };
  // Plans a REBUILD, or only says what it would cost. `anchor` nullopt: the newest version that
  // carries little drift. NOT_FOUND: no such anchor; FAILED_PRECONDITION: it does not fit, or
  // there is nothing to rebuild, or as RunNow.
  absl::StatusOr<PlannedRebuild> Rebuild(std::optional<int64_t> anchor, bool dry_run);

  struct Running {
    store::JobRecord job;
    DistillProgress progress;
  };
  std::optional<Running> running() const;

  void AddListener(Listener listener);

 private:
  Updater(const SchedulerOptions& options, const UpdaterDeps& deps);

  // The thread's own.
  void Loop();
  // Does one piece of work, or none; gives how long to wait when nothing happens.
  absl::Duration Turn() ABSL_LOCKS_EXCLUDED(mutex_);
  // FAILED_PRECONDITION while paused or stopped, or while a job awaits approval.
  absl::Status CheckRuns() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Claims the thread's turn: false while a rollback or a retry is waited for, with how long.
  bool BeginTurn(absl::Duration& wait) ABSL_LOCKS_EXCLUDED(mutex_);
  void EndTurn() ABSL_LOCKS_EXCLUDED(mutex_);
  // Retention text, and the truth from the store where it is in doubt.
  absl::Status Prepare();
  // The next job; nullopt: none is due for `wait`.
  absl::StatusOr<std::optional<store::JobRecord>> NextJob(absl::Duration& wait);
  absl::Status RunJob(store::JobRecord job);
  // The job that runs has made no step for long, as the watchdog says.
  void InterruptStuck(int64_t job) ABSL_LOCKS_EXCLUDED(mutex_);
  // Decides what becomes of a job after a run.
  absl::Status Finish(store::JobRecord& job, const RunResult& result);
  absl::Status CancelJob(store::JobRecord& job);
  // Runs `act` on the job that awaits approval, when the thread is in no turn.
  absl::Status Decide(int64_t job, absl::FunctionRef<absl::Status(store::JobRecord&)> act)
      ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status Publish(store::JobRecord& job) ABSL_LOCKS_EXCLUDED(mutex_);
  // Ends it by `end`, and deletes what it made.
  absl::Status EndAwaiting(store::JobRecord& job, absl::FunctionRef<absl::Status()> end)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Puts it back to begin again; what it made is deleted first.
  absl::Status Withdraw(store::JobRecord& job, const std::string& reason)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void SetAwaiting(std::optional<store::JobRecord> job) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Ends a job that cannot be integrated; gives those that come in its place.
  absl::StatusOr<std::vector<store::JobRecord>> EndUnfit(store::JobRecord& job,
                                                         store::StoredJobState state,
                                                         const std::string& reason);
  absl::Status EndAndSplit(store::JobRecord& job, store::StoredJobState state,
                           const std::string& reason);
  // Puts jobs before all others.
  absl::Status RunNext(const std::vector<store::JobRecord>& jobs) ABSL_LOCKS_EXCLUDED(mutex_);
  // Puts a job back to begin again before all others.
  absl::Status BeginAgain(store::JobRecord& job, const std::string& reason);
  // Reads which jobs are unfinished, and puts them into the queue. `starting`: those that
  // were running crashed the server, or were in a crash.
  absl::Status Reload(bool starting);
  absl::Status ReconcileMembership();
  // Makes tombstones, and has the thread look after the rest.
  absl::StatusOr<std::vector<store::ExperienceRecord>> ForgetNow(
      const std::vector<int64_t>& sequences, const std::string& reason) ABSL_LOCKS_EXCLUDED(mutex_);
  static bool HasAny(const store::JobRecord& job, const std::vector<int64_t>& sequences);
  // Brings all that follows from forgetting up to date, and the files.
  absl::Status TendForgotten() ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status ForgetExpired() ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Duration UntilNextExpiry() const;
  absl::Status Sweep();
  // Ends a REBUILD that cannot be published by going back to its anchor.
  absl::Status FallBack(store::JobRecord& job, store::StoredJobState state,
                        const std::string& reason) ABSL_LOCKS_EXCLUDED(mutex_);
  // After the current version may have changed.
  void FollowSwitch();
  // The job's place in the queue, where one waits that may run now.
  std::optional<store::JobRecord> TakeQueued() ABSL_LOCKS_EXCLUDED(mutex_);
  void SetRunning(const store::JobRecord& job) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // nullopt: its drift is not to blame, or it had its second try.
  absl::StatusOr<std::optional<store::JobRecord>> ReplaceByRebuild(store::JobRecord& job,
                                                                   const std::string& reason);
  // Updates stand still for a while.
  void StandStill(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mutex_);
  void Postpone() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Count(const std::string& result) const;

  const SchedulerOptions options_;
  const UpdaterDeps deps_;
  // Shared with the log's listeners, which may outlive this.
  const std::shared_ptr<Waker> waker_ = std::make_shared<Waker>();
  JobLedger ledger_;
  JobRunner runner_;

  // Used by the thread alone.
  const generator::RetentionText* retention_ = nullptr;
  std::map<int64_t, int> failures_;  // by job: errors that might have passed
  std::set<int64_t> to_cancel_;      // jobs whose rows do not say yet that they are cancelled
  bool rebuild_due_ = false;         // the current version contains what was forgotten

  // One durable command of a kind after another.
  absl::Mutex pause_mutex_ ABSL_ACQUIRED_BEFORE(mutex_);
  absl::Mutex switch_mutex_ ABSL_ACQUIRED_BEFORE(mutex_);
  // Held while jobs are planned into the queue, or read into it from the store.
  absl::Mutex plan_mutex_ ABSL_ACQUIRED_BEFORE(mutex_);

  // True: the work in hand is to end at its next step. Read there without the mutex.
  std::atomic<bool> interrupt_{false};

  mutable absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool paused_ ABSL_GUARDED_BY(mutex_) = false;
  // The thread is in a turn; a rollback, or what becomes of a job that awaits approval, waits
  // until it is not.
  bool busy_ ABSL_GUARDED_BY(mutex_) = false;
  // What is in memory may not be what the store says.
  bool reload_ ABSL_GUARDED_BY(mutex_) = false;
  // What follows from forgetting is to be looked after.
  bool sweep_ ABSL_GUARDED_BY(mutex_) = true;
  bool sweeping_ ABSL_GUARDED_BY(mutex_) = false;
  int switches_waiting_ ABSL_GUARDED_BY(mutex_) = 0;
  bool cancel_running_ ABSL_GUARDED_BY(mutex_) = false;
  bool stuck_running_ ABSL_GUARDED_BY(mutex_) = false;
  int64_t run_until_ ABSL_GUARDED_BY(mutex_) = 0;
  std::string stopped_reason_ ABSL_GUARDED_BY(mutex_);
  absl::Duration backoff_ ABSL_GUARDED_BY(mutex_) = absl::ZeroDuration();
  absl::Time retry_at_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  std::optional<Running> running_ ABSL_GUARDED_BY(mutex_);
  std::optional<store::JobRecord> awaiting_ ABSL_GUARDED_BY(mutex_);
  // PLANNED jobs, which run before anything new is planned.
  std::deque<store::JobRecord> queue_ ABSL_GUARDED_BY(mutex_);

  Watchdog watchdog_;
  std::thread thread_;
};

}  // namespace imprint::update

#endif  // IMPRINT_SERVER_UPDATE_UPDATER_H_
