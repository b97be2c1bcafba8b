// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// A folder of backups of one server's data folder:
//
//   store/   RocksDB's backups of the store, incremental; each with a BackupNote
//   blobs/   every other file, by its contents: <SHA-256>
//   LOCK     held by the server that writes here
//   READERS  shared by those who read; had alone by who deletes
//
// A backup is there when RocksDB's is: what it refers to was made durable before. Reading needs no
// server, and disturbs none, but that old backups are not deleted meanwhile (folder_lock.h).

#ifndef IMPRINT_SERVER_BACKUP_BACKUP_FOLDER_H_
#define IMPRINT_SERVER_BACKUP_BACKUP_FOLDER_H_

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/backup/backup_note.h"
#include "server/store/backup_engine.h"

namespace imprint::backup {

struct Backup {
  int64_t id = 0;
  absl::Time create_time;
  // All that a restore of it writes.
  int64_t size_bytes = 0;
  BackupNote note;
  // Why it cannot be restored; OK: nothing is known against it.
  absl::Status damage;
};

std::filesystem::path StorePart(const std::filesystem::path& folder);
std::filesystem::path BlobPart(const std::filesystem::path& folder);

// Oldest first, damaged ones too.
std::vector<Backup> ListBackups(const store::BackupEngine& engine);
// NOT_FOUND: there is no such folder.
absl::StatusOr<std::vector<Backup>> ListBackups(const std::filesystem::path& folder);

// The backup `id` of the list, or the newest that is not damaged for 0. NOT_FOUND names those that
// there are; DATA_LOSS: it is damaged.
absl::StatusOr<Backup> ChooseBackup(const std::vector<Backup>& backups, int64_t id,
                                    const std::filesystem::path& folder);

// Reads all of a backup. DATA_LOSS names what is broken.
absl::Status VerifyBackup(const std::filesystem::path& folder, int64_t id);

}  // namespace imprint::backup

#endif  // IMPRINT_SERVER_BACKUP_BACKUP_FOLDER_H_
