// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Backups of the store's RocksDB: incremental, checked, each whole or not there. What else belongs
// to a backup of the server is for server/backup.

#ifndef IMPRINT_SERVER_STORE_BACKUP_ENGINE_H_
#define IMPRINT_SERVER_STORE_BACKUP_ENGINE_H_

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace rocksdb {
class BackupEngine;
class BackupEngineReadOnly;
class BackupEngineReadOnlyBase;
}  // namespace rocksdb

namespace imprint::store {

struct StoreBackup {
  int64_t id = 0;
  absl::Time create_time;
  // Of all its files, those that other backups have too among them.
  int64_t size_bytes = 0;
  // As given to Create.
  std::string note;
};

// Used by one thread at a time. Errors name the folder.
class BackupEngine {
 public:
  // kReadWrite: for one process at a time, which is for the caller to see to. kReadOnly: beside
  // one that writes.
  enum class Access { kReadWrite, kReadOnly };

  // NOT_FOUND: kReadOnly, and there is no such folder.
  static absl::StatusOr<std::unique_ptr<BackupEngine>> Open(const std::filesystem::path& folder,
                                                            Access access);
  ~BackupEngine();

  // Copies what no backup has yet of the database at `checkpoint`, durably; gives the id.
  // `checkpoint` is opened and changes by that. `note`: kept with it, at most 64 KiB. CANCELLED
  // soon after `cancelled` gives true; nothing more can be created then.
  absl::StatusOr<int64_t> Create(const std::filesystem::path& checkpoint, std::string_view note,
                                 const std::function<bool()>& cancelled);

  // Oldest first. What is damaged at first sight, because a file is missing, is not listed.
  std::vector<StoreBackup> List() const;
  // Numbers of those that are not listed.
  std::vector<int64_t> Damaged() const;

  absl::Status Delete(int64_t id);
  // Reads every file of it. DATA_LOSS names the one that is broken.
  absl::Status Verify(int64_t id) const;
  // Writes the database into `path`, a folder that is made; synced, and every file checked.
  absl::Status Restore(int64_t id, const std::filesystem::path& path) const;

 private:
  explicit BackupEngine(std::filesystem::path folder);

  rocksdb::BackupEngineReadOnlyBase* reader() const;

  const std::filesystem::path folder_;
  // One of the two.
  std::unique_ptr<rocksdb::BackupEngine> writer_;
  std::unique_ptr<rocksdb::BackupEngineReadOnly> reader_;
};

}  // namespace imprint::store

#endif  // IMPRINT_SERVER_STORE_BACKUP_ENGINE_H_
