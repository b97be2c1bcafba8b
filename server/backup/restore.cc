// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/backup/restore.h"

#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/data_folder.h"
#include "common/file_util.h"
#include "common/list_directory.h"
#include "common/status_macros.h"
#include "server/backup/blobs.h"
#include "server/backup/folder_lock.h"

namespace imprint::backup {
namespace {

namespace fs = std::filesystem;

// What a server would take for its own, and what an earlier restore may have left.
absl::Status CheckRoom(const fs::path& data_dir) {
  std::error_code error;
  const bool half = fs::exists(data_dir / kRestoring, error);
  if (fs::exists(data_dir / kStoreFolder, error) ||
      (!half && fs::exists(data_dir / kVersionsFolder, error))) {
    return absl::FailedPreconditionError(
        absl::StrCat(data_dir.string(),
                     " holds a store or versions already; move the folder away, "
                     "or give another --data_dir"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckNotHalfRestored(const fs::path& data_dir) {
  std::error_code error;
  if (!fs::exists(data_dir / kRestoring, error)) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      data_dir.string(), " is half restored; run imprint restore again, or remove the folder"));
}

absl::StatusOr<Backup> RestoreBackup(const fs::path& folder, int64_t id, const fs::path& data_dir) {
  IMPRINT_ASSIGN_OR_RETURN(const std::unique_ptr<FolderLock> lock, FolderLock::ToRead(folder));
  IMPRINT_ASSIGN_OR_RETURN(
      const std::unique_ptr<store::BackupEngine> engine,
      store::BackupEngine::Open(StorePart(folder), store::BackupEngine::Access::kReadOnly));
  IMPRINT_ASSIGN_OR_RETURN(Backup backup, ChooseBackup(ListBackups(*engine), id, folder));
  const Blobs blobs(BlobPart(folder));
  IMPRINT_ASSIGN_OR_RETURN(const std::string list, blobs.ReadText(backup.note.files_sha256));
  IMPRINT_ASSIGN_OR_RETURN(const std::vector<BackupFile> files, ParseFileList(list));

  IMPRINT_RETURN_IF_ERROR(MakePrivateDirectories(data_dir));
  IMPRINT_RETURN_IF_ERROR(CheckRoom(data_dir));
  const fs::path restoring = data_dir / kRestoring;
  // First, and never away until the end, so that what follows is known for what it is.
  IMPRINT_RETURN_IF_ERROR(MakePrivateDirectories(restoring));
  IMPRINT_RETURN_IF_ERROR(SyncDirectory(data_dir));
  IMPRINT_ASSIGN_OR_RETURN(const std::vector<fs::path> left, ListDirectory(restoring));
  for (const fs::path& file : left) IMPRINT_RETURN_IF_ERROR(RemoveTree(file));
  IMPRINT_RETURN_IF_ERROR(RemoveTree(data_dir / kVersionsFolder));
  for (const BackupFile& file : files) {
    IMPRINT_RETURN_IF_ERROR(blobs.CopyTo(file.sha256, data_dir / file.path));
  }
  IMPRINT_RETURN_IF_ERROR(engine->Restore(backup.id, restoring));
  std::error_code error;
  fs::rename(restoring, data_dir / kStoreFolder, error);
  if (error) {
    return absl::ErrnoToStatus(error.value(),
                               absl::StrCat("make ", (data_dir / kStoreFolder).string()));
  }
  IMPRINT_RETURN_IF_ERROR(SyncDirectory(data_dir));
  return backup;
}

}  // namespace imprint::backup
