// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// What the updater's thread does, turn by turn.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "server/update/updater.h"
#include "server/update/version_gauges.h"
#include "spdlog/spdlog.h"

namespace imprint::update {
namespace {

// Errors that might have passed, of one job, before it counts as unfit.
constexpr int kMaxFailures = 3;
// Crashes of the server while one job ran, before the job counts as the cause of them.
constexpr int kMaxCrashes = 10;
// The gate's reason.
constexpr char kRetention[] = "retention";
constexpr char kEarlier[] = "earlier";
// Times that a job is begun again with more replay before it is split.
constexpr int kMostMoreReplay = 1;

}  // namespace

void Updater::Loop() {
  while (true) {
    const int64_t seen = waker_->count();
    {
      absl::MutexLock lock(&mutex_);
      if (stopping_) return;
    }
    const absl::Duration wait = Turn();
    if (wait > absl::ZeroDuration()) waker_->Await(seen, wait);
  }
}

absl::Duration Updater::Turn() {
  absl::Duration wait = absl::InfiniteDuration();
  if (!BeginTurn(wait)) return wait;
  absl::Status status = Prepare();
  if (status.ok() && !paused()) {
    absl::StatusOr<std::optional<store::JobRecord>> job = NextJob(wait);
    status = job.status();
    if (job.ok() && job->has_value()) {
      status = RunJob(**std::move(job));
      wait = absl::ZeroDuration();
    }
  }
  wait = std::min(wait, UntilNextExpiry());
  // An interruption is somebody's wish, not trouble.
  if (!status.ok() && !(absl::IsCancelled(status) && interrupt_)) StandStill(status);
  // Not before it has gone well: an attempt is no end of the trouble.
  if (status.ok() && deps_.metrics != nullptr) deps_.metrics->stopped->Set(0);
  EndTurn();
  return status.ok() ? wait : absl::ZeroDuration();
}

bool Updater::BeginTurn(absl::Duration& wait) {
  absl::MutexLock lock(&mutex_);
  if (stopping_ || switches_waiting_ > 0) return false;
  const absl::Duration until_retry = retry_at_ - deps_.clock->Now();
  if (until_retry > absl::ZeroDuration()) {
    wait = until_retry;
    return false;
  }
  stopped_reason_.clear();
  interrupt_ = false;
  busy_ = true;
  return true;
}

void Updater::EndTurn() {
  absl::MutexLock lock(&mutex_);
  busy_ = false;
}

absl::Status Updater::Prepare() {
  bool reload = false;
  {
    absl::MutexLock lock(&mutex_);
    std::swap(reload, reload_);
  }
  // After an error here StandStill asks for it again.
  if (reload) IMPRINT_RETURN_IF_ERROR(Reload(/*starting=*/false));
  // Before the retention text, which may take a minute.
  IMPRINT_RETURN_IF_ERROR(TendForgotten());
  if (retention_ == nullptr) {
    IMPRINT_ASSIGN_OR_RETURN(retention_, deps_.retention([this] { return interrupt_.load(); }));
  }
  return absl::OkStatus();
}

absl::Status Updater::Reload(bool starting) {
  IMPRINT_RETURN_IF_ERROR(deps_.versions->Settle());
  IMPRINT_RETURN_IF_ERROR(deps_.log->Refresh());
  const engine::SharedVersion current = deps_.versions->current();
  deps_.engine->SetCurrent(current);
  ShowVersion(deps_.metrics, *deps_.store, current->number);
  absl::MutexLock planning(&plan_mutex_);
  IMPRINT_ASSIGN_OR_RETURN(std::vector<store::JobRecord> unfinished, ledger_.Unfinished());
  std::deque<store::JobRecord> queue;
  std::optional<store::JobRecord> awaiting;
  for (store::JobRecord& job : unfinished) {
    const absl::Status committed = deps_.store->GetVersion(job.version()).status();
    if (!committed.ok() && !absl::IsNotFound(committed)) return committed;
    if (committed.ok()) {
      // One transaction writes both rows, so this is a store that was changed by hand.
      spdlog::error("jobs/{} is {} but its versions/{} is committed", job.id(),
                    StateName(job.state()), job.version());
      IMPRINT_RETURN_IF_ERROR(ledger_.Advance(job, store::STORED_JOB_STATE_COMMITTED));
      continue;
    }
    if (to_cancel_.contains(job.id())) {
      IMPRINT_RETURN_IF_ERROR(CancelJob(job));
      continue;
    }
    const bool awaits = job.state() == store::STORED_JOB_STATE_AWAITING_APPROVAL;
    if (awaits && job.replaces_version() == current->number) {
      awaiting = std::move(job);
      continue;
    }
    if (awaits) IMPRINT_RETURN_IF_ERROR(deps_.versions->Discard(job.version()));
    if (job.state() != store::STORED_JOB_STATE_PLANNED) {
      // A stop puts its job back to PLANNED; so this one was in a crash.
      if (starting && !awaits) job.set_crashes(job.crashes() + 1);
      if (job.crashes() >= kMaxCrashes) {
        IMPRINT_ASSIGN_OR_RETURN(
            const std::vector<store::JobRecord> halves,
            EndUnfit(job, store::STORED_JOB_STATE_FAILED,
                     absl::StrCat("the server ended ", job.crashes(), " times while it ran")));
        queue.insert(queue.end(), halves.begin(), halves.end());
        continue;
      }
      job.set_attempt(job.attempt() + 1);
      IMPRINT_RETURN_IF_ERROR(ledger_.Advance(job, store::STORED_JOB_STATE_PLANNED));
    }
    queue.push_back(std::move(job));
  }
  absl::MutexLock lock(&mutex_);
  queue_ = std::move(queue);
  SetAwaiting(std::move(awaiting));
  sweep_ = true;
  return absl::OkStatus();
}

std::optional<store::JobRecord> Updater::TakeQueued() {
  absl::MutexLock lock(&mutex_);
  auto next = queue_.begin();
  if (rebuild_due_) {
    // Any REBUILD leaves out what was forgotten; nothing else can be published before one.
    // Where a version is approved by hand, only one without anything new waits for nobody.
    next = std::find_if(next, queue_.end(), [this](const store::JobRecord& job) {
      return job.kind() == store::STORED_JOB_KIND_REBUILD &&
             (!deps_.manual_approval || job.sequences().empty());
    });
  }
  if (next == queue_.end()) return std::nullopt;
  store::JobRecord job = std::move(*next);
  queue_.erase(next);
  SetRunning(job);
  return job;
}

void Updater::SetRunning(const store::JobRecord& job) {
  running_ = Running{.job = job, .progress = {}};
  cancel_running_ = false;
  stuck_running_ = false;
}

absl::StatusOr<std::optional<store::JobRecord>> Updater::NextJob(absl::Duration& wait) {
  if (awaiting_approval().has_value()) return std::nullopt;
  // From here on it is found as the running one.
  if (std::optional<store::JobRecord> queued = TakeQueued(); queued.has_value()) return queued;
  store::JobRecord wanted;
  if (rebuild_due_) {
    wanted.set_kind(store::STORED_JOB_KIND_REBUILD);
    wanted.set_trigger(store::STORED_TRIGGER_FORGET);
    IMPRINT_ASSIGN_OR_RETURN(store::JobRecord job, ledger_.Plan(wanted));
    absl::MutexLock lock(&mutex_);
    SetRunning(job);
    return job;
  }
  int64_t run_until = 0;
  {
    absl::MutexLock lock(&mutex_);
    run_until = run_until_;
  }
  // Counted before they are listed: one that becomes READY in between is in the list.
  const int64_t in_generation = run_until > 0 ? deps_.log->CountQueued(run_until) : 0;
  const auto ready = deps_.log->Ready();
  const absl::Time now = deps_.clock->Now();
  // Those in generation may still share the job that was asked for; what is due by itself does
  // not wait for them. The log wakes the thread when they are READY.
  const int64_t asked_until = in_generation > 0 ? 0 : run_until;
  const std::vector<int64_t> batch = PlanBatch(options_, ready, asked_until, now);
  if (batch.empty()) {
    wait = NextDeadline(options_, ready) - now;
    if (in_generation > 0) return std::nullopt;
    absl::MutexLock lock(&mutex_);
    if (run_until_ == run_until) run_until_ = 0;  // all of it is done
    return std::nullopt;
  }
  wanted.mutable_sequences()->Add(batch.begin(), batch.end());
  wanted.set_parent_version(deps_.versions->current()->number);
  IMPRINT_ASSIGN_OR_RETURN(store::JobRecord job, ledger_.Plan(wanted));
  absl::MutexLock lock(&mutex_);
  SetRunning(job);
  return job;
}

absl::Status Updater::RunJob(store::JobRecord job) {
  spdlog::info("jobs/{} begins: {} experiences, attempt {}", job.id(), job.sequences_size(),
               job.attempt());
  deps_.log->SetTraining({job.sequences().begin(), job.sequences().end()});
  if (deps_.metrics != nullptr) {
    deps_.metrics->running->Set(1);
    deps_.metrics->stopped->Set(0);
  }
  const auto advanced = [this](const store::JobRecord& record) {
    watchdog_.SignOfLife();
    absl::MutexLock lock(&mutex_);
    running_->job = record;
  };
  int64_t counted_tokens = 0;
  const auto progress = [this, &counted_tokens](const DistillProgress& latest) {
    watchdog_.SignOfLife();
    if (deps_.metrics != nullptr) {
      deps_.metrics->loss->Set(latest.loss);
      deps_.metrics->trained_tokens->Increment(
          static_cast<double>(std::max<int64_t>(latest.tokens - counted_tokens, 0)));
    }
    counted_tokens = latest.tokens;
    absl::MutexLock lock(&mutex_);
    running_->progress = latest;
  };
  watchdog_.Watch(job.id());
  RunResult result =
      runner_.Run(job, *retention_, advanced, progress, [this] { return interrupt_.load(); });
  watchdog_.Rest();
  deps_.log->SetTraining({});
  {
    absl::MutexLock lock(&mutex_);
    if (stuck_running_ && result.end == RunEnd::kInterrupted) {
      result.end = RunEnd::kFailedOnce;
      result.message =
          absl::StrCat("it made no step for ", absl::FormatDuration(options_.stuck_after),
                       " (--update.stuck_after): ", result.message);
    }
  }
  if (deps_.metrics != nullptr) deps_.metrics->running->Set(0);
  return Finish(job, result);
}

void Updater::InterruptStuck(int64_t job) {
  absl::MutexLock lock(&mutex_);
  if (!running_.has_value() || running_->job.id() != job) return;
  stuck_running_ = true;
  interrupt_ = true;
  stopped_reason_ = absl::StrCat(
      "jobs/", job, " has made no step for ", absl::FormatDuration(options_.stuck_after),
      " (--update.stuck_after) in state ", StateName(running_->job.state()),
      "; it is to end and begin again. If it does not, start the server again: nothing "
      "that was acknowledged is lost");
  spdlog::error("{}", stopped_reason_);
  if (deps_.metrics != nullptr) deps_.metrics->stopped->Set(1);
}

absl::Status Updater::Finish(store::JobRecord& job, const RunResult& result) {
  bool cancelled = false;
  {
    absl::MutexLock lock(&mutex_);
    cancelled = cancel_running_;
    running_.reset();  // too late to be cancelled as the running one
    sweep_ = true;     // the version before it may go, or the one that was not committed
    if (result.end == RunEnd::kAwaitsApproval && !cancelled) SetAwaiting(job);
    if (result.end != RunEnd::kServerFault && result.end != RunEnd::kFailedOnce) {
      backoff_ = absl::ZeroDuration();
    }
  }
  if (result.end == RunEnd::kInterrupted) {
    spdlog::info("jobs/{} is interrupted: {}", job.id(), result.message);
  } else if (result.end == RunEnd::kAwaitsApproval) {
    spdlog::info("jobs/{} awaits approval", job.id());
  } else if (result.end != RunEnd::kCommitted) {
    spdlog::warn("jobs/{}: {}", job.id(), result.message);
  }
  if (cancelled && result.end != RunEnd::kCommitted) {
    to_cancel_.insert(job.id());
    if (result.end != RunEnd::kServerFault) return CancelJob(job);
  }
  switch (result.end) {
    case RunEnd::kCommitted:
      failures_.erase(job.id());
      Count("committed");
      return absl::OkStatus();
    case RunEnd::kAwaitsApproval:
      failures_.erase(job.id());
      return absl::OkStatus();
    case RunEnd::kNothingLeft:
      IMPRINT_RETURN_IF_ERROR(
          ledger_.Advance(job, store::STORED_JOB_STATE_CANCELLED, result.message));
      Count("cancelled");
      return absl::OkStatus();
    case RunEnd::kRejected:
      // Not a REBUILD: what it is to leave out would go on being served for another training.
      if (job.kind() != store::STORED_JOB_KIND_REBUILD && result.rejected_for == kEarlier &&
          deps_.replay_share > 0 && job.more_replay() < kMostMoreReplay) {
        job.set_more_replay(job.more_replay() + 1);
        return BeginAgain(job, absl::StrCat(result.message, "; it is tried with more replay"));
      }
      if (deps_.metrics != nullptr) deps_.metrics->rejected.at(result.rejected_for)->Increment();
      if (result.rejected_for == kRetention) {
        IMPRINT_ASSIGN_OR_RETURN(const std::optional<store::JobRecord> rebuild,
                                 ReplaceByRebuild(job, result.message));
        if (rebuild.has_value()) return RunNext({*rebuild});
      }
      return EndAndSplit(job, store::STORED_JOB_STATE_REJECTED, result.message);
    case RunEnd::kUnfit:
      return EndAndSplit(job, store::STORED_JOB_STATE_FAILED, result.message);
    case RunEnd::kFailedOnce: {
      if (++failures_[job.id()] >= kMaxFailures) {
        return EndAndSplit(job, store::STORED_JOB_STATE_FAILED, result.message);
      }
      absl::MutexLock lock(&mutex_);
      Postpone();
      break;
    }
    case RunEnd::kInterrupted:
      break;
    case RunEnd::kServerFault:
      // Its row stays as it is: whether a commit failed, only the store can say, and Reload
      // asks it before the job begins again.
      return absl::UnavailableError(absl::StrCat("jobs/", job.id(), ": ", result.message));
  }
  return BeginAgain(job, result.message);
}

absl::Status Updater::CancelJob(store::JobRecord& job) {
  const bool stored = job.state() == store::STORED_JOB_STATE_AWAITING_APPROVAL;
  IMPRINT_RETURN_IF_ERROR(ledger_.Cancel(job));
  if (stored) IMPRINT_RETURN_IF_ERROR(deps_.versions->Discard(job.version()));
  to_cancel_.erase(job.id());
  failures_.erase(job.id());
  Count("cancelled");
  return absl::OkStatus();
}

absl::StatusOr<std::vector<store::JobRecord>> Updater::EndUnfit(store::JobRecord& job,
                                                                store::StoredJobState state,
                                                                const std::string& reason) {
  failures_.erase(job.id());
  Count(state == store::STORED_JOB_STATE_REJECTED ? "rejected" : "failed");
  if (job.trigger() != store::STORED_TRIGGER_FORGET) return ledger_.EndUnfit(job, state, reason);
  IMPRINT_RETURN_IF_ERROR(FallBack(job, state, reason));
  return std::vector<store::JobRecord>();
}

absl::Status Updater::EndAndSplit(store::JobRecord& job, store::StoredJobState state,
                                  const std::string& reason) {
  IMPRINT_ASSIGN_OR_RETURN(const std::vector<store::JobRecord> halves,
                           EndUnfit(job, state, reason));
  return RunNext(halves);
}

absl::StatusOr<std::optional<store::JobRecord>> Updater::ReplaceByRebuild(
    store::JobRecord& job, const std::string& reason) {
  std::optional<store::VersionRecord> parent;
  if (job.parent_version() != 0) {
    IMPRINT_ASSIGN_OR_RETURN(parent, deps_.store->GetVersion(job.parent_version()));
  }
  if (!DriftIsToBlame(deps_.rebuild, job, parent)) return std::nullopt;
  store::JobRecord wanted;
  wanted.set_kind(store::STORED_JOB_KIND_REBUILD);
  wanted.set_trigger(store::STORED_TRIGGER_RETENTION);
  wanted.set_rebuild_tried(true);
  *wanted.mutable_sequences() = job.sequences();
  IMPRINT_ASSIGN_OR_RETURN(const store::JobRecord rebuild,
                           ledger_.Replace(job, store::STORED_JOB_STATE_REJECTED, reason, wanted));
  failures_.erase(job.id());
  Count("rejected");
  return rebuild;
}

absl::Status Updater::RunNext(const std::vector<store::JobRecord>& jobs) {
  absl::MutexLock lock(&mutex_);
  queue_.insert(queue_.begin(), jobs.begin(), jobs.end());
  return absl::OkStatus();
}

absl::Status Updater::BeginAgain(store::JobRecord& job, const std::string& reason) {
  job.set_attempt(job.attempt() + 1);
  IMPRINT_RETURN_IF_ERROR(ledger_.Advance(job, store::STORED_JOB_STATE_PLANNED, reason));
  absl::MutexLock lock(&mutex_);
  queue_.push_front(job);
  return absl::OkStatus();
}

void Updater::StandStill(const absl::Status& status) {
  spdlog::error("updates stand still: {}", std::string(status.message()));
  absl::MutexLock lock(&mutex_);
  Postpone();
  reload_ = true;
  stopped_reason_ = std::string(status.message());
  if (deps_.metrics != nullptr) deps_.metrics->stopped->Set(1);
}

void Updater::Postpone() {
  backoff_ = std::clamp(2 * backoff_, options_.min_backoff, options_.max_backoff);
  retry_at_ = deps_.clock->Now() + backoff_;
}

void Updater::Count(const std::string& result) const {
  if (deps_.metrics == nullptr) return;
  deps_.metrics->jobs.at(result)->Increment();
  if (result == "committed") deps_.metrics->failed_in_a_row->Set(0);
  if (result == "rejected" || result == "failed") deps_.metrics->failed_in_a_row->Increment();
}

}  // namespace imprint::update
