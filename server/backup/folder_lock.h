// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Who may do what with a folder of backups at the same time, between processes.
//
// One server writes into a folder, as long as it lives (LOCK). Whoever reads may do so meanwhile,
// but files must not be deleted below them: readers share READERS, and who deletes has it alone.

#ifndef IMPRINT_SERVER_BACKUP_FOLDER_LOCK_H_
#define IMPRINT_SERVER_BACKUP_FOLDER_LOCK_H_

#include <filesystem>
#include <memory>

#include "absl/status/statusor.h"

namespace imprint::backup {

// A lock on a file, held while this lives; the kernel takes it back from a process that ends.
class FolderLock {
 public:
  // FAILED_PRECONDITION: another server writes there.
  static absl::StatusOr<std::unique_ptr<FolderLock>> ToWrite(const std::filesystem::path& folder);

  // Waits while files are deleted. Null: there is no file READERS, so that no server writes there.
  static absl::StatusOr<std::unique_ptr<FolderLock>> ToRead(const std::filesystem::path& folder);

  // ABORTED: somebody reads.
  static absl::StatusOr<std::unique_ptr<FolderLock>> ToDelete(const std::filesystem::path& folder);

  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  explicit FolderLock(int fd) : fd_(fd) {}

  // Opens the file and locks it; `flags` of open(2), `operation` of flock(2). UNAVAILABLE: it is
  // held, and the caller would not wait.
  static absl::StatusOr<std::unique_ptr<FolderLock>> Take(const std::filesystem::path& path,
                                                          int flags, int operation);

  const int fd_;
};

}  // namespace imprint::backup

#endif  // IMPRINT_SERVER_BACKUP_FOLDER_LOCK_H_
