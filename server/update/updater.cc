// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// The commands of the updater; what its thread does is in updater_loop.cc.

#include "server/update/updater.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/error_reason.h"
#include "common/status_macros.h"
#include "spdlog/spdlog.h"

namespace imprint::update {
namespace {

constexpr char kPausedSetting[] = "updates_paused";
// The job that was last told to stop while it ran; it may be over.
constexpr char kCancelSetting[] = "cancelled_job";
constexpr char kYes[] = "1";

absl::Status PutPaused(store::Store* store, bool paused) {
  return store->Transact([paused](store::Transaction& transaction) {
    transaction.PutSetting(kPausedSetting, paused ? kYes : "");
    return absl::OkStatus();
  });
}

}  // namespace

Updater::Updater(const SchedulerOptions& options, const UpdaterDeps& deps)
    : options_(options),
      deps_(deps),
      ledger_(deps.store, deps.log, deps.clock),
      runner_(deps, &ledger_),
      watchdog_(options.stuck_after, [this](int64_t job) { InterruptStuck(job); }) {}

absl::StatusOr<std::unique_ptr<Updater>> Updater::Start(const SchedulerOptions& options,
                                                        const UpdaterDeps& deps) {
  auto updater = std::unique_ptr<Updater>(new Updater(options, deps));
  IMPRINT_ASSIGN_OR_RETURN(const std::string paused, deps.store->GetSetting(kPausedSetting));
  {
    absl::MutexLock lock(&updater->mutex_);
    updater->paused_ = paused == kYes;
  }
  if (deps.metrics != nullptr) deps.metrics->paused->Set(paused == kYes ? 1 : 0);
  IMPRINT_RETURN_IF_ERROR(updater->ReconcileMembership());
  IMPRINT_ASSIGN_OR_RETURN(const std::string cancelled, deps.store->GetSetting(kCancelSetting));
  if (int64_t job = 0; absl::SimpleAtoi(cancelled, &job)) updater->to_cancel_.insert(job);
  IMPRINT_RETURN_IF_ERROR(updater->Reload(/*starting=*/true));
  deps.log->AddListener(
      [waker = updater->waker_](const store::ExperienceRecord&) { waker->Wake(); });
  updater->thread_ = std::thread([raw = updater.get()] { raw->Loop(); });
  return updater;
}

Updater::~Updater() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    interrupt_ = true;
  }
  waker_->Wake();
  if (thread_.joinable()) thread_.join();
}

absl::Status Updater::ReconcileMembership() {
  // They differ where the version manager went back to an older version by itself.
  const std::vector<int64_t> contained = deps_.versions->Contained();
  const absl::Status written =
      deps_.store->Transact([&](store::Transaction& transaction) -> absl::Status {
        return deps_.log
            ->StageMembership(transaction,
                              [&contained](int64_t sequence) {
                                return std::binary_search(contained.begin(), contained.end(),
                                                          sequence);
                              })
            .status();
      });
  IMPRINT_RETURN_IF_ERROR(deps_.log->Refresh());
  return written;
}

absl::Status Updater::Pause() {
  absl::MutexLock serial(&pause_mutex_);
  IMPRINT_RETURN_IF_ERROR(PutPaused(deps_.store, true));
  {
    absl::MutexLock lock(&mutex_);
    paused_ = true;
  }
  if (deps_.metrics != nullptr) deps_.metrics->paused->Set(1);
  spdlog::info("updates are paused");
  return absl::OkStatus();
}

absl::Status Updater::Resume() {
  absl::MutexLock serial(&pause_mutex_);
  IMPRINT_RETURN_IF_ERROR(PutPaused(deps_.store, false));
  {
    absl::MutexLock lock(&mutex_);
    paused_ = false;
    retry_at_ = absl::InfinitePast();
  }
  if (deps_.metrics != nullptr) deps_.metrics->paused->Set(0);
  spdlog::info("updates are resumed");
  waker_->Wake();
  return absl::OkStatus();
}

bool Updater::paused() const {
  absl::MutexLock lock(&mutex_);
  return paused_;
}

std::string Updater::stopped_reason() const {
  absl::MutexLock lock(&mutex_);
  return stopped_reason_;
}

absl::Status Updater::CheckRuns() const {
  if (paused_) {
    return WithErrorReason(absl::FailedPreconditionError("updates are paused; resume them first"),
                           kReasonUpdatesPaused);
  }
  if (awaiting_.has_value()) {
    return WithErrorReason(
        absl::FailedPreconditionError(
            absl::StrCat("jobs/", awaiting_->id(), " awaits approval; approve or drop it first")),
        kReasonApprovalAwaited);
  }
  if (stopped_reason_.empty()) return absl::OkStatus();
  return WithErrorReason(
      absl::FailedPreconditionError(absl::StrCat("updates stand still: ", stopped_reason_)),
      kReasonUpdatesStopped);
}

absl::StatusOr<int64_t> Updater::RunNow() {
  const int64_t last = deps_.log->last_sequence();
  {
    absl::MutexLock lock(&mutex_);
    IMPRINT_RETURN_IF_ERROR(CheckRuns());
    run_until_ = std::max(run_until_, last);
  }
  waker_->Wake();
  return last;
}

absl::Status Updater::Cancel(int64_t job) {
  // First, since one that is committed is the running one for a moment more.
  const absl::StatusOr<store::JobRecord> record = deps_.store->GetJob(job);
  if (absl::IsNotFound(record.status())) {
    return absl::NotFoundError(absl::StrCat("there is no jobs/", job));
  }
  if (record.ok() && IsOver(record->state())) {
    return absl::FailedPreconditionError(
        absl::StrCat("jobs/", job, " is over: ", StateName(record->state())));
  }
  if (awaiting_approval() == job) {
    return Decide(job, [this](store::JobRecord& awaiting) {
      return EndAwaiting(awaiting, [&] {
        IMPRINT_RETURN_IF_ERROR(ledger_.Cancel(awaiting));
        Count("cancelled");
        return absl::OkStatus();
      });
    });
  }
  // A Reload that read the job as unfinished would else queue it again.
  absl::MutexLock planning(&plan_mutex_);
  store::JobRecord queued;
  bool runs = false;
  {
    absl::MutexLock lock(&mutex_);
    if (running_.has_value() && running_->job.id() == job) {
      runs = true;
      cancel_running_ = true;
      interrupt_ = true;
    }
    const auto found = std::find_if(queue_.begin(), queue_.end(),
                                    [job](const auto& waiting) { return waiting.id() == job; });
    if (found != queue_.end()) {
      queued = std::move(*found);
      queue_.erase(found);
    }
  }
  if (runs) {
    // Its row is the thread's to write, after the step; a crash before that must not bring the
    // job back.
    return deps_.store->Transact([job](store::Transaction& transaction) {
      transaction.PutSetting(kCancelSetting, absl::StrCat(job));
      return absl::OkStatus();
    });
  }
  if (queued.id() == job) {
    const absl::Status cancelled = ledger_.Cancel(queued);
    if (!cancelled.ok()) {
      // Whether it is cancelled only the store can say; the thread may be asking it already.
      {
        absl::MutexLock lock(&mutex_);
        reload_ = true;
      }
      waker_->Wake();
      return cancelled;
    }
    Count("cancelled");
    waker_->Wake();
    return absl::OkStatus();
  }
  if (!record.ok()) return record.status();
  // Between two of the thread's turns, or while the store cannot be read.
  return absl::UnavailableError(absl::StrCat("jobs/", job, " is being taken up; try again"));
}

absl::Status Updater::Approve(int64_t job) {
  return Decide(job, [this](store::JobRecord& awaiting) { return Publish(awaiting); });
}

absl::Status Updater::Drop(int64_t job) {
  return Decide(job, [this](store::JobRecord& awaiting) {
    return EndAwaiting(awaiting, [&] {
      IMPRINT_RETURN_IF_ERROR(ledger_.Drop(awaiting));
      // The gate is content with it: no failure to be counted in a row.
      if (deps_.metrics == nullptr) return absl::OkStatus();
      deps_.metrics->jobs.at("rejected")->Increment();
      deps_.metrics->rejected.at("approval")->Increment();
      return absl::OkStatus();
    });
  });
}

std::optional<int64_t> Updater::awaiting_approval() const {
  absl::MutexLock lock(&mutex_);
  if (!awaiting_.has_value()) return std::nullopt;
  return awaiting_->id();
}

void Updater::SetAwaiting(std::optional<store::JobRecord> job) {
  awaiting_ = std::move(job);
  if (deps_.metrics != nullptr)
    deps_.metrics->awaiting_approval->Set(awaiting_.has_value() ? 1 : 0);
}

absl::Status Updater::Decide(int64_t job, absl::FunctionRef<absl::Status(store::JobRecord&)> act) {
  absl::MutexLock serial(&switch_mutex_);
  // Nothing is interrupted for a job that does not await approval.
  std::optional<store::JobRecord> awaiting;
  if (awaiting_approval() == job) {
    absl::MutexLock lock(&mutex_);
    ++switches_waiting_;
    interrupt_ = true;
    mutex_.Await(absl::Condition(+[](Updater* updater) { return !updater->busy_; }, this));
    if (awaiting_.has_value() && awaiting_->id() == job) {
      awaiting = awaiting_;
    } else {
      --switches_waiting_;
    }
  }
  if (!awaiting.has_value()) {
    waker_->Wake();
    const absl::StatusOr<store::JobRecord> record = deps_.store->GetJob(job);
    if (absl::IsNotFound(record.status())) {
      return absl::NotFoundError(absl::StrCat("there is no jobs/", job));
    }
    IMPRINT_RETURN_IF_ERROR(record.status());
    return absl::FailedPreconditionError(
        absl::StrCat("jobs/", job, " does not await approval: ", StateName(record->state())));
  }
  const absl::Status status = act(*awaiting);
  {
    absl::MutexLock lock(&mutex_);
    --switches_waiting_;
  }
  waker_->Wake();
  return status;
}

absl::Status Updater::Publish(store::JobRecord& job) {
  const RunResult result = runner_.Publish(job);
  switch (result.end) {
    case RunEnd::kCommitted: {
      spdlog::info("jobs/{} is approved", job.id());
      Count("committed");
      absl::MutexLock lock(&mutex_);
      SetAwaiting(std::nullopt);
      sweep_ = true;
      return absl::OkStatus();
    }
    case RunEnd::kServerFault: {
      // Whether it was committed, only the store can say: the thread asks it.
      const absl::Status fault =
          absl::UnavailableError(absl::StrCat("jobs/", job.id(), ": ", result.message));
      StandStill(fault);
      return fault;
    }
    default:
      break;
  }
  const std::string message =
      absl::StrCat("jobs/", job.id(), " cannot be published and begins again: ", result.message);
  spdlog::warn("{}", message);
  IMPRINT_RETURN_IF_ERROR(Withdraw(job, result.message));
  return result.end == RunEnd::kFailedOnce ? absl::DataLossError(message)
                                           : absl::AbortedError(message);
}

absl::Status Updater::EndAwaiting(store::JobRecord& job, absl::FunctionRef<absl::Status()> end) {
  if (const absl::Status ended = end(); !ended.ok()) {
    // Whether it is over only the store can say.
    absl::MutexLock lock(&mutex_);
    reload_ = true;
    return ended;
  }
  spdlog::info("jobs/{} is not published: {}", job.id(), job.state_reason());
  {
    absl::MutexLock lock(&mutex_);
    SetAwaiting(std::nullopt);
  }
  if (const absl::Status discarded = deps_.versions->Discard(job.version()); !discarded.ok()) {
    spdlog::warn("what jobs/{} made stays until the next start: {}", job.id(),
                 discarded.ToString());
  }
  return absl::OkStatus();
}

absl::Status Updater::Withdraw(store::JobRecord& job, const std::string& reason) {
  IMPRINT_RETURN_IF_ERROR(deps_.versions->Discard(job.version()));
  job.set_attempt(job.attempt() + 1);
  IMPRINT_RETURN_IF_ERROR(ledger_.Advance(job, store::STORED_JOB_STATE_PLANNED, reason));
  absl::MutexLock lock(&mutex_);
  SetAwaiting(std::nullopt);
  queue_.push_front(job);
  return absl::OkStatus();
}

absl::StatusOr<int64_t> Updater::Rollback(int64_t version) {
  if (version != 0) {
    // A wrong number need not interrupt a job.
    const absl::Status known = deps_.store->GetVersion(version).status();
    if (absl::IsNotFound(known)) {
      return absl::NotFoundError(absl::StrCat("there is no versions/", version));
    }
    IMPRINT_RETURN_IF_ERROR(known);
  }
  absl::MutexLock serial(&switch_mutex_);
  {
    absl::MutexLock lock(&mutex_);
    ++switches_waiting_;
    interrupt_ = true;
    mutex_.Await(absl::Condition(+[](Updater* updater) { return !updater->busy_; }, this));
  }
  int64_t held = 0;
  absl::Status status = deps_.versions->Rollback(
      version,
      [&](store::Transaction& transaction,
          absl::FunctionRef<bool(int64_t)> contained) -> absl::Status {
        IMPRINT_ASSIGN_OR_RETURN(held, deps_.log->StageMembership(transaction, contained));
        return absl::OkStatus();
      });
  FollowSwitch();
  if (absl::IsUnknown(status)) StandStill(status);
  {
    absl::MutexLock lock(&mutex_);
    sweep_ = true;
    reload_ |= awaiting_.has_value();  // it followed another version
    --switches_waiting_;
  }
  waker_->Wake();
  if (!status.ok()) return status;
  return held;
}

absl::StatusOr<Updater::PlannedRebuild> Updater::Rebuild(std::optional<int64_t> anchor,
                                                         bool dry_run) {
  if (anchor.has_value() && *anchor != 0) {
    const absl::Status known = deps_.store->GetVersion(*anchor).status();
    if (absl::IsNotFound(known)) {
      return absl::NotFoundError(absl::StrCat("there is no versions/", *anchor));
    }
    IMPRINT_RETURN_IF_ERROR(known);
  }
  store::JobRecord wanted;
  wanted.set_kind(store::STORED_JOB_KIND_REBUILD);
  wanted.set_trigger(store::STORED_TRIGGER_COMMAND);
  if (anchor.has_value()) wanted.set_wanted_anchor(*anchor);
  IMPRINT_ASSIGN_OR_RETURN(
      const RebuildPlan plan,
      PlanRebuild(*deps_.store, *deps_.log, *deps_.versions, deps_.rebuild, wanted));
  if (anchor.has_value() && plan.anchors.front() != *anchor) {
    return absl::FailedPreconditionError(absl::StrCat(
        "versions/", *anchor, " cannot be the anchor: its files were dropped, or it contains an ",
        "experience that the current version does not, or one that was forgotten"));
  }
  wanted.set_parent_version(plan.anchors.front());
  IMPRINT_ASSIGN_OR_RETURN(const std::vector<int64_t> missing,
                           MissingFrom(*deps_.versions, plan.anchors.front(), plan.keep));
  if (missing.empty() && plan.forgotten.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("there is nothing to rebuild: versions/", plan.anchors.front(),
                     " contains all that the current version does"));
  }
  PlannedRebuild planned;
  IMPRINT_ASSIGN_OR_RETURN(planned.cost, EstimateCost(*deps_.store, plan.anchors.front(), missing));
  if (dry_run) return planned;
  wanted.mutable_rebuilt()->Add(missing.begin(), missing.end());
  absl::MutexLock planning(&plan_mutex_);
  {
    absl::MutexLock lock(&mutex_);
    IMPRINT_RETURN_IF_ERROR(CheckRuns());
  }
  IMPRINT_ASSIGN_OR_RETURN(store::JobRecord job, ledger_.Plan(wanted));
  planned.job = job.id();
  {
    absl::MutexLock lock(&mutex_);
    queue_.push_back(std::move(job));
  }
  waker_->Wake();
  return planned;
}

std::optional<Updater::Running> Updater::running() const {
  absl::MutexLock lock(&mutex_);
  return running_;
}

void Updater::AddListener(Listener listener) { ledger_.AddListener(std::move(listener)); }

}  // namespace imprint::update
