// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/backup/backup_folder.h"

#include <algorithm>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status_macros.h"
#include "server/backup/blobs.h"
#include "server/backup/folder_lock.h"

namespace imprint::backup {

std::filesystem::path StorePart(const std::filesystem::path& folder) { return folder / "store"; }
std::filesystem::path BlobPart(const std::filesystem::path& folder) { return folder / "blobs"; }

std::vector<Backup> ListBackups(const store::BackupEngine& engine) {
  std::vector<Backup> backups;
  for (const store::StoreBackup& stored : engine.List()) {
    Backup& backup = backups.emplace_back();
    backup.id = stored.id;
    backup.create_time = stored.create_time;
    backup.size_bytes = stored.size_bytes;
    absl::StatusOr<BackupNote> note = ParseNote(stored.note);
    backup.damage = note.status();
    if (note.ok()) {
      backup.size_bytes += note->files_bytes;
      backup.note = *std::move(note);
    }
  }
  for (const int64_t id : engine.Damaged()) {
    Backup& backup = backups.emplace_back();
    backup.id = id;
    backup.damage = absl::DataLossError("files of its store are missing");
  }
  std::sort(backups.begin(), backups.end(),
            [](const Backup& a, const Backup& b) { return a.id < b.id; });
  return backups;
}

absl::StatusOr<std::vector<Backup>> ListBackups(const std::filesystem::path& folder) {
  IMPRINT_ASSIGN_OR_RETURN(const std::unique_ptr<FolderLock> lock, FolderLock::ToRead(folder));
  IMPRINT_ASSIGN_OR_RETURN(
      const std::unique_ptr<store::BackupEngine> engine,
      store::BackupEngine::Open(StorePart(folder), store::BackupEngine::Access::kReadOnly));
  return ListBackups(*engine);
}

absl::StatusOr<Backup> ChooseBackup(const std::vector<Backup>& backups, int64_t id,
                                    const std::filesystem::path& folder) {
  std::vector<std::string> ids;
  for (auto backup = backups.rbegin(); backup != backups.rend(); ++backup) {
    if (id == 0 ? backup->damage.ok() : backup->id == id) {
      if (backup->damage.ok()) return *backup;
      return absl::Status(
          backup->damage.code(),
          absl::StrCat("backups/", id, " in ", folder.string(), ": ", backup->damage.message()));
    }
    ids.push_back(absl::StrCat(backup->id, backup->damage.ok() ? "" : " (damaged)"));
  }
  std::reverse(ids.begin(), ids.end());
  return absl::NotFoundError(absl::StrCat(
      id == 0 ? "there is no backup" : absl::StrCat("there is no backups/", id), " in ",
      folder.string(), ids.empty() ? "" : "; there are ", absl::StrJoin(ids, ", ")));
}

absl::Status VerifyBackup(const std::filesystem::path& folder, int64_t id) {
  IMPRINT_ASSIGN_OR_RETURN(const std::unique_ptr<FolderLock> lock, FolderLock::ToRead(folder));
  IMPRINT_ASSIGN_OR_RETURN(
      const std::unique_ptr<store::BackupEngine> engine,
      store::BackupEngine::Open(StorePart(folder), store::BackupEngine::Access::kReadOnly));
  IMPRINT_ASSIGN_OR_RETURN(const Backup backup, ChooseBackup(ListBackups(*engine), id, folder));
  IMPRINT_RETURN_IF_ERROR(engine->Verify(backup.id));
  const Blobs blobs(BlobPart(folder));
  IMPRINT_ASSIGN_OR_RETURN(const std::string list, blobs.ReadText(backup.note.files_sha256));
  IMPRINT_ASSIGN_OR_RETURN(const std::vector<BackupFile> files, ParseFileList(list));
  for (const BackupFile& file : files) {
    const absl::Status verified = blobs.Verify(file.sha256);
    if (!verified.ok()) {
      return absl::Status(verified.code(), absl::StrCat(file.path, ": ", verified.message()));
    }
  }
  return absl::OkStatus();
}

}  // namespace imprint::backup
