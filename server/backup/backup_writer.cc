// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/backup/backup_writer.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/container/flat_hash_set.h"
#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/data_folder.h"
#include "common/failpoint.h"
#include "common/file_util.h"
#include "common/list_directory.h"
#include "common/status_macros.h"
#include "server/backup/blobs.h"
#include "spdlog/spdlog.h"

namespace imprint::backup {
namespace {

namespace fs = std::filesystem;

constexpr char kStaging[] = "backup.tmp";

absl::Status OfErrno(const std::error_code& error, const char* what, const fs::path& path) {
  return absl::ErrnoToStatus(error.value(), absl::StrCat(what, " ", path.string()));
}

// Links every file below `from` into the same place below `to`; what is not there is nothing.
absl::Status LinkTree(const fs::path& from, const fs::path& to) {
  std::error_code error;
  if (!fs::exists(from, error)) return absl::OkStatus();
  if (fs::is_regular_file(from, error)) {
    fs::create_hard_link(from, to, error);
    return error ? OfErrno(error, "link", from) : absl::OkStatus();
  }
  IMPRINT_RETURN_IF_ERROR(MakePrivateDirectories(to));
  IMPRINT_ASSIGN_OR_RETURN(const std::vector<fs::path> children, ListDirectory(from));
  for (const fs::path& child : children) {
    IMPRINT_RETURN_IF_ERROR(LinkTree(child, to / child.filename()));
  }
  return absl::OkStatus();
}

// A folder of backups within what is backed up would hold itself, and go with it.
absl::Status CheckApart(const fs::path& folder, const fs::path& data_dir) {
  std::error_code error;
  const fs::path inner = fs::weakly_canonical(folder, error);
  const fs::path outer = fs::weakly_canonical(data_dir, error);
  const auto [end, at] = std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end());
  if (error || end != outer.end()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(folder.string(), " is in the data folder, ", data_dir.string(),
                   "; give a folder beside it, best on another disk"));
}

bool IsOf(const Backup& backup, const store::MetaRecord& meta) {
  return backup.note.store_create_time_micros == meta.create_time_micros();
}

}  // namespace

absl::StatusOr<std::unique_ptr<BackupWriter>> BackupWriter::Open(const BackupWriterOptions& options,
                                                                 store::Store* store,
                                                                 AtRest at_rest) {
  IMPRINT_RETURN_IF_ERROR(CheckApart(options.folder, options.data_dir));
  IMPRINT_RETURN_IF_ERROR(MakePrivateDirectories(options.folder));
  IMPRINT_ASSIGN_OR_RETURN(std::unique_ptr<FolderLock> lock, FolderLock::ToWrite(options.folder));
  IMPRINT_ASSIGN_OR_RETURN(store::MetaRecord meta, store->GetMeta());
  auto writer = absl::WrapUnique(
      new BackupWriter(options, store, std::move(meta), std::move(at_rest), std::move(lock)));
  // What cannot be read is told when the next one is made.
  if (const absl::StatusOr<std::vector<Backup>> backups = writer->List(); backups.ok()) {
    writer->NoteNewest(*backups);
  }
  return writer;
}

BackupWriter::BackupWriter(const BackupWriterOptions& options, store::Store* store,
                           store::MetaRecord meta, AtRest at_rest, std::unique_ptr<FolderLock> lock)
    : options_(options),
      store_(store),
      meta_(std::move(meta)),
      at_rest_(std::move(at_rest)),
      lock_(std::move(lock)) {}

BackupWriter::~BackupWriter() = default;

absl::Status BackupWriter::RemoveUnfinished(const fs::path& data_dir) {
  return RemoveTree(data_dir / kStaging);
}

absl::StatusOr<Backup> BackupWriter::Create(const std::function<bool()>& cancelled) {
  if (!mutex_.TryLock()) return absl::AbortedError("another backup is being made or deleted");
  const absl::Cleanup unlock = [this]() ABSL_UNLOCK_FUNCTION(mutex_) { mutex_.Unlock(); };
  return CreateLocked(cancelled);
}

absl::StatusOr<Backup> BackupWriter::CreateLocked(const std::function<bool()>& cancelled) {
  const Blobs blobs(BlobPart(options_.folder));
  IMPRINT_RETURN_IF_ERROR(blobs.Prepare());
  IMPRINT_ASSIGN_OR_RETURN(const std::unique_ptr<store::BackupEngine> engine,
                           store::BackupEngine::Open(StorePart(options_.folder),
                                                     store::BackupEngine::Access::kReadWrite));
  for (const Backup& older : ListBackups(*engine)) {
    if (older.damage.ok() && !IsOf(older, meta_)) {
      return absl::FailedPreconditionError(
          absl::StrCat(options_.folder.string(), " holds backups of another store (backups/",
                       older.id, " is one); give another --backup.dir"));
    }
  }

  const fs::path staging = options_.data_dir / kStaging;
  // What was forgotten would outlive its purge there.
  IMPRINT_ASSIGN_OR_RETURN(std::unique_ptr<store::PurgeHold> hold, store_->HoldPurges(cancelled));
  const absl::Cleanup remove = [&staging, &hold] {
    const absl::Status removed = RemoveTree(staging);
    if (!removed.ok()) spdlog::error("after the backup: {}", std::string(removed.message()));
    hold = nullptr;
  };
  IMPRINT_RETURN_IF_ERROR(RemoveTree(staging));
  IMPRINT_RETURN_IF_ERROR(MakePrivateDirectories(staging));
  IMPRINT_ASSIGN_OR_RETURN(BackupNote note, Stage(*hold, staging));
  IMPRINT_FAILPOINT_OR_RETURN("backup.staged");
  note.model_fingerprint = meta_.model_fingerprint();
  note.store_create_time_micros = meta_.create_time_micros();
  IMPRINT_ASSIGN_OR_RETURN(const std::vector<BackupFile> files, KeepFiles(staging, cancelled));
  for (const BackupFile& file : files) note.files_bytes += file.size_bytes;
  IMPRINT_ASSIGN_OR_RETURN(const Blob list, blobs.PutText(FormatFileList(files)));
  note.files_sha256 = list.sha256;
  IMPRINT_FAILPOINT_OR_RETURN("backup.files_kept");
  IMPRINT_ASSIGN_OR_RETURN(const int64_t id,
                           engine->Create(staging / kStoreFolder, FormatNote(note), cancelled));
  IMPRINT_FAILPOINT_OR_RETURN("backup.created");
  last_success_seconds_ = absl::ToUnixSeconds(absl::Now());
  // It is there; what is left to do is done again after the next one.
  if (const absl::Status tidied = Tidy(*engine); !tidied.ok()) {
    spdlog::warn("backups that are too old, or files of theirs, stay: {}",
                 std::string(tidied.message()));
  }
  IMPRINT_ASSIGN_OR_RETURN(Backup backup, ChooseBackup(ListBackups(*engine), id, options_.folder));
  spdlog::info("backups/{}: version {}, {} experiences, {} bytes", backup.id,
               backup.note.current_version, backup.note.last_sequence, backup.size_bytes);
  return backup;
}

absl::StatusOr<BackupNote> BackupWriter::Stage(const store::PurgeHold& hold,
                                               const fs::path& staging) const {
  BackupNote note;
  const auto link = [&]() -> absl::Status {
    // Experiences that come between this line and the next are in the backup, and not counted.
    note.last_sequence = store_->GetCounters().last_sequence;
    IMPRINT_ASSIGN_OR_RETURN(note.current_version, store_->GetCurrentVersion());
    IMPRINT_RETURN_IF_ERROR(store_->Checkpoint(hold, staging / kStoreFolder));
    return LinkTree(options_.data_dir / kVersionsFolder, staging / kVersionsFolder);
  };
  IMPRINT_RETURN_IF_ERROR(at_rest_(link));
  // Another process of the server may put a new one in its place meanwhile, never change it.
  IMPRINT_RETURN_IF_ERROR(
      LinkTree(options_.data_dir / kRetentionCacheFile, staging / kRetentionCacheFile));
  return note;
}

absl::StatusOr<std::vector<BackupFile>> BackupWriter::KeepFiles(
    const fs::path& staging, const std::function<bool()>& cancelled) const {
  const Blobs blobs(BlobPart(options_.folder));
  std::vector<BackupFile> files;
  std::error_code error;
  for (auto entry = fs::recursive_directory_iterator(staging, error);
       !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    if (entry->path() == staging / kStoreFolder) {
      entry.disable_recursion_pending();
      continue;
    }
    if (!entry->is_regular_file(error)) continue;
    if (cancelled()) return absl::CancelledError("the backup was stopped");
    IMPRINT_ASSIGN_OR_RETURN(const Blob blob, blobs.PutFile(entry->path()));
    files.push_back({.path = entry->path().lexically_relative(staging).generic_string(),
                     .sha256 = blob.sha256,
                     .size_bytes = blob.size_bytes});
  }
  if (error) return OfErrno(error, "list", staging);
  std::sort(files.begin(), files.end(),
            [](const BackupFile& a, const BackupFile& b) { return a.path < b.path; });
  return files;
}

absl::Status BackupWriter::Tidy(store::BackupEngine& engine) const {
  IMPRINT_ASSIGN_OR_RETURN(const std::unique_ptr<FolderLock> lock,
                           FolderLock::ToDelete(options_.folder));
  IMPRINT_RETURN_IF_ERROR(DeleteOld(engine));
  return RemoveUnusedBlobs(engine);
}

absl::Status BackupWriter::DeleteOld(store::BackupEngine& engine) const {
  if (options_.keep <= 0) return absl::OkStatus();
  // Those that can be restored are counted; damaged ones are left for people to look at.
  std::vector<int64_t> whole;
  for (const Backup& backup : ListBackups(engine)) {
    if (backup.damage.ok()) whole.push_back(backup.id);
  }
  const size_t keep = static_cast<size_t>(options_.keep);
  for (size_t i = 0; i + keep < whole.size(); ++i) {
    IMPRINT_RETURN_IF_ERROR(engine.Delete(whole[i]));
    spdlog::info("backups/{} is deleted: {} newer ones are kept", whole[i], options_.keep);
  }
  return absl::OkStatus();
}

absl::Status BackupWriter::RemoveUnusedBlobs(const store::BackupEngine& engine) const {
  const Blobs blobs(BlobPart(options_.folder));
  absl::flat_hash_set<std::string> used;
  for (const Backup& backup : ListBackups(engine)) {
    // Whatever a damaged one refers to is unknown: nothing is thrown away while there is one.
    IMPRINT_RETURN_IF_ERROR(backup.damage);
    IMPRINT_ASSIGN_OR_RETURN(const std::string list, blobs.ReadText(backup.note.files_sha256));
    IMPRINT_ASSIGN_OR_RETURN(const std::vector<BackupFile> files, ParseFileList(list));
    used.insert(backup.note.files_sha256);
    for (const BackupFile& file : files) used.insert(file.sha256);
  }
  return blobs.RemoveUnless([&used](const std::string& sha256) { return used.contains(sha256); });
}

void BackupWriter::NoteNewest(const std::vector<Backup>& backups) {
  int64_t newest = 0;
  for (const Backup& backup : backups) {
    if (!backup.damage.ok() || !IsOf(backup, meta_)) continue;
    newest = std::max(newest, absl::ToUnixSeconds(backup.create_time));
  }
  last_success_seconds_ = newest;
}

absl::StatusOr<std::vector<Backup>> BackupWriter::List() const {
  absl::StatusOr<std::vector<Backup>> backups = ListBackups(options_.folder);
  if (absl::IsNotFound(backups.status())) return std::vector<Backup>();  // none was made yet
  return backups;
}

absl::Status BackupWriter::Delete(int64_t id) {
  if (!mutex_.TryLock()) return absl::AbortedError("another backup is being made or deleted");
  const absl::Cleanup unlock = [this]() ABSL_UNLOCK_FUNCTION(mutex_) { mutex_.Unlock(); };
  IMPRINT_ASSIGN_OR_RETURN(const std::unique_ptr<store::BackupEngine> engine,
                           store::BackupEngine::Open(StorePart(options_.folder),
                                                     store::BackupEngine::Access::kReadWrite));
  const std::vector<Backup> backups = ListBackups(*engine);
  const bool known = std::any_of(backups.begin(), backups.end(),
                                 [id](const Backup& backup) { return backup.id == id; });
  if (!known) return ChooseBackup(backups, id, options_.folder).status();
  IMPRINT_ASSIGN_OR_RETURN(const std::unique_ptr<FolderLock> lock,
                           FolderLock::ToDelete(options_.folder));
  IMPRINT_RETURN_IF_ERROR(engine->Delete(id));
  NoteNewest(ListBackups(*engine));
  if (const absl::Status swept = RemoveUnusedBlobs(*engine); !swept.ok()) {
    spdlog::error("files that no backup needs may stay in {}: {}", options_.folder.string(),
                  std::string(swept.message()));
  }
  return absl::OkStatus();
}

}  // namespace imprint::backup
