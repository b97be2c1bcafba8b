// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// What the updater does to forget: tombstones, the versions that hold what was forgotten, the
// files it lies in.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "server/update/updater.h"
#include "server/update/version_gauges.h"
#include "spdlog/spdlog.h"

namespace imprint::update {
namespace {

// Expired experiences forgotten in one transaction.
constexpr int kExpiredAtOnce = 256;

}  // namespace

absl::StatusOr<Updater::Forgotten> Updater::Forget(const experience::ForgetSelector& selector) {
  IMPRINT_ASSIGN_OR_RETURN(const std::vector<int64_t> sequences, deps_.log->Select(selector));
  Forgotten result;
  IMPRINT_ASSIGN_OR_RETURN(result.experiences, ForgetNow(sequences, "forgotten on command"));
  for (const int64_t sequence : sequences) {
    result.rebuild |= deps_.versions->Contains(sequence);
  }
  {
    // What runs now trains on it, or on top of it.
    absl::MutexLock lock(&mutex_);
    if (running_.has_value() && (result.rebuild || HasAny(running_->job, sequences))) {
      interrupt_ = true;
    }
  }
  waker_->Wake();
  return result;
}

bool Updater::HasAny(const store::JobRecord& job, const std::vector<int64_t>& sequences) {
  return std::any_of(sequences.begin(), sequences.end(), [&job](int64_t sequence) {
    return std::find(job.sequences().begin(), job.sequences().end(), sequence) !=
           job.sequences().end();
  });
}

absl::StatusOr<std::vector<store::ExperienceRecord>> Updater::ForgetNow(
    const std::vector<int64_t>& sequences, const std::string& reason) {
  // The probes of what is in the weights are asked once more, of what comes after.
  absl::StatusOr<std::vector<store::ExperienceRecord>> tombstones = deps_.log->Forget(
      sequences, reason, [this](int64_t sequence) { return deps_.versions->Contains(sequence); });
  absl::MutexLock lock(&mutex_);
  sweep_ = true;  // whatever came of it
  return tombstones;
}

absl::StatusOr<Updater::Forgetting> Updater::forgetting() const {
  Forgetting state;
  const std::vector<int64_t> open = deps_.log->OpenTombstones();
  state.in_weights = std::count_if(open.begin(), open.end(), [this](int64_t sequence) {
    return deps_.versions->Contains(sequence) && deps_.log->IsForgotten(sequence);
  });
  IMPRINT_ASSIGN_OR_RETURN(const store::PurgeList due, deps_.store->ListPurges());
  absl::MutexLock lock(&mutex_);
  const bool rebuilding =
      running_.has_value() && running_->job.kind() == store::STORED_JOB_KIND_REBUILD;
  state.in_files =
      sweep_ || sweeping_ || rebuilding || !due.sequences.empty() || !due.probes.empty();
  return state;
}

absl::Status Updater::TendForgotten() {
  IMPRINT_RETURN_IF_ERROR(ForgetExpired());
  bool sweep = false;
  {
    absl::MutexLock lock(&mutex_);
    std::swap(sweep, sweep_);
    sweeping_ = sweep;
  }
  if (sweep) {
    // After an error StandStill has it done again.
    const absl::Status swept = Sweep();
    absl::MutexLock lock(&mutex_);
    sweeping_ = false;
    IMPRINT_RETURN_IF_ERROR(swept);
  }
  return deps_.store->Purge(&interrupt_);
}

absl::Status Updater::ForgetExpired() {
  while (true) {
    const int64_t now = absl::ToUnixMicros(deps_.clock->Now());
    IMPRINT_ASSIGN_OR_RETURN(const std::vector<int64_t> expired,
                             deps_.store->ListExpired(now, kExpiredAtOnce));
    if (expired.empty()) return absl::OkStatus();
    IMPRINT_RETURN_IF_ERROR(ForgetNow(expired, "its time to live is over").status());
    spdlog::info("{} experiences have expired", expired.size());
  }
}

absl::Duration Updater::UntilNextExpiry() const {
  const absl::StatusOr<std::optional<int64_t>> next = deps_.store->NextExpiryMicros();
  // An error comes again, and is told of, where something is forgotten.
  if (!next.ok() || !next->has_value()) return absl::InfiniteDuration();
  const absl::Duration left = absl::FromUnixMicros(**next) - deps_.clock->Now();
  return std::max(left, absl::Milliseconds(1));
}

// All of it can be told from the store, so a crash in between changes nothing. Between jobs, so
// that no candidate holds what is closed here.
absl::Status Updater::Sweep() {
  IMPRINT_RETURN_IF_ERROR(deps_.log->Refresh());
  std::vector<int64_t> forgotten = deps_.log->OpenTombstones();
  // Those that are only staged: who stages one asks for another sweep.
  std::erase_if(forgotten, [this](int64_t sequence) { return !deps_.log->IsForgotten(sequence); });
  IMPRINT_RETURN_IF_ERROR(deps_.versions->DropForgotten(forgotten));
  IMPRINT_RETURN_IF_ERROR(deps_.versions->RemoveOrphans());
  rebuild_due_ = false;
  std::vector<int64_t> gone, with_probes;
  for (const int64_t sequence : forgotten) {
    if (deps_.versions->Contains(sequence)) {
      rebuild_due_ = true;
      continue;
    }
    gone.push_back(sequence);
    IMPRINT_ASSIGN_OR_RETURN(const auto probes, deps_.store->GetProbes(sequence));
    if (!probes.empty()) with_probes.push_back(sequence);
  }
  // Before a tombstone is closed: its candidate may hold what was forgotten.
  std::optional<store::JobRecord> awaiting;
  {
    absl::MutexLock lock(&mutex_);
    awaiting = awaiting_;
  }
  if (awaiting.has_value() && (rebuild_due_ || HasAny(*awaiting, forgotten))) {
    spdlog::info("jobs/{} begins again: something was forgotten", awaiting->id());
    IMPRINT_RETURN_IF_ERROR(Withdraw(*awaiting, "something was forgotten"));
  }
  const absl::Status dropped =
      deps_.store->Transact([&](store::Transaction& transaction) -> absl::Status {
        for (const int64_t sequence : with_probes) {
          IMPRINT_RETURN_IF_ERROR(deps_.log->StageDropProbes(transaction, sequence));
        }
        return absl::OkStatus();
      });
  if (dropped.ok()) deps_.log->CloseTombstones(gone);
  return dropped;
}

absl::Status Updater::FallBack(store::JobRecord& job, store::StoredJobState state,
                               const std::string& reason) {
  const std::vector<int64_t> rebuilt(job.rebuilt().begin(), job.rebuilt().end());
  store::JobRecord ended = job;
  const absl::Status written = deps_.versions->Rollback(
      job.parent_version(),
      [&](store::Transaction& transaction,
          absl::FunctionRef<bool(int64_t)> contained) -> absl::Status {
        ledger_.StageAdvance(transaction, ended, state,
                             absl::StrCat(reason, "; versions/", job.parent_version(),
                                          " answers, and what it lacks is trained anew"));
        IMPRINT_RETURN_IF_ERROR(deps_.log->StageMembership(transaction, contained).status());
        return deps_.log->StageReleaseHeld(transaction, rebuilt);
      });
  FollowSwitch();
  IMPRINT_RETURN_IF_ERROR(written);
  job = std::move(ended);
  ledger_.Tell(job);
  spdlog::warn(
      "jobs/{} could not be published; what was forgotten is out of the weights all the "
      "same: versions/{} is current",
      job.id(), job.parent_version());
  absl::MutexLock lock(&mutex_);
  sweep_ = true;
  return absl::OkStatus();
}

void Updater::FollowSwitch() {
  if (const absl::Status refreshed = deps_.log->Refresh(); !refreshed.ok()) {
    spdlog::warn("the experience log is behind the store: {}", refreshed.ToString());
  }
  const engine::SharedVersion current = deps_.versions->current();
  deps_.engine->SetCurrent(current);
  ShowVersion(deps_.metrics, *deps_.store, current->number);
}

}  // namespace imprint::update
