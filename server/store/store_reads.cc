// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// The reads of Store.

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "server/store/database.h"
#include "server/store/experience_rows.h"
#include "server/store/keys.h"
#include "server/store/rocksdb_status.h"
#include "server/store/row.h"
#include "server/store/store.h"

namespace imprint::store {
namespace {

constexpr char kBadExpiry[] = "a key of expiries is malformed";

absl::Status Closed(const std::filesystem::path& path) {
  return absl::UnavailableError(absl::StrCat(
      "the store in ", path.string(),
      " could not be opened again after a failed write; it is tried at the next write"));
}

// The key after that of `number`, of those that are `prefix` and a number.
std::string KeyAfter(const std::string& prefix, int64_t number) {
  if (number == std::numeric_limits<int64_t>::max()) return EndOfPrefix(prefix);
  return prefix + EncodeNumber(std::max<int64_t>(number, -1) + 1);
}

// The numbers that end the keys of an index.
absl::StatusOr<std::vector<int64_t>> ScanIndex(const Database& database, Family family,
                                               const std::string& prefix, int64_t after,
                                               int limit) {
  std::vector<int64_t> numbers;
  if (limit <= 0) return numbers;
  IMPRINT_RETURN_IF_ERROR(database.Scan(
      family, KeyAfter(prefix, after), EndOfPrefix(prefix),
      [&](std::string_view key, std::string_view) -> absl::StatusOr<bool> {
        std::optional<int64_t> number = NumberAfter(prefix, key);
        if (!number.has_value()) {
          return DamagedStore(database.path(),
                              absl::StrCat("a key of ", FamilyName(family), " is malformed"));
        }
        numbers.push_back(*number);
        return numbers.size() < static_cast<size_t>(limit);
      }));
  return numbers;
}

// Up to `limit` rows of a family whose keys are one number, in begin <= key < end.
enum class Order { kForward, kBack };

template <typename Record>
absl::StatusOr<std::vector<Record>> ReadRows(const Database& database, Family family,
                                             const std::string& begin, const std::string& end,
                                             Order order, int limit) {
  std::vector<Record> records;
  if (limit <= 0) return records;
  const auto append = [&](std::string_view key, std::string_view value) -> absl::StatusOr<bool> {
    const int64_t number = NumberAfter(NamespacePrefix(), key).value_or(-1);
    IMPRINT_ASSIGN_OR_RETURN(Record record, ParseRow<Record>(database, family, number, value));
    records.push_back(std::move(record));
    return records.size() < static_cast<size_t>(limit);
  };
  IMPRINT_RETURN_IF_ERROR(order == Order::kForward ? database.Scan(family, begin, end, append)
                                                   : database.ScanBack(family, begin, end, append));
  return records;
}

}  // namespace

// Every read holds the database open, and only shares it.
#define IMPRINT_STORE_READ_LOCK()                        \
  absl::ReaderMutexLock database_lock(&database_mutex_); \
  if (database_ == nullptr) return Closed(options_.path)

absl::Status Store::Checkpoint(const PurgeHold& /*hold*/, const std::filesystem::path& to) const {
  IMPRINT_STORE_READ_LOCK();
  return database_->Checkpoint(to);
}

absl::StatusOr<MetaRecord> Store::GetMeta() const {
  IMPRINT_STORE_READ_LOCK();
  IMPRINT_ASSIGN_OR_RETURN(const std::optional<std::string> row,
                           database_->Get(Family::kMeta, MetaKey()));
  MetaRecord meta;
  if (!row.has_value() || !meta.ParseFromString(*row)) {
    return DamagedStore(options_.path, "the row that says whose it is is not a record");
  }
  return meta;
}

absl::StatusOr<ExperienceRecord> Store::GetExperience(int64_t sequence) const {
  IMPRINT_STORE_READ_LOCK();
  return ReadExperience(*database_, sequence);
}

absl::StatusOr<std::vector<ExperienceRecord>> Store::GetExperiences(
    absl::Span<const int64_t> sequences) const {
  IMPRINT_STORE_READ_LOCK();
  return ReadExperiences(*database_, sequences);
}

absl::StatusOr<std::vector<ExperienceRecord>> Store::GetHeads(
    absl::Span<const int64_t> sequences) const {
  IMPRINT_STORE_READ_LOCK();
  return ReadHeads(*database_, sequences);
}

absl::StatusOr<std::vector<ExperienceRecord>> Store::ListHeads(int64_t after, int limit) const {
  IMPRINT_STORE_READ_LOCK();
  return ReadHeadsAfter(*database_, after, limit);
}

absl::StatusOr<std::optional<int64_t>> Store::FindRequest(std::string_view request_id) const {
  IMPRINT_STORE_READ_LOCK();
  IMPRINT_ASSIGN_OR_RETURN(const std::optional<std::string> value,
                           database_->Get(Family::kRequests, RequestKey(request_id)));
  if (!value.has_value()) return std::nullopt;
  std::optional<int64_t> sequence = DecodeNumber(*value);
  if (!sequence.has_value()) {
    return DamagedStore(options_.path, "the row of a request id is not a number");
  }
  return sequence;
}

absl::StatusOr<std::vector<int64_t>> Store::ListByState(StoredState state, int64_t after,
                                                        int limit) const {
  IMPRINT_STORE_READ_LOCK();
  return ScanIndex(*database_, Family::kStates, StatePrefix(state), after, limit);
}

absl::StatusOr<std::vector<TargetRecord>> Store::GetTargets(int64_t sequence) const {
  IMPRINT_STORE_READ_LOCK();
  const Database& database = *database_;
  std::vector<TargetRecord> targets;
  if (sequence <= 0) return targets;
  const std::string prefix = TargetPrefix(sequence);
  IMPRINT_RETURN_IF_ERROR(database.Scan(
      Family::kTargets, prefix, EndOfPrefix(prefix),
      [&](std::string_view key, std::string_view value) -> absl::StatusOr<bool> {
        if (NumberAfter(prefix, key) != static_cast<int64_t>(targets.size())) {
          return DamagedStore(
              options_.path,
              absl::StrCat("target ", targets.size(), " of experiences/", sequence, " is missing"));
        }
        IMPRINT_ASSIGN_OR_RETURN(
            TargetRecord target,
            ParseRow<TargetRecord>(database, Family::kTargets, sequence, value));
        targets.push_back(std::move(target));
        return true;
      }));
  return targets;
}

absl::StatusOr<ProbeRecord> Store::GetProbe(int64_t id) const {
  IMPRINT_STORE_READ_LOCK();
  return ReadNumberedRow<ProbeRecord>(*database_, Family::kProbes, id, "probes");
}

absl::StatusOr<std::vector<ProbeRecord>> Store::GetProbes(int64_t sequence) const {
  IMPRINT_STORE_READ_LOCK();
  std::vector<ProbeRecord> probes;
  if (sequence < 0) return probes;
  IMPRINT_ASSIGN_OR_RETURN(
      const std::vector<int64_t> ids,
      ScanIndex(*database_, Family::kExperienceProbes, ExperienceProbePrefix(sequence), -1,
                std::numeric_limits<int>::max()));
  std::vector<std::string> keys;
  keys.reserve(ids.size());
  for (int64_t id : ids) keys.push_back(NumberKey(id));
  IMPRINT_ASSIGN_OR_RETURN(const std::vector<std::optional<std::string>> rows,
                           database_->MultiGet(Family::kProbes, keys));
  for (size_t i = 0; i < ids.size(); ++i) {
    if (!rows[i].has_value()) continue;  // deleted since the index was read
    IMPRINT_ASSIGN_OR_RETURN(ProbeRecord probe,
                             ParseRow<ProbeRecord>(*database_, Family::kProbes, ids[i], *rows[i]));
    probes.push_back(std::move(probe));
  }
  return probes;
}

absl::StatusOr<std::vector<ProbeRecord>> Store::ListProbes(int64_t after, int limit) const {
  IMPRINT_STORE_READ_LOCK();
  return ReadRows<ProbeRecord>(*database_, Family::kProbes, KeyAfter(NamespacePrefix(), after),
                               EndOfPrefix(NamespacePrefix()), Order::kForward, limit);
}

absl::StatusOr<JobRecord> Store::GetJob(int64_t id) const {
  IMPRINT_STORE_READ_LOCK();
  return ReadNumberedRow<JobRecord>(*database_, Family::kJobs, id, "jobs");
}

absl::StatusOr<std::vector<JobRecord>> Store::ListJobs(int64_t before, int limit) const {
  IMPRINT_STORE_READ_LOCK();
  const std::string end = before > 0 ? NumberKey(before) : EndOfPrefix(NamespacePrefix());
  return ReadRows<JobRecord>(*database_, Family::kJobs, NamespacePrefix(), end, Order::kBack,
                             limit);
}

absl::StatusOr<VersionRecord> Store::GetVersion(int64_t number) const {
  IMPRINT_STORE_READ_LOCK();
  return ReadNumberedRow<VersionRecord>(*database_, Family::kVersions, number, "versions");
}

absl::StatusOr<std::vector<VersionRecord>> Store::ListVersions() const {
  IMPRINT_STORE_READ_LOCK();
  return ReadRows<VersionRecord>(*database_, Family::kVersions, NamespacePrefix(),
                                 EndOfPrefix(NamespacePrefix()), Order::kForward,
                                 std::numeric_limits<int>::max());
}

absl::StatusOr<int64_t> Store::GetCurrentVersion() const {
  IMPRINT_STORE_READ_LOCK();
  IMPRINT_ASSIGN_OR_RETURN(const std::optional<std::string> value,
                           database_->Get(Family::kMeta, CurrentVersionKey()));
  if (!value.has_value()) return 0;
  std::optional<int64_t> number = DecodeNumber(*value);
  if (!number.has_value()) {
    return DamagedStore(options_.path, "the row of the current version is not a number");
  }
  return *number;
}

absl::StatusOr<std::vector<int64_t>> Store::ListExpired(int64_t time_micros, int limit) const {
  IMPRINT_STORE_READ_LOCK();
  std::vector<int64_t> sequences;
  if (limit <= 0 || time_micros < 0) return sequences;
  IMPRINT_RETURN_IF_ERROR(
      database_->Scan(Family::kExpiries, NamespacePrefix(), NumberKey(time_micros + 1),
                      [&](std::string_view key, std::string_view) -> absl::StatusOr<bool> {
                        const std::optional<Expiry> expiry = ParseExpiryKey(key);
                        if (!expiry.has_value()) return DamagedStore(options_.path, kBadExpiry);
                        sequences.push_back(expiry->sequence);
                        return sequences.size() < static_cast<size_t>(limit);
                      }));
  return sequences;
}

absl::StatusOr<std::optional<int64_t>> Store::NextExpiryMicros() const {
  IMPRINT_STORE_READ_LOCK();
  std::optional<int64_t> next;
  IMPRINT_RETURN_IF_ERROR(
      database_->Scan(Family::kExpiries, NamespacePrefix(), EndOfPrefix(NamespacePrefix()),
                      [&](std::string_view key, std::string_view) -> absl::StatusOr<bool> {
                        const std::optional<Expiry> expiry = ParseExpiryKey(key);
                        if (!expiry.has_value()) return DamagedStore(options_.path, kBadExpiry);
                        next = expiry->time_micros;
                        return false;
                      }));
  return next;
}

absl::StatusOr<PurgeList> Store::ListPurges() const {
  IMPRINT_STORE_READ_LOCK();
  PurgeList due;
  constexpr int kAll = std::numeric_limits<int>::max();
  IMPRINT_ASSIGN_OR_RETURN(
      due.sequences, ScanIndex(*database_, Family::kPurges, PurgedExperiencePrefix(), -1, kAll));
  IMPRINT_ASSIGN_OR_RETURN(due.probes,
                           ScanIndex(*database_, Family::kPurges, PurgedProbePrefix(), -1, kAll));
  return due;
}

absl::StatusOr<std::string> Store::GetSetting(std::string_view name) const {
  IMPRINT_STORE_READ_LOCK();
  IMPRINT_ASSIGN_OR_RETURN(const std::optional<std::string> value,
                           database_->Get(Family::kMeta, SettingKey(name)));
  return value.value_or("");
}

std::optional<uint64_t> Store::GetIntProperty(std::string_view property) const {
  absl::ReaderMutexLock lock(&database_mutex_);
  if (database_ == nullptr) return std::nullopt;
  return database_->GetIntProperty(property);
}

}  // namespace imprint::store
