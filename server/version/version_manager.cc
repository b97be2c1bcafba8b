// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/version/version_manager.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/failpoint.h"
#include "common/status_macros.h"
#include "server/model/guard.h"
#include "server/store/recent_jobs.h"
#include "spdlog/spdlog.h"

namespace imprint::version {
namespace {

absl::Status Dropped(int64_t number, bool holds_forgotten, int keep) {
  if (holds_forgotten) {
    return absl::FailedPreconditionError(absl::StrCat(
        "versions/", number, " contains what was forgotten since, and is not served again"));
  }
  return absl::FailedPreconditionError(
      absl::StrCat("versions/", number, " was dropped: its files are beyond the newest ", keep,
                   " (--version.keep)"));
}

// The version of the job that awaits approval; 0: none does.
absl::StatusOr<int64_t> AwaitingApproval(const store::Store& store) {
  int64_t version = 0;
  IMPRINT_RETURN_IF_ERROR(store::VisitRecentJobs(store, [&](const store::JobRecord& job) {
    if (job.state() == store::STORED_JOB_STATE_AWAITING_APPROVAL) version = job.version();
    return version == 0;
  }));
  return version;
}

}  // namespace

VersionManager::VersionManager(store::Store* store, std::shared_ptr<const model::Weights> base,
                               const VersionManagerOptions& options, const Clock* clock)
    : store_(store),
      options_(options),
      clock_(clock),
      files_(options.directory, options.model_fingerprint) {
  auto version = std::make_shared<Version>();
  version->weights = std::move(base);
  base_ = std::move(version);
  current_ = base_;
}

absl::StatusOr<std::unique_ptr<VersionManager>> VersionManager::Open(
    store::Store* store, std::shared_ptr<const model::Weights> base,
    const VersionManagerOptions& options, const Clock* clock) {
  auto manager =
      std::unique_ptr<VersionManager>(new VersionManager(store, std::move(base), options, clock));
  IMPRINT_RETURN_IF_ERROR(manager->RemoveOrphans());
  absl::MutexLock switching(&manager->switch_mutex_);
  IMPRINT_RETURN_IF_ERROR(manager->LoadCurrent());
  return manager;
}

absl::Status VersionManager::RemoveOrphans() {
  absl::MutexLock switching(&switch_mutex_);
  IMPRINT_RETURN_IF_ERROR(SettleLocked());
  IMPRINT_ASSIGN_OR_RETURN(const std::vector<store::VersionRecord> rows, store_->ListVersions());
  Sequences stored;  // of numbers
  for (const store::VersionRecord& row : rows) {
    if (!row.dropped()) stored.insert(row.number());
  }
  IMPRINT_ASSIGN_OR_RETURN(const int64_t awaiting, AwaitingApproval(*store_));
  if (awaiting != 0) stored.insert(awaiting);
  return files_.Prepare([&stored](int64_t number) { return stored.contains(number); });
}

absl::Status VersionManager::LoadCurrent() {
  IMPRINT_ASSIGN_OR_RETURN(const int64_t number, store_->GetCurrentVersion());
  absl::StatusOr<SharedVersion> loaded = Load(number);
  if (!loaded.ok()) {
    if (!absl::IsDataLoss(loaded.status())) return loaded.status();
    IMPRINT_ASSIGN_OR_RETURN(SharedVersion good, NearestGoodAncestor(number));
    if (!options_.rollback_when_broken) {
      return absl::DataLossError(absl::StrCat(
          loaded.status().message(), "; the last good version before it is versions/", good->number,
          ": start with --version.rollback_when_broken to go back to it"));
    }
    spdlog::error("{}; going back to versions/{}", std::string(loaded.status().message()),
                  good->number);
    IMPRINT_ASSIGN_OR_RETURN(Sequences contained, MembersOf(good->number));
    return Switch(good, number, std::move(contained),
                  [](store::Transaction&, const Sequences&) { return absl::OkStatus(); });
  }
  IMPRINT_ASSIGN_OR_RETURN(Sequences contained, MembersOf(number));
  absl::MutexLock lock(&mutex_);
  current_ = *std::move(loaded);
  if (number != 0) live_[number] = current_;
  contained_ = std::move(contained);
  return absl::OkStatus();
}

absl::StatusOr<VersionManager::SharedVersion> VersionManager::Load(int64_t number) const {
  if (number == 0) return base_;
  absl::StatusOr<store::VersionRecord> row = store_->GetVersion(number);
  if (absl::IsNotFound(row.status())) {
    return absl::DataLossError(
        absl::StrCat("versions/", number, " is in use, but the store has no row of it"));
  }
  if (!row.ok()) return row.status();
  IMPRINT_ASSIGN_OR_RETURN(auto deltas,
                           files_.Read(number, base_->weights->config, base_->weights->placement));
  return MakeCandidate(number, row->parent(), std::move(deltas));
}

absl::StatusOr<VersionManager::SharedVersion> VersionManager::NearestGoodAncestor(
    int64_t number) const {
  while (number != 0) {
    absl::StatusOr<store::VersionRecord> row = store_->GetVersion(number);
    if (!row.ok()) return base_;
    number = row->parent();
    absl::StatusOr<SharedVersion> ancestor = Load(number);
    if (ancestor.ok()) return ancestor;
  }
  return base_;
}

absl::StatusOr<VersionManager::Sequences> VersionManager::MembersOf(int64_t number) const {
  Sequences contained;
  Sequences visited;
  while (number != 0) {
    absl::StatusOr<store::VersionRecord> row = store_->GetVersion(number);
    if (!row.ok()) {
      return absl::DataLossError(absl::StrCat("versions/", number, ", an ancestor of the version ",
                                              "in use: ", row.status().message()));
    }
    // Numbers grow from parent to child, but stores of an earlier server hold some that do not.
    if (!visited.insert(number).second) {
      return absl::DataLossError(absl::StrCat("versions/", number, " is its own ancestor"));
    }
    contained.insert(row->added().begin(), row->added().end());
    number = row->parent();
  }
  return contained;
}

absl::StatusOr<std::vector<int64_t>> VersionManager::ContainedIn(int64_t number) const {
  IMPRINT_ASSIGN_OR_RETURN(const Sequences members, MembersOf(number));
  std::vector<int64_t> sequences(members.begin(), members.end());
  std::sort(sequences.begin(), sequences.end());
  return sequences;
}

absl::StatusOr<std::vector<std::shared_ptr<const model::Adapter>>> VersionManager::Deltas(
    int64_t number) const {
  if (const SharedVersion live = FindLive(number); live != nullptr) return live->deltas;
  IMPRINT_ASSIGN_OR_RETURN(const store::VersionRecord row, store_->GetVersion(number));
  if (row.dropped()) return Dropped(number, row.holds_forgotten(), options_.keep);
  return files_.Read(number, base_->weights->config, base_->weights->placement);
}

absl::StatusOr<VersionManager::SharedVersion> VersionManager::MakeCandidate(
    int64_t number, int64_t parent,
    std::vector<std::shared_ptr<const model::Adapter>> deltas) const {
  std::vector<const model::Adapter*> changes;
  changes.reserve(deltas.size());
  for (const auto& delta : deltas) changes.push_back(delta.get());
  auto version = std::make_shared<Version>();
  version->number = number;
  version->parent = parent;
  IMPRINT_RETURN_IF_ERROR(model::Guarded(absl::StrCat("merging versions/", number), [&] {
    version->weights = model::Merge(base_->weights, changes);
  }));
  version->deltas = std::move(deltas);
  return version;
}

absl::StatusOr<int64_t> VersionManager::Save(const Version& candidate) {
  // No switch may drop the parent's files while they are linked.
  absl::MutexLock switching(&switch_mutex_);
  absl::StatusOr<store::VersionRecord> row = store_->GetVersion(candidate.number);
  if (row.ok()) {
    return absl::AlreadyExistsError(
        absl::StrCat("versions/", candidate.number, " is committed and cannot be written again"));
  }
  if (!absl::IsNotFound(row.status())) return row.status();
  const SharedVersion parent = FindLive(candidate.parent);
  return files_.Write(candidate, parent.get());
}

absl::StatusOr<VersionManager::SharedVersion> VersionManager::LoadCandidate(int64_t number,
                                                                            int64_t parent) const {
  IMPRINT_ASSIGN_OR_RETURN(auto deltas,
                           files_.Read(number, base_->weights->config, base_->weights->placement));
  return MakeCandidate(number, parent, std::move(deltas));
}

absl::Status VersionManager::Discard(int64_t number) {
  absl::MutexLock switching(&switch_mutex_);
  const absl::Status committed = store_->GetVersion(number).status();
  if (!absl::IsNotFound(committed)) return committed;
  return files_.Remove(number);
}

absl::Status VersionManager::Commit(const SharedVersion& candidate, int64_t expected_current,
                                    store::VersionRecord record, const StageFn& stage) {
  absl::MutexLock switching(&switch_mutex_);
  IMPRINT_RETURN_IF_ERROR(SettleLocked());
  IMPRINT_ASSIGN_OR_RETURN(Sequences contained, MembersOf(candidate->parent));
  contained.insert(record.added().begin(), record.added().end());
  record.set_number(candidate->number);
  record.set_parent(candidate->parent);
  record.set_create_time_micros(absl::ToUnixMicros(clock_->Now()));
  record.set_experience_count(static_cast<int64_t>(contained.size()));
  record.set_dropped(false);
  IMPRINT_FAILPOINT_OR_RETURN("commit.before");
  IMPRINT_RETURN_IF_ERROR(
      Switch(candidate, expected_current, std::move(contained),
             [&](store::Transaction& transaction, const Sequences& members) -> absl::Status {
               transaction.PutVersion(record);
               return stage(transaction, [&members](int64_t s) { return members.contains(s); });
             }));
  spdlog::info("versions/{} is current: {} experiences, {} bytes on disk", record.number(),
               record.experience_count(), record.size_bytes());
  Tell(record, /*current=*/true);
  DropOldVersions();
  IMPRINT_FAILPOINT("commit.after");
  return absl::OkStatus();
}

absl::Status VersionManager::Rollback(int64_t number, const StageFn& stage) {
  absl::MutexLock switching(&switch_mutex_);
  IMPRINT_RETURN_IF_ERROR(SettleLocked());
  store::VersionRecord record;
  SharedVersion target = FindLive(number);
  if (number != 0) {
    absl::StatusOr<store::VersionRecord> row = store_->GetVersion(number);
    if (absl::IsNotFound(row.status()) || number < 0) {
      return absl::NotFoundError(absl::StrCat("there is no versions/", number));
    }
    if (!row.ok()) return row.status();
    record = *std::move(row);
    IMPRINT_ASSIGN_OR_RETURN(const bool holds_forgotten, HoldsForgotten(number));
    if (record.dropped() || holds_forgotten) {
      return Dropped(number, record.holds_forgotten() || holds_forgotten, options_.keep);
    }
    if (target == nullptr) {
      IMPRINT_ASSIGN_OR_RETURN(target, Load(number));
    }
  }
  IMPRINT_ASSIGN_OR_RETURN(Sequences contained, MembersOf(number));
  IMPRINT_FAILPOINT_OR_RETURN("rollback.before");
  IMPRINT_RETURN_IF_ERROR(
      Switch(target, current()->number, std::move(contained),
             [&](store::Transaction& transaction, const Sequences& members) -> absl::Status {
               return stage(transaction, [&members](int64_t s) { return members.contains(s); });
             }));
  spdlog::info("rolled back to versions/{}", number);
  Tell(record, /*current=*/true);
  DropOldVersions();
  IMPRINT_FAILPOINT("rollback.after");
  return absl::OkStatus();
}

absl::Status VersionManager::Switch(
    const SharedVersion& target, int64_t expected, Sequences contained,
    absl::FunctionRef<absl::Status(store::Transaction&, const Sequences&)> stage) {
  IMPRINT_FAILPOINT_OR_RETURN("switch.before");
  bool staged = false;
  const absl::Status written =
      store_->Transact([&](store::Transaction& transaction) -> absl::Status {
        IMPRINT_ASSIGN_OR_RETURN(const int64_t current, store_->GetCurrentVersion());
        if (current != expected) {
          return absl::AbortedError(absl::StrCat("versions/", target->number, " was to follow ",
                                                 "versions/", expected, ", but versions/", current,
                                                 " is current now"));
        }
        IMPRINT_RETURN_IF_ERROR(stage(transaction, contained));
        transaction.SetCurrentVersion(target->number);
        staged = true;
        return absl::OkStatus();
      });
  if (written.ok()) {
    IMPRINT_FAILPOINT("switch.durable");
    PointTo(target, std::move(contained));
    IMPRINT_FAILPOINT("switch.after");
    return absl::OkStatus();
  }
  if (!staged) return written;
  // The write may have reached the disk or not: what the store says next is the truth.
  unsettled_ = Unsettled{.target = target, .contained = std::move(contained)};
  if (const absl::Status settled = SettleLocked(); !settled.ok()) {
    return absl::UnknownError(absl::StrCat(
        "whether versions/", target->number, " became current is unknown: writing it: ",
        written.ToString(), "; reading it back: ", settled.ToString()));
  }
  return current()->number == target->number ? absl::OkStatus() : written;
}

absl::Status VersionManager::AtRest(absl::FunctionRef<absl::Status()> work) {
  absl::MutexLock switching(&switch_mutex_);
  // What is current must be known.
  IMPRINT_RETURN_IF_ERROR(SettleLocked());
  return work();
}

absl::Status VersionManager::Settle() {
  absl::MutexLock switching(&switch_mutex_);
  const SharedVersion before = current();
  IMPRINT_RETURN_IF_ERROR(SettleLocked());
  const SharedVersion after = current();
  if (after == before) return absl::OkStatus();
  store::VersionRecord record;
  if (after->number != 0) {
    IMPRINT_ASSIGN_OR_RETURN(record, store_->GetVersion(after->number));
  }
  Tell(record, /*current=*/true);
  return absl::OkStatus();
}

absl::Status VersionManager::SettleLocked() {
  if (!unsettled_.has_value()) return absl::OkStatus();
  IMPRINT_RETURN_IF_ERROR(store_->Settle());
  IMPRINT_ASSIGN_OR_RETURN(const int64_t number, store_->GetCurrentVersion());
  if (number == unsettled_->target->number) {
    spdlog::warn("versions/{} is current although its write failed at first", number);
    PointTo(unsettled_->target, std::move(unsettled_->contained));
  }
  unsettled_.reset();
  return absl::OkStatus();
}

void VersionManager::PointTo(const SharedVersion& target, Sequences contained) {
  SharedVersion previous = target;  // let go of after the lock: it may be the last owner
  absl::MutexLock lock(&mutex_);
  current_.swap(previous);
  contained_.swap(contained);
  absl::erase_if(live_, [](const auto& entry) { return entry.second.expired(); });
  if (target->number != 0) live_[target->number] = target;
}

void VersionManager::DropOldVersions() {
  const absl::StatusOr<std::vector<store::VersionRecord>> rows = store_->ListVersions();
  if (!rows.ok()) {
    spdlog::warn("old versions are kept: {}", rows.status().ToString());
    return;
  }
  const SharedVersion current = this->current();
  int kept = 0;
  for (auto row = rows->rbegin(); row != rows->rend(); ++row) {
    const int64_t number = row->number();
    if (number == current->number || number == current->parent || FindLive(number) != nullptr) {
      continue;
    }
    if (!row->dropped() && ++kept <= options_.keep) continue;
    // Files of a dropped one may have withstood.
    const absl::Status status =
        row->dropped() ? files_.Remove(number) : Drop(*row, /*holds_forgotten=*/false);
    if (!status.ok()) {
      spdlog::warn("versions/{} is not dropped yet: {}", number, status.ToString());
      return;
    }
  }
}

absl::Status VersionManager::Drop(store::VersionRecord row, bool holds_forgotten) {
  IMPRINT_FAILPOINT_OR_RETURN("version.drop.before");
  row.set_dropped(true);
  row.set_holds_forgotten(holds_forgotten);
  IMPRINT_RETURN_IF_ERROR(store_->Transact([&row](store::Transaction& transaction) {
    transaction.PutVersion(row);
    return absl::OkStatus();
  }));
  Tell(row, /*current=*/false);
  IMPRINT_FAILPOINT_OR_RETURN("version.drop.marked");
  // A crash or an error from here on leaves files that the next call, or start, removes.
  return files_.Remove(row.number());
}

VersionManager::SharedVersion VersionManager::current() const {
  absl::MutexLock lock(&mutex_);
  return current_;
}

VersionManager::SharedVersion VersionManager::FindLive(int64_t number) const {
  if (number == 0) return base_;
  absl::MutexLock lock(&mutex_);
  const auto found = live_.find(number);
  return found == live_.end() ? nullptr : found->second.lock();
}

absl::StatusOr<VersionManager::SharedVersion> VersionManager::Acquire(int64_t number) const {
  if (SharedVersion version = FindLive(number); version != nullptr) return version;
  const absl::StatusOr<store::VersionRecord> row = store_->GetVersion(number);
  if (absl::IsNotFound(row.status()) || number < 0) {
    return absl::NotFoundError(absl::StrCat("there is no versions/", number));
  }
  if (!row.ok()) return row.status();
  return absl::FailedPreconditionError(absl::StrCat(
      "versions/", number, " is not in memory; live are ", absl::StrJoin(Live(), ", ")));
}

std::vector<int64_t> VersionManager::Live() const {
  std::vector<int64_t> numbers = {0};
  absl::MutexLock lock(&mutex_);
  for (const auto& [number, version] : live_) {
    if (!version.expired()) numbers.push_back(number);
  }
  return numbers;
}

bool VersionManager::Contains(int64_t sequence) const {
  absl::MutexLock lock(&mutex_);
  return contained_.contains(sequence);
}

std::vector<int64_t> VersionManager::Contained() const {
  std::vector<int64_t> sequences;
  {
    absl::MutexLock lock(&mutex_);
    sequences.assign(contained_.begin(), contained_.end());
  }
  std::sort(sequences.begin(), sequences.end());
  return sequences;
}

void VersionManager::AddListener(Listener listener) {
  absl::MutexLock lock(&mutex_);
  listeners_.push_back(std::move(listener));
}

void VersionManager::Tell(const store::VersionRecord& record, bool current) const {
  std::vector<Listener> listeners;
  {
    absl::MutexLock lock(&mutex_);
    listeners = listeners_;
  }
  for (const Listener& listener : listeners) listener(record, current);
}

}  // namespace imprint::version
