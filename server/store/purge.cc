// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// How what was forgotten leaves the files of the store.

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/time/time.h"
#include "common/failpoint.h"
#include "common/status_macros.h"
#include "server/store/database.h"
#include "server/store/keys.h"
#include "server/store/store.h"

namespace imprint::store {
namespace {

// Ranges compacted one by one; more are taken together, gaps and all.
constexpr size_t kMaxRuns = 64;

// Numbers first <= n <= last.
using Run = std::pair<int64_t, int64_t>;

// `numbers` in order.
std::vector<Run> Runs(const std::vector<int64_t>& numbers) {
  std::vector<Run> runs;
  for (const int64_t number : numbers) {
    if (!runs.empty() && runs.back().second + 1 >= number) {
      runs.back().second = number;
    } else {
      runs.emplace_back(number, number);
    }
  }
  if (runs.size() > kMaxRuns) return {{runs.front().first, runs.back().second}};
  return runs;
}

absl::Status CompactRuns(Database& database, Family family, const std::vector<int64_t>& numbers,
                         std::atomic<bool>* cancelled) {
  for (const auto& [first, last] : Runs(numbers)) {
    // Keys that go on after the number begin with it.
    IMPRINT_RETURN_IF_ERROR(
        database.Compact(family, NumberKey(first), NumberKey(last + 1), cancelled));
  }
  return absl::OkStatus();
}

// RocksDB takes one flag, and there are two reasons to end. Owns no thread: the second
// reason is looked at between two ranges.
absl::Status CompactAll(Database& database, const PurgeList& due, std::atomic<bool>* cancelled,
                        const std::atomic<bool>& in_the_way) {
  constexpr Family kOfExperiences[] = {Family::kExperiences, Family::kContents, Family::kTargets,
                                       Family::kExperienceProbes};
  for (const Family family : kOfExperiences) {
    if (in_the_way) return absl::CancelledError("the store is to be opened again");
    IMPRINT_RETURN_IF_ERROR(CompactRuns(database, family, due.sequences, cancelled));
  }
  if (in_the_way) return absl::CancelledError("the store is to be opened again");
  return CompactRuns(database, Family::kProbes, due.probes, cancelled);
}

}  // namespace

int64_t ExpireTimeMicros(const ExperienceRecord& record) {
  if (record.ttl_micros() <= 0 || record.state() == STORED_STATE_FORGOTTEN) return 0;
  constexpr int64_t kForever = std::numeric_limits<int64_t>::max() - 1;
  const int64_t create_time = record.create_time_micros();
  if (create_time > 0 && record.ttl_micros() > kForever - create_time) return kForever;
  // No key has a negative number; a damaged row may.
  return std::max<int64_t>(1, create_time + record.ttl_micros());
}

absl::Status Store::Purge(std::atomic<bool>* cancelled) {
  IMPRINT_ASSIGN_OR_RETURN(const PurgeList due, ListPurges());
  if (due.sequences.empty() && due.probes.empty()) return absl::OkStatus();
  {
    absl::MutexLock lock(&purge_mutex_);
    if (purge_holds_ > 0) return absl::OkStatus();
    purging_ = true;
  }
  const absl::Status purged = PurgeFiles(due, cancelled);
  absl::MutexLock lock(&purge_mutex_);
  purging_ = false;
  return purged;
}

absl::StatusOr<std::unique_ptr<PurgeHold>> Store::HoldPurges(
    const std::function<bool()>& cancelled) {
  constexpr absl::Duration kLook = absl::Milliseconds(50);
  auto hold = absl::WrapUnique(new PurgeHold(this));
  {
    absl::MutexLock lock(&purge_mutex_);
    ++purge_holds_;  // first, so that no other purge begins
  }
  const auto no_purge = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(purge_mutex_) { return !purging_; };
  while (!cancelled()) {
    const bool held = purge_mutex_.LockWhenWithTimeout(absl::Condition(&no_purge), kLook);
    purge_mutex_.Unlock();
    if (held) return hold;
  }
  return absl::CancelledError("stopped while what was forgotten left the files of the store");
}

PurgeHold::~PurgeHold() {
  absl::MutexLock lock(&store_->purge_mutex_);
  --store_->purge_holds_;
}

absl::Status Store::PurgeFiles(const PurgeList& due, std::atomic<bool>* cancelled) {
  IMPRINT_FAILPOINT_OR_RETURN("purge.before");
  {
    absl::ReaderMutexLock lock(&database_mutex_);
    if (database_ == nullptr) return absl::UnavailableError("the store is not open");
    IMPRINT_RETURN_IF_ERROR(database_->Flush());
    IMPRINT_FAILPOINT_OR_RETURN("purge.flushed");
    IMPRINT_RETURN_IF_ERROR(CompactAll(*database_, due, cancelled, purge_in_the_way_));
    IMPRINT_FAILPOINT_OR_RETURN("purge.compacted");
    IMPRINT_RETURN_IF_ERROR(database_->DeleteObsoleteFiles());
    IMPRINT_FAILPOINT_OR_RETURN("purge.files_deleted");
  }
  IMPRINT_RETURN_IF_ERROR(Transact([&due](Transaction& transaction) {
    transaction.FinishPurge(due);
    return absl::OkStatus();
  }));
  IMPRINT_FAILPOINT("purge.after");
  return absl::OkStatus();
}

}  // namespace imprint::store
