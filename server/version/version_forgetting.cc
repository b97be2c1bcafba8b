// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// What the version manager does about experiences that were forgotten.

#include <limits>
#include <vector>

#include "common/status_macros.h"
#include "server/version/version_manager.h"
#include "spdlog/spdlog.h"

namespace imprint::version {
namespace {

// The numbers of versions that contain one of `forgotten`.
absl::flat_hash_set<int64_t> Holders(const std::vector<store::VersionRecord>& rows,
                                     const absl::flat_hash_set<int64_t>& forgotten) {
  absl::flat_hash_set<int64_t> holders;
  // Parents come before their children, but for some in stores of an earlier server: so until
  // a pass finds no more.
  for (size_t before = rows.size() + 1; before != holders.size();) {
    before = holders.size();
    for (const store::VersionRecord& row : rows) {
      bool holds = holders.contains(row.parent());
      for (const int64_t sequence : row.added()) holds |= forgotten.contains(sequence);
      if (holds) holders.insert(row.number());
    }
  }
  return holders;
}

}  // namespace

absl::StatusOr<bool> VersionManager::HoldsForgotten(int64_t number) const {
  IMPRINT_ASSIGN_OR_RETURN(
      const std::vector<int64_t> forgotten,
      store_->ListByState(store::STORED_STATE_FORGOTTEN, 0, std::numeric_limits<int>::max()));
  if (forgotten.empty()) return false;
  IMPRINT_ASSIGN_OR_RETURN(const Sequences members, MembersOf(number));
  for (const int64_t sequence : forgotten) {
    if (members.contains(sequence)) return true;
  }
  return false;
}

absl::Status VersionManager::DropForgotten(const std::vector<int64_t>& forgotten) {
  absl::MutexLock switching(&switch_mutex_);
  IMPRINT_RETURN_IF_ERROR(SettleLocked());
  if (forgotten.empty()) return absl::OkStatus();
  IMPRINT_ASSIGN_OR_RETURN(const std::vector<store::VersionRecord> rows, store_->ListVersions());
  const Sequences holders = Holders(rows, Sequences(forgotten.begin(), forgotten.end()));
  const int64_t current = this->current()->number;
  for (const store::VersionRecord& row : rows) {
    if (!holders.contains(row.number()) || row.number() == current) continue;
    {
      // Streams that use it end by themselves; nobody else gets it.
      absl::MutexLock lock(&mutex_);
      live_.erase(row.number());
    }
    if (row.dropped()) {
      // Its row was marked first; the files may have withstood.
      IMPRINT_RETURN_IF_ERROR(files_.Remove(row.number()));
      continue;
    }
    IMPRINT_RETURN_IF_ERROR(Drop(row, /*holds_forgotten=*/true));
    spdlog::info("versions/{} is dropped: it contains what was forgotten", row.number());
  }
  return absl::OkStatus();
}

}  // namespace imprint::version
