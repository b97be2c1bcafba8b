// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/store/backup_engine.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "common/file_util.h"
#include "common/list_directory.h"
#include "common/status_macros.h"
#include "rocksdb/env.h"
#include "rocksdb/utilities/backup_engine.h"
#include "server/store/database.h"

namespace imprint::store {
namespace {

absl::Status ToBackupStatus(const rocksdb::Status& status, const std::filesystem::path& folder) {
  if (status.ok()) return absl::OkStatus();
  const std::string text =
      absl::StrCat("the backups in ", folder.string(), ": ", status.ToString());
  if (status.IsIncomplete()) return absl::CancelledError("the backup was stopped");
  if (status.IsNoSpace()) return absl::ResourceExhaustedError(text);
  if (status.IsNotFound()) return absl::NotFoundError(text);
  if (status.IsCorruption() || status.IsPathNotFound()) return absl::DataLossError(text);
  if (status.IsAborted()) return absl::DataLossError(text);  // another checksum than at first
  return absl::UnavailableError(text);
}

rocksdb::BackupEngineOptions MakeOptions(const std::filesystem::path& folder) {
  rocksdb::BackupEngineOptions options(folder.string());
  options.sync = true;
  options.share_table_files = true;
  options.share_files_with_checksum = true;
  return options;
}

absl::Status SyncAll(const std::filesystem::path& folder) {
  IMPRINT_ASSIGN_OR_RETURN(const auto files, ListDirectory(folder));
  std::error_code error;
  for (const std::filesystem::path& file : files) {
    if (std::filesystem::is_regular_file(file, error)) IMPRINT_RETURN_IF_ERROR(SyncFile(file));
  }
  return SyncDirectory(folder);
}

}  // namespace

absl::StatusOr<std::unique_ptr<BackupEngine>> BackupEngine::Open(
    const std::filesystem::path& folder, Access access) {
  auto engine = absl::WrapUnique(new BackupEngine(folder));
  if (access == Access::kReadWrite) {
    IMPRINT_RETURN_IF_ERROR(MakePrivateDirectories(folder));
    rocksdb::BackupEngine* writer = nullptr;
    IMPRINT_RETURN_IF_ERROR(ToBackupStatus(
        rocksdb::BackupEngine::Open(MakeOptions(folder), rocksdb::Env::Default(), &writer),
        folder));
    engine->writer_.reset(writer);
    return engine;
  }
  std::error_code error;
  if (!std::filesystem::is_directory(folder, error)) {
    return absl::NotFoundError(absl::StrCat("there are no backups: no folder ", folder.string()));
  }
  rocksdb::BackupEngineReadOnly* reader = nullptr;
  IMPRINT_RETURN_IF_ERROR(ToBackupStatus(
      rocksdb::BackupEngineReadOnly::Open(MakeOptions(folder), rocksdb::Env::Default(), &reader),
      folder));
  engine->reader_.reset(reader);
  return engine;
}

BackupEngine::BackupEngine(std::filesystem::path folder) : folder_(std::move(folder)) {}
BackupEngine::~BackupEngine() = default;

rocksdb::BackupEngineReadOnlyBase* BackupEngine::reader() const {
  if (writer_ != nullptr) return writer_.get();
  return reader_.get();
}

absl::StatusOr<int64_t> BackupEngine::Create(const std::filesystem::path& checkpoint,
                                             std::string_view note,
                                             const std::function<bool()>& cancelled) {
  IMPRINT_ASSIGN_OR_RETURN(
      const std::unique_ptr<Database> database,
      Database::Open(checkpoint, /*env=*/nullptr, Database::Access::kReadWrite));
  rocksdb::CreateBackupOptions options;
  options.progress_callback = [this, &cancelled] {
    if (cancelled()) writer_->StopBackup();
  };
  rocksdb::BackupID id = 0;
  IMPRINT_RETURN_IF_ERROR(ToBackupStatus(
      writer_->CreateNewBackupWithMetadata(options, database->rocksdb(), std::string(note), &id),
      folder_));
  return id;
}

std::vector<StoreBackup> BackupEngine::List() const {
  std::vector<rocksdb::BackupInfo> infos;
  reader()->GetBackupInfo(&infos);
  std::vector<StoreBackup> backups;
  for (const rocksdb::BackupInfo& info : infos) {
    backups.push_back({.id = info.backup_id,
                       .create_time = absl::FromUnixSeconds(info.timestamp),
                       .size_bytes = static_cast<int64_t>(info.size),
                       .note = info.app_metadata});
  }
  std::sort(backups.begin(), backups.end(),
            [](const StoreBackup& a, const StoreBackup& b) { return a.id < b.id; });
  return backups;
}

std::vector<int64_t> BackupEngine::Damaged() const {
  std::vector<rocksdb::BackupID> ids;
  reader()->GetCorruptedBackups(&ids);
  std::sort(ids.begin(), ids.end());
  return {ids.begin(), ids.end()};
}

absl::Status BackupEngine::Delete(int64_t id) {
  return ToBackupStatus(writer_->DeleteBackup(static_cast<rocksdb::BackupID>(id)), folder_);
}

absl::Status BackupEngine::Verify(int64_t id) const {
  return ToBackupStatus(reader()->VerifyBackup(static_cast<rocksdb::BackupID>(id),
                                               /*verify_with_checksum=*/true),
                        folder_);
}

absl::Status BackupEngine::Restore(int64_t id, const std::filesystem::path& path) const {
  IMPRINT_RETURN_IF_ERROR(MakePrivateDirectories(path));
  IMPRINT_RETURN_IF_ERROR(ToBackupStatus(
      reader()->RestoreDBFromBackup(rocksdb::RestoreOptions(), static_cast<rocksdb::BackupID>(id),
                                    path.string(), path.string()),
      folder_));
  return SyncAll(path);
}

}  // namespace imprint::store
