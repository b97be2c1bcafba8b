// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Makes a store that opens out of one that is damaged.
//
// Nothing is mended in place. What can be read is written into a new store, by the same code that
// writes every store; so what comes of it is whole, and the damaged folder stays for whoever knows
// more. Indexes, counters and expiries are made again; what was lost is named, row by row.

#ifndef IMPRINT_SERVER_STORE_REPAIR_H_
#define IMPRINT_SERVER_STORE_REPAIR_H_

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace imprint::store {

struct RepairOptions {
  // <data_dir>/db
  std::filesystem::path path;
  // false: only the report, and nothing changes.
  bool write = false;
  // Whether a version's files are there; asked when the current version is to be found anew.
  std::function<bool(int64_t number)> has_files;
};

struct RepairReport {
  int64_t experiences = 0;
  int64_t targets = 0;
  int64_t probes = 0;
  int64_t jobs = 0;
  int64_t versions = 0;
  int64_t current_version = 0;
  // Numbers that a row of a version or a job names: the next server removes files of any other.
  std::vector<int64_t> known_versions;

  // For people, a line each: what is damaged and what of it is lost. Empty: nothing was found.
  std::vector<std::string> losses;
  // Of those, experiences whose words are gone; they are tombstones now.
  std::vector<int64_t> lost_experiences;
  // The row that says whose store it is was lost: the next server takes its --model on trust.
  bool owner_unknown = false;
  // Where the damaged store is now; empty where nothing was written.
  std::filesystem::path damaged_path;
};

// NOT_FOUND: there is no store; FAILED_PRECONDITION: a server has it open, or its format is newer;
// RESOURCE_EXHAUSTED: no room for a second store beside it; DATA_LOSS: nothing can be read at all.
absl::StatusOr<RepairReport> RepairStore(const RepairOptions& options);

// Removes what a repair that was cut short left beside the store at `path`: it may hold what was
// forgotten. For who has the store open, so that no repair is under way.
absl::Status RemoveUnfinishedRepair(const std::filesystem::path& path);

}  // namespace imprint::store

#endif  // IMPRINT_SERVER_STORE_REPAIR_H_
