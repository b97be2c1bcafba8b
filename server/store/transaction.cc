// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/store/transaction.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "server/store/experience_rows.h"
#include "server/store/keys.h"
#include "server/store/slice.h"

namespace imprint::store {
BatchTransaction::BatchTransaction(const Database* database, const Counters& counters,
                                   int64_t number)
    : database_(database), committed_(counters), number_(number), counters_(counters) {}

absl::StatusOr<rocksdb::WriteBatch*> BatchTransaction::Finish() {
  IMPRINT_RETURN_IF_ERROR(status_);
  if (batch_.Count() == 0 && counters_ == committed_) return nullptr;
  CountersRecord record;
  record.set_sequence(counters_.last_sequence);
  record.set_job(counters_.last_job);
  record.set_version(counters_.last_version);
  record.set_probe(counters_.last_probe);
  record.set_transaction(number_);
  Put(Family::kMeta, CountersKey(), record.SerializeAsString());
  IMPRINT_RETURN_IF_ERROR(status_);
  return &batch_;
}

absl::StatusOr<ExperienceRecord> BatchTransaction::GetExperience(int64_t sequence) {
  IMPRINT_ASSIGN_OR_RETURN(std::optional<ExperienceRecord> record, Load(sequence));
  if (record.has_value()) return *std::move(record);
  return absl::NotFoundError(absl::StrCat("there is no experiences/", sequence));
}

void BatchTransaction::PutExperience(const ExperienceRecord& record) {
  const int64_t sequence = record.sequence();
  if (sequence <= 0 || sequence > counters_.last_sequence) {
    return Fail(absl::InternalError(
        absl::StrCat("experiences/", sequence, " was never given out as a sequence number")));
  }
  if (record.state() == STORED_STATE_UNSPECIFIED || !StoredState_IsValid(record.state())) {
    return Fail(absl::InternalError(absl::StrCat("experiences/", sequence, " has no state")));
  }
  absl::StatusOr<std::optional<ExperienceRecord>> loaded = Load(sequence);
  if (!loaded.ok()) return Fail(loaded.status());
  const std::optional<ExperienceRecord>& old = *loaded;

  Put(Family::kExperiences, NumberKey(sequence), EncodeHead(record));
  std::string content = EncodeContent(record);
  if (record.state() == STORED_STATE_FORGOTTEN && content.empty()) {
    Delete(Family::kContents, NumberKey(sequence));
  } else if (!old.has_value() || old->state() == STORED_STATE_FORGOTTEN ||
             EncodeContent(*old) != content) {
    Put(Family::kContents, NumberKey(sequence), content);
  }
  if (old.has_value() && old->state() != record.state()) {
    Delete(Family::kStates, StateKey(old->state(), sequence));
  }
  if (!old.has_value() || old->state() != record.state()) {
    Put(Family::kStates, StateKey(record.state(), sequence), "");
  }
  if (record.state() == STORED_STATE_FORGOTTEN && old.has_value() &&
      old->state() != STORED_STATE_FORGOTTEN) {
    Put(Family::kPurges, PurgedExperienceKey(sequence), "");
  }
  const int64_t expiry = ExpireTimeMicros(record);
  const int64_t old_expiry = old.has_value() ? ExpireTimeMicros(*old) : 0;
  if (expiry != old_expiry) {
    if (old_expiry > 0) Delete(Family::kExpiries, ExpiryKey(old_expiry, sequence));
    if (expiry > 0) Put(Family::kExpiries, ExpiryKey(expiry, sequence), "");
  }
  const std::string old_request_id = old.has_value() ? old->request_id() : "";
  if (old_request_id != record.request_id()) {
    if (!old_request_id.empty()) Delete(Family::kRequests, RequestKey(old_request_id));
    if (!record.request_id().empty()) {
      Put(Family::kRequests, RequestKey(record.request_id()), EncodeNumber(sequence));
    }
  }
  experiences_[sequence] = record;
}

void BatchTransaction::PutTargets(int64_t sequence, const std::vector<TargetRecord>& targets) {
  DeleteTargets(sequence);
  for (size_t i = 0; i < targets.size(); ++i) {
    Put(Family::kTargets, TargetKey(sequence, static_cast<int64_t>(i)),
        targets[i].SerializeAsString());
  }
  target_counts_[sequence] = static_cast<int64_t>(targets.size());
}

void BatchTransaction::DeleteTargets(int64_t sequence) {
  const std::string prefix = TargetPrefix(sequence);
  absl::Status scanned =
      database_->Scan(Family::kTargets, prefix, EndOfPrefix(prefix),
                      [&](std::string_view key, std::string_view) -> absl::StatusOr<bool> {
                        Delete(Family::kTargets, std::string(key));
                        return true;
                      });
  if (!scanned.ok()) return Fail(scanned);
  for (int64_t i = 0; i < target_counts_[sequence]; ++i) {
    Delete(Family::kTargets, TargetKey(sequence, i));
  }
  target_counts_.erase(sequence);
}

void BatchTransaction::PutProbe(const ProbeRecord& record) {
  PutNumbered(Family::kProbes, "probes", record.id(), counters_.last_probe,
              record.SerializeAsString());
  Put(Family::kExperienceProbes, ExperienceProbeKey(record.sequence(), record.id()), "");
}

void BatchTransaction::DeleteProbe(const ProbeRecord& record) {
  Delete(Family::kProbes, NumberKey(record.id()));
  Delete(Family::kExperienceProbes, ExperienceProbeKey(record.sequence(), record.id()));
  Put(Family::kPurges, PurgedProbeKey(record.id()), "");
}

void BatchTransaction::FinishPurge(const PurgeList& purged) {
  for (const int64_t sequence : purged.sequences) {
    Delete(Family::kPurges, PurgedExperienceKey(sequence));
  }
  for (const int64_t probe : purged.probes) Delete(Family::kPurges, PurgedProbeKey(probe));
}

void BatchTransaction::PutJob(const JobRecord& record) {
  PutNumbered(Family::kJobs, "jobs", record.id(), counters_.last_job, record.SerializeAsString());
}

void BatchTransaction::PutVersion(const VersionRecord& record) {
  PutNumbered(Family::kVersions, "versions", record.number(), counters_.last_version,
              record.SerializeAsString());
}

void BatchTransaction::SetCurrentVersion(int64_t number) {
  Put(Family::kMeta, CurrentVersionKey(), EncodeNumber(number));
}

void BatchTransaction::PutSetting(std::string_view name, std::string_view value) {
  Put(Family::kMeta, SettingKey(name), value);
}

void BatchTransaction::Put(Family family, const std::string& key, std::string_view value) {
  rocksdb::Status status = batch_.Put(database_->handle(family), key, ToSlice(value));
  if (!status.ok()) Fail(absl::InternalError(status.ToString()));
}

void BatchTransaction::Delete(Family family, const std::string& key) {
  rocksdb::Status status = batch_.Delete(database_->handle(family), key);
  if (!status.ok()) Fail(absl::InternalError(status.ToString()));
}

void BatchTransaction::Fail(absl::Status status) { status_.Update(std::move(status)); }

absl::StatusOr<std::optional<ExperienceRecord>> BatchTransaction::Load(int64_t sequence) {
  if (auto found = experiences_.find(sequence); found != experiences_.end()) return found->second;
  std::optional<ExperienceRecord> record;
  if (sequence <= committed_.last_sequence) {
    absl::StatusOr<ExperienceRecord> read = ReadExperience(*database_, sequence);
    if (read.ok()) {
      record = *std::move(read);
    } else if (!absl::IsNotFound(read.status())) {
      return read.status();
    }
  }
  experiences_[sequence] = record;
  return record;
}

void BatchTransaction::PutNumbered(Family family, const char* kind, int64_t number, int64_t& last,
                                   std::string_view value) {
  if (number <= 0) {
    return Fail(absl::InternalError(absl::StrCat(kind, "/", number, " cannot be stored")));
  }
  // A number that its caller chose is not given out again either.
  last = std::max(last, number);
  Put(family, NumberKey(number), value);
}

}  // namespace imprint::store
