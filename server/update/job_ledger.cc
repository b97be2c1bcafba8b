// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/update/job_ledger.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/failpoint.h"
#include "common/status_macros.h"
#include "server/store/recent_jobs.h"
#include "spdlog/spdlog.h"

namespace imprint::update {

bool IsOver(store::StoredJobState state) {
  switch (state) {
    case store::STORED_JOB_STATE_COMMITTED:
    case store::STORED_JOB_STATE_REJECTED:
    case store::STORED_JOB_STATE_FAILED:
    case store::STORED_JOB_STATE_CANCELLED:
      return true;
    default:
      return false;
  }
}

std::string StateName(store::StoredJobState state) {
  return std::string(absl::StripPrefix(store::StoredJobState_Name(state), "STORED_JOB_STATE_"));
}

JobLedger::JobLedger(store::Store* store, experience::ExperienceLog* log, const Clock* clock)
    : store_(store), log_(log), clock_(clock) {}

absl::StatusOr<std::vector<store::JobRecord>> JobLedger::Unfinished() const {
  std::vector<store::JobRecord> unfinished;
  IMPRINT_RETURN_IF_ERROR(store::VisitRecentJobs(*store_, [&](const store::JobRecord& job) {
    if (!IsOver(job.state())) unfinished.push_back(job);
    return true;
  }));
  std::reverse(unfinished.begin(), unfinished.end());
  return unfinished;
}

absl::StatusOr<store::JobRecord> JobLedger::Plan(const store::JobRecord& wanted) {
  IMPRINT_FAILPOINT_OR_RETURN("job.plan.before");
  store::JobRecord job;
  IMPRINT_RETURN_IF_ERROR(store_->Transact([&](store::Transaction& transaction) {
    job = StagePlanned(transaction, wanted);
    return absl::OkStatus();
  }));
  IMPRINT_FAILPOINT("job.plan.after");
  Tell(job);
  return job;
}

store::JobRecord JobLedger::StagePlanned(store::Transaction& transaction,
                                         const store::JobRecord& wanted) const {
  const int64_t now = absl::ToUnixMicros(clock_->Now());
  store::JobRecord job = wanted;
  job.set_id(transaction.NextJob());
  job.set_version(transaction.NextVersion());
  job.set_state(store::STORED_JOB_STATE_PLANNED);
  job.set_attempt(1);
  job.set_create_time_micros(now);
  job.set_update_time_micros(now);
  transaction.PutJob(job);
  return job;
}

absl::Status JobLedger::Begin(store::JobRecord& job, int64_t parent_version) {
  IMPRINT_FAILPOINT_OR_RETURN("job.begin.before");
  store::JobRecord begun = job;
  IMPRINT_RETURN_IF_ERROR(store_->Transact([&](store::Transaction& transaction) {
    begun.set_parent_version(parent_version);
    if (begun.version() <= parent_version) begun.set_version(transaction.NextVersion());
    StageAdvance(transaction, begun, store::STORED_JOB_STATE_TRAINING);
    return absl::OkStatus();
  }));
  IMPRINT_FAILPOINT("job.begin.after");
  job = std::move(begun);
  Tell(job);
  return absl::OkStatus();
}

void JobLedger::StageAdvance(store::Transaction& transaction, store::JobRecord& job,
                             store::StoredJobState state, const std::string& reason) const {
  job.set_state(state);
  job.set_state_reason(reason);
  job.set_update_time_micros(absl::ToUnixMicros(clock_->Now()));
  transaction.PutJob(job);
}

absl::Status JobLedger::Advance(store::JobRecord& job, store::StoredJobState state,
                                const std::string& reason) {
  IMPRINT_FAILPOINT_OR_RETURN("job.advance.before");
  store::JobRecord advanced = job;
  IMPRINT_RETURN_IF_ERROR(store_->Transact([&](store::Transaction& transaction) {
    StageAdvance(transaction, advanced, state, reason);
    return absl::OkStatus();
  }));
  IMPRINT_FAILPOINT("job.advance.after");
  job = std::move(advanced);
  Tell(job);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<store::JobRecord>> JobLedger::EndUnfit(store::JobRecord& job,
                                                                  store::StoredJobState state,
                                                                  const std::string& reason) {
  const std::vector<int64_t> sequences(job.sequences().begin(), job.sequences().end());
  store::JobRecord ended = job;
  std::vector<store::JobRecord> halves;
  IMPRINT_RETURN_IF_ERROR(Write([&](store::Transaction& transaction) -> absl::Status {
    StageAdvance(transaction, ended, state, reason);
    if (sequences.empty()) return absl::OkStatus();
    if (sequences.size() == 1) {
      return log_->StageSetAside(transaction, sequences, store::STORED_STATE_QUARANTINED,
                                 absl::StrCat("jobs/", job.id(), ": ", reason));
    }
    const auto middle = sequences.begin() + static_cast<int64_t>(sequences.size() / 2);
    store::JobRecord half;
    half.set_parent_version(job.parent_version());
    half.set_rebuild_tried(job.rebuild_tried());
    half.set_more_replay(job.more_replay());
    half.mutable_sequences()->Add(sequences.begin(), middle);
    halves.push_back(StagePlanned(transaction, half));
    half.mutable_sequences()->Assign(middle, sequences.end());
    halves.push_back(StagePlanned(transaction, half));
    return absl::OkStatus();
  }));
  job = std::move(ended);
  Tell(job);
  for (const store::JobRecord& half : halves) Tell(half);
  return halves;
}

absl::StatusOr<store::JobRecord> JobLedger::Replace(store::JobRecord& job,
                                                    store::StoredJobState state,
                                                    const std::string& reason,
                                                    const store::JobRecord& wanted) {
  store::JobRecord ended = job;
  store::JobRecord planned;
  IMPRINT_RETURN_IF_ERROR(store_->Transact([&](store::Transaction& transaction) {
    StageAdvance(transaction, ended, state, reason);
    planned = StagePlanned(transaction, wanted);
    return absl::OkStatus();
  }));
  job = std::move(ended);
  Tell(job);
  Tell(planned);
  return planned;
}

absl::Status JobLedger::Cancel(store::JobRecord& job) {
  return EndHeld(job, store::STORED_JOB_STATE_CANCELLED, "cancelled on command", "was cancelled");
}

absl::Status JobLedger::Drop(store::JobRecord& job) {
  return EndHeld(job, store::STORED_JOB_STATE_REJECTED, "approval: dropped on command",
                 "was not approved");
}

absl::Status JobLedger::EndHeld(store::JobRecord& job, store::StoredJobState state,
                                const std::string& reason, const std::string& fate) {
  const std::vector<int64_t> sequences(job.sequences().begin(), job.sequences().end());
  store::JobRecord ended = job;
  IMPRINT_RETURN_IF_ERROR(Write([&](store::Transaction& transaction) -> absl::Status {
    StageAdvance(transaction, ended, state, reason);
    return log_->StageSetAside(transaction, sequences, store::STORED_STATE_HELD,
                               absl::StrCat("jobs/", job.id(), " ", fate));
  }));
  job = std::move(ended);
  Tell(job);
  return absl::OkStatus();
}

absl::Status JobLedger::Write(absl::FunctionRef<absl::Status(store::Transaction&)> stage) {
  IMPRINT_FAILPOINT_OR_RETURN("job.end.before");
  const absl::Status written = store_->Transact(stage);
  IMPRINT_FAILPOINT("job.end.after");
  if (const absl::Status refreshed = log_->Refresh(); !refreshed.ok()) {
    spdlog::warn("the experience log is behind the store: {}", refreshed.ToString());
  }
  return written;
}

void JobLedger::AddListener(Listener listener) {
  absl::MutexLock lock(&mutex_);
  listeners_.push_back(std::move(listener));
}

void JobLedger::Tell(const store::JobRecord& job) const {
  std::vector<Listener> listeners;
  {
    absl::MutexLock lock(&mutex_);
    listeners = listeners_;
  }
  for (const Listener& listener : listeners) listener(job);
}

}  // namespace imprint::update
