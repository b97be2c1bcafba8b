// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/experience/experience_log.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/failpoint.h"
#include "common/status_macros.h"
#include "server/experience/append_batch.h"
#include "server/experience/states.h"

namespace imprint::experience {
namespace {

// Appends that share one sync, at most: bounds how long the first one waits.
constexpr size_t kMaxBatchAppends = 256;
constexpr size_t kMaxBatchBytes = 16 << 20;

absl::btree_set<int64_t> Tombstones(const StateIndex& index) {
  absl::btree_set<int64_t> tombstones;
  for (int64_t sequence = 1; sequence <= index.last_sequence(); ++sequence) {
    if (index.state(sequence) == store::STORED_STATE_FORGOTTEN) tombstones.insert(sequence);
  }
  return tombstones;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ExperienceLog>> ExperienceLog::Open(
    store::Store* store, const ExperienceLogOptions& options, const Clock* clock) {
  IMPRINT_ASSIGN_OR_RETURN(StateIndex index, StateIndex::Load(*store));
  return std::unique_ptr<ExperienceLog>(new ExperienceLog(store, options, clock, std::move(index)));
}

ExperienceLog::ExperienceLog(store::Store* store, const ExperienceLogOptions& options,
                             const Clock* clock, StateIndex index)
    : store_(store),
      options_(options),
      clock_(clock),
      seen_reopened_(store->reopened()),
      index_(std::move(index)),
      open_tombstones_(Tombstones(index_)),
      writer_([this] { WriteLoop(); }) {}

ExperienceLog::~ExperienceLog() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    append_or_stopping_.SignalAll();
  }
  WakeWaiters();
  writer_.join();
  // The writer is gone, so nothing is taken from the queue any more.
  std::deque<PendingAppend> left;
  {
    absl::MutexLock lock(&mutex_);
    left.swap(appends_);
  }
  for (PendingAppend& append : left) {
    append.done(absl::UnavailableError("the server is shutting down; send the request again"));
  }
}

void ExperienceLog::Append(store::ExperienceRecord record, AppendCallback done,
                           std::string supersedes) {
  const auto bytes = static_cast<int64_t>(record.ByteSizeLong());
  absl::Status refused;
  {
    absl::MutexLock lock(&mutex_);
    refused = CheckRoom(bytes);
    if (refused.ok()) {
      appends_.push_back(PendingAppend{std::move(record), std::move(done), std::move(supersedes)});
      pending_bytes_ += bytes;
      append_or_stopping_.Signal();
      return;
    }
  }
  done(std::move(refused));
}

absl::Status ExperienceLog::CheckDisk() const {
  if (options_.disk.empty() || options_.min_free_bytes <= 0) return absl::OkStatus();
  std::error_code error;
  const std::filesystem::space_info space = std::filesystem::space(options_.disk, error);
  // What cannot be asked is found out by writing.
  if (error || space.available >= static_cast<uintmax_t>(options_.min_free_bytes)) {
    return absl::OkStatus();
  }
  return absl::ResourceExhaustedError(
      absl::StrCat("the disk under ", options_.disk.string(), " has ", space.available,
                   " bytes left; nothing is taken below ", options_.min_free_bytes,
                   " (--inject.min_free_bytes)"));
}

absl::Status ExperienceLog::CheckRoom(int64_t bytes) const {
  if (stopping_) {
    return absl::UnavailableError("the server is shutting down; send the request again");
  }
  if (appends_.size() >= static_cast<size_t>(options_.max_pending_appends)) {
    return absl::ResourceExhaustedError(
        absl::StrCat(appends_.size(), " appends wait for the disk; the limit is ",
                     options_.max_pending_appends, " (--inject.max_pending_appends)"));
  }
  if (!appends_.empty() && pending_bytes_ + bytes > options_.max_pending_bytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("appends of ", pending_bytes_, " bytes wait for the disk; the limit is ",
                     options_.max_pending_bytes, " (--inject.max_pending_bytes)"));
  }
  return absl::OkStatus();
}

ExperienceLog::PendingAppends ExperienceLog::pending_appends() const {
  absl::MutexLock lock(&mutex_);
  return {.count = static_cast<int64_t>(appends_.size()), .bytes = pending_bytes_};
}

void ExperienceLog::WriteLoop() {
  while (true) {
    std::vector<PendingAppend> appends = TakeAppends();
    if (appends.empty()) return;
    WriteBatch(std::move(appends));
  }
}

std::vector<ExperienceLog::PendingAppend> ExperienceLog::TakeAppends() {
  std::vector<PendingAppend> taken;
  absl::MutexLock lock(&mutex_);
  while (appends_.empty() && !stopping_) append_or_stopping_.Wait(&mutex_);
  if (stopping_) return taken;
  size_t bytes = 0;
  while (!appends_.empty() && taken.size() < kMaxBatchAppends && bytes < kMaxBatchBytes) {
    const size_t own = appends_.front().record.ByteSizeLong();
    bytes += own;
    pending_bytes_ -= static_cast<int64_t>(own);
    taken.push_back(std::move(appends_.front()));
    appends_.pop_front();
  }
  return taken;
}

void ExperienceLog::WriteBatch(std::vector<PendingAppend> appends) {
  AppendBatch::Room room = {
      .experiences = 0, .max_waiting = options_.max_waiting, .disk = CheckDisk()};
  {
    absl::MutexLock lock(&mutex_);
    room.experiences = options_.max_waiting - index_.waiting_count();
  }
  IMPRINT_FAILPOINT("append.before");
  AppendBatch batch(store_, clock_->Now(), room);
  absl::Status written;
  {
    absl::MutexLock lock(&write_mutex_);
    written = store_->Transact([&](store::Transaction& transaction) {
      for (PendingAppend& append : appends) {
        batch.Add(transaction, std::move(append.record), append.supersedes);
      }
      return absl::OkStatus();
    });
    if (written.ok()) {
      IMPRINT_FAILPOINT("append.after");
      Applied(batch.added());
    }
    ReloadIfReopened();
  }
  Deliver();
  // The store can refuse before it begins, when an earlier failure is not settled yet: repeated
  // requests as well, until it is.
  std::vector<absl::StatusOr<store::ExperienceRecord>> outcomes = batch.Outcomes(written);
  while (outcomes.size() < appends.size()) outcomes.push_back(room.disk.ok() ? written : room.disk);
  for (size_t i = 0; i < appends.size(); ++i) appends[i].done(std::move(outcomes[i]));
}

absl::StatusOr<store::ExperienceRecord> ExperienceLog::Change(
    int64_t sequence,
    absl::FunctionRef<absl::Status(store::Transaction&, store::ExperienceRecord&)> modify) {
  store::ExperienceRecord record;
  absl::Status written;
  {
    absl::MutexLock lock(&write_mutex_);
    written = store_->Transact([&](store::Transaction& transaction) -> absl::Status {
      IMPRINT_ASSIGN_OR_RETURN(record, transaction.GetExperience(sequence));
      IMPRINT_RETURN_IF_ERROR(modify(transaction, record));
      transaction.PutExperience(record);
      return absl::OkStatus();
    });
    if (written.ok()) Applied({record});
    ReloadIfReopened();
  }
  Deliver();
  IMPRINT_RETURN_IF_ERROR(written);
  return record;
}

absl::Status ExperienceLog::StoreTargets(int64_t sequence,
                                         const std::vector<store::TargetRecord>& targets,
                                         std::vector<store::ProbeRecord> probes) {
  if (targets.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("no target sentences were given for experiences/", sequence));
  }
  IMPRINT_ASSIGN_OR_RETURN(const std::vector<store::ProbeRecord> earlier_probes,
                           store_->GetProbes(sequence));
  return Change(
             sequence,
             [&](store::Transaction& transaction, store::ExperienceRecord& record) -> absl::Status {
               if (record.state() != store::STORED_STATE_QUEUED) {
                 return absl::FailedPreconditionError(
                     absl::StrCat("experiences/", sequence, " is ", StateName(record.state()),
                                  "; target sentences are stored for QUEUED ones only"));
               }
               IMPRINT_RETURN_IF_ERROR(
                   MoveTo(store::STORED_STATE_READY, "", clock_->Now(), record));
               int32_t tokens = 0;
               for (const store::TargetRecord& target : targets) {
                 tokens += target.target_ids_size();
               }
               record.set_target_count(static_cast<int32_t>(targets.size()));
               record.set_target_tokens(tokens);
               record.set_probe_count(static_cast<int32_t>(earlier_probes.size() + probes.size()));
               transaction.PutTargets(sequence, targets);
               for (store::ProbeRecord& probe : probes) {
                 probe.set_id(transaction.NextProbe());
                 probe.set_sequence(sequence);
                 transaction.PutProbe(probe);
               }
               return absl::OkStatus();
             })
      .status();
}

absl::Status ExperienceLog::Quarantine(int64_t sequence, const std::string& reason) {
  return Change(sequence,
                [&](store::Transaction&, store::ExperienceRecord& record) {
                  return MoveTo(store::STORED_STATE_QUARANTINED, reason, clock_->Now(), record);
                })
      .status();
}

absl::StatusOr<store::ExperienceRecord> ExperienceLog::Release(int64_t sequence) {
  return Change(sequence, [&](store::Transaction&, store::ExperienceRecord& record) {
    if (record.state() != store::STORED_STATE_HELD &&
        record.state() != store::STORED_STATE_QUARANTINED) {
      return absl::FailedPreconditionError(
          absl::StrCat("experiences/", sequence, " is ", StateName(record.state()),
                       "; only HELD and QUARANTINED ones can be released"));
    }
    return MoveTo(
        record.target_count() > 0 ? store::STORED_STATE_READY : store::STORED_STATE_QUEUED, "",
        clock_->Now(), record);
  });
}

absl::Status ExperienceLog::RecordEfficacy(const std::map<int64_t, double>& efficacies,
                                           int64_t version) {
  std::vector<store::ExperienceRecord> records;
  absl::Status written;
  {
    absl::MutexLock lock(&write_mutex_);
    written = store_->Transact([&](store::Transaction& transaction) -> absl::Status {
      for (const auto& [sequence, efficacy] : efficacies) {
        absl::StatusOr<store::ExperienceRecord> record = transaction.GetExperience(sequence);
        if (absl::IsNotFound(record.status())) continue;
        IMPRINT_RETURN_IF_ERROR(record.status());
        if (record->state() == store::STORED_STATE_FORGOTTEN) continue;
        record->set_efficacy(efficacy);
        record->set_efficacy_version(version);
        transaction.PutExperience(*record);
        records.push_back(*std::move(record));
      }
      return absl::OkStatus();
    });
    if (written.ok()) Applied(records);
    ReloadIfReopened();
  }
  Deliver();
  return written;
}

void ExperienceLog::Applied(const std::vector<store::ExperienceRecord>& records) {
  absl::MutexLock lock(&mutex_);
  for (const store::ExperienceRecord& record : records) {
    index_.Apply(record);
    if (record.state() != store::STORED_STATE_READY) training_.erase(record.sequence());
    Tell(record);
  }
  if (!index_.queued().empty()) queued_or_woken_.SignalAll();
}

void ExperienceLog::ReloadIfReopened() {
  const int64_t reopened = store_->reopened();
  if (reopened == seen_reopened_) return;
  absl::StatusOr<StateIndex> loaded = absl::UnknownError("");
  // Within a transaction, so that nothing changes while it is read, and nothing is staged
  // that is not decided.
  absl::Status status = store_->Transact([&](store::Transaction&) {
    loaded = StateIndex::Load(*store_);
    if (loaded.ok()) {
      absl::MutexLock lock(&mutex_);
      staged_.clear();
    }
    return loaded.status();
  });
  std::vector<int64_t> changed;
  std::vector<store::ExperienceRecord> records;
  if (status.ok()) {
    absl::MutexLock lock(&mutex_);
    for (int64_t sequence = 1; sequence <= loaded->last_sequence(); ++sequence) {
      if (loaded->state(sequence) != index_.state(sequence)) changed.push_back(sequence);
    }
  }
  if (status.ok()) {
    absl::StatusOr<std::vector<store::ExperienceRecord>> read = store_->GetExperiences(changed);
    status = read.status();
    if (read.ok()) records = *std::move(read);
  }
  if (!status.ok()) {
    // The next change of the log tries again.
    spdlog::error("the experience log could not be read again: {}", status.ToString());
    return;
  }
  {
    absl::MutexLock lock(&mutex_);
    index_ = *std::move(loaded);
  }
  seen_reopened_ = reopened;
  Applied(records);
}

}  // namespace imprint::experience
