// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Makes backups of a data folder while its server serves.
//
// A backup is of one moment: the store and the files of versions are linked into
// <data_dir>/backup.tmp while no version is written or deleted, which takes as long as flushing
// the store; what is then copied does not change any more. Queries, injects and training go on.

#ifndef IMPRINT_SERVER_BACKUP_BACKUP_WRITER_H_
#define IMPRINT_SERVER_BACKUP_BACKUP_WRITER_H_

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/backup/backup_folder.h"
#include "server/backup/folder_lock.h"
#include "server/store/store.h"

namespace imprint::backup {

struct BackupWriterOptions {
  std::filesystem::path folder;  // --backup.dir
  std::filesystem::path data_dir;
  // Backups kept, the new one among them; older ones are deleted. 0: all (--backup.keep).
  int keep = 7;
};

// Thread-safe.
class BackupWriter {
 public:
  // Runs what it is given while no version's files are written or deleted.
  using AtRest = std::function<absl::Status(absl::FunctionRef<absl::Status()>)>;

  // Makes the folder. FAILED_PRECONDITION: another server writes backups there.
  static absl::StatusOr<std::unique_ptr<BackupWriter>> Open(const BackupWriterOptions& options,
                                                            store::Store* store, AtRest at_rest);
  ~BackupWriter();

  // What a crash left in the data folder. Before the store is purged.
  static absl::Status RemoveUnfinished(const std::filesystem::path& data_dir);

  // ABORTED: another one is being made; FAILED_PRECONDITION: the folder's backups are of another
  // store; CANCELLED soon after `cancelled` gives true, at the latest when the file that is copied
  // is. After an error nothing of it counts, and what was copied is taken up by the next one.
  absl::StatusOr<Backup> Create(const std::function<bool()>& cancelled) ABSL_LOCKS_EXCLUDED(mutex_);

  absl::StatusOr<std::vector<Backup>> List() const;

  // When the newest of this store was made, in Unix seconds; 0: there is none, as far as is known.
  int64_t last_success_seconds() const { return last_success_seconds_.load(); }

  // Its files leave the disk, but for those that other backups have too. NOT_FOUND; ABORTED: one is
  // being made, or somebody reads.
  absl::Status Delete(int64_t id) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  BackupWriter(const BackupWriterOptions& options, store::Store* store, store::MetaRecord meta,
               AtRest at_rest, std::unique_ptr<FolderLock> lock);

  absl::StatusOr<Backup> CreateLocked(const std::function<bool()>& cancelled)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Links all of a backup into `staging`; gives what it says of itself, so far.
  absl::StatusOr<BackupNote> Stage(const store::PurgeHold& hold,
                                   const std::filesystem::path& staging) const;
  // Keeps the files in `staging`, but for the store's.
  absl::StatusOr<std::vector<BackupFile>> KeepFiles(const std::filesystem::path& staging,
                                                    const std::function<bool()>& cancelled) const;
  // Remembers when the newest of this store that can be restored was made.
  void NoteNewest(const std::vector<Backup>& backups);
  // Deletes what is older than `keep`. ABORTED: somebody reads; the next backup makes up for it.
  absl::Status Tidy(store::BackupEngine& engine) const;
  absl::Status DeleteOld(store::BackupEngine& engine) const;
  absl::Status RemoveUnusedBlobs(const store::BackupEngine& engine) const;

  const BackupWriterOptions options_;
  store::Store* const store_;
  const store::MetaRecord meta_;  // the store's: whose it is, since when
  const AtRest at_rest_;
  const std::unique_ptr<FolderLock> lock_;
  std::atomic<int64_t> last_success_seconds_ = 0;
  // Held while one is made or deleted.
  absl::Mutex mutex_;
};

}  // namespace imprint::backup

#endif  // IMPRINT_SERVER_BACKUP_BACKUP_WRITER_H_
