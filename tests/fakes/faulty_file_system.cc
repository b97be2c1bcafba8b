// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/fakes/faulty_file_system.h"

#include <filesystem>
#include <utility>

namespace imprint::fakes {
namespace {

bool IsLog(const std::string& name) { return std::filesystem::path(name).extension() == ".log"; }
bool IsTable(const std::string& name) { return std::filesystem::path(name).extension() == ".sst"; }

}  // namespace

class FaultyFileSystem::File final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  File(FaultyFileSystem* fs, std::string name, std::unique_ptr<rocksdb::FSWritableFile> target)
      : FSWritableFileOwnerWrapper(std::move(target)), fs_(fs), name_(std::move(name)) {}

  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext* debug) override {
    rocksdb::IOStatus status = fs_->Check(Fault::kWrites);
    if (status.ok() && IsLog(name_)) status = fs_->Check(Fault::kHalfLogWrites);
    const bool half = !status.ok() && IsLog(name_) && fs_->Check(Fault::kWrites).ok();
    if (!status.ok() && !half) return status;
    const rocksdb::Slice written(data.data(), half ? data.size() / 2 : data.size());
    rocksdb::IOStatus appended = FSWritableFileOwnerWrapper::Append(written, options, debug);
    if (!appended.ok()) return appended;
    size_ += written.size();
    if (IsLog(name_)) {
      absl::MutexLock lock(&fs_->mutex_);
      fs_->log_bytes_ += static_cast<int64_t>(written.size());
    }
    return status;
  }
  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           const rocksdb::DataVerificationInfo&,
                           rocksdb::IODebugContext* debug) override {
    return Append(data, options, debug);
  }
  rocksdb::IOStatus Allocate(uint64_t offset, uint64_t length, const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* debug) override {
    rocksdb::IOStatus status = fs_->Check(Fault::kWrites);
    return status.ok() ? FSWritableFileOwnerWrapper::Allocate(offset, length, options, debug)
                       : status;
  }
  rocksdb::IOStatus Sync(const rocksdb::IOOptions& options,
                         rocksdb::IODebugContext* debug) override {
    rocksdb::IOStatus status = fs_->Check(Fault::kWrites);
    if (status.ok() && IsLog(name_)) status = fs_->CheckLogSync();
    // The disk's own sync is left out: only DropUnsynced makes a difference here.
    if (status.ok()) status = Flush(options, debug);
    if (status.ok()) fs_->Synced(name_, size_);
    return status;
  }
  rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options,
                          rocksdb::IODebugContext* debug) override {
    return Sync(options, debug);
  }

 private:
  FaultyFileSystem* const fs_;
  const std::string name_;
  uint64_t size_ = 0;
};

class FaultyFileSystem::Directory final : public rocksdb::FSDirectoryWrapper {
 public:
  Directory(FaultyFileSystem* fs, std::string name, std::unique_ptr<rocksdb::FSDirectory> target)
      : FSDirectoryWrapper(std::move(target)), fs_(fs), name_(std::move(name)) {}

  rocksdb::IOStatus Fsync(const rocksdb::IOOptions&, rocksdb::IODebugContext*) override {
    rocksdb::IOStatus status = fs_->Check(Fault::kWrites);
    if (status.ok()) fs_->DirectorySynced(name_);
    return status;
  }
  rocksdb::IOStatus FsyncWithDirOptions(const rocksdb::IOOptions& options,
                                        rocksdb::IODebugContext* debug,
                                        const rocksdb::DirFsyncOptions&) override {
    return Fsync(options, debug);
  }

 private:
  FaultyFileSystem* const fs_;
  const std::string name_;
};

FaultyFileSystem::FaultyFileSystem() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}

void FaultyFileSystem::Fail(Fault fault, rocksdb::IOStatus status) {
  absl::MutexLock lock(&mutex_);
  fault_ = fault;
  status_ = std::move(status);
}

int64_t FaultyFileSystem::log_syncs() const {
  absl::MutexLock lock(&mutex_);
  return log_syncs_;
}

int64_t FaultyFileSystem::log_bytes() const {
  absl::MutexLock lock(&mutex_);
  return log_bytes_;
}

void FaultyFileSystem::DropUnsynced() {
  absl::MutexLock lock(&mutex_);
  for (const auto& [name, size] : synced_bytes_) {
    if (!std::filesystem::exists(name)) continue;
    if (unsynced_names_.contains(name)) {
      std::filesystem::remove(name);
    } else if (std::filesystem::file_size(name) > size) {
      std::filesystem::resize_file(name, size);
    }
  }
  synced_bytes_.clear();
  unsynced_names_.clear();
}

rocksdb::IOStatus FaultyFileSystem::NewWritableFile(const std::string& name,
                                                    const rocksdb::FileOptions& options,
                                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                                    rocksdb::IODebugContext* debug) {
  rocksdb::IOStatus status = Check(Fault::kWrites);
  if (status.ok() && IsTable(name)) status = Check(Fault::kTables);
  if (!status.ok()) return status;
  std::unique_ptr<rocksdb::FSWritableFile> made;
  status = FileSystemWrapper::NewWritableFile(name, options, &made, debug);
  if (!status.ok()) return status;
  *file = std::make_unique<File>(this, name, std::move(made));
  Created(name);
  return status;
}

rocksdb::IOStatus FaultyFileSystem::ReopenWritableFile(const std::string&,
                                                       const rocksdb::FileOptions&,
                                                       std::unique_ptr<rocksdb::FSWritableFile>*,
                                                       rocksdb::IODebugContext*) {
  return rocksdb::IOStatus::NotSupported("the store does not append to old files");
}

rocksdb::IOStatus FaultyFileSystem::NewDirectory(const std::string& name,
                                                 const rocksdb::IOOptions& options,
                                                 std::unique_ptr<rocksdb::FSDirectory>* directory,
                                                 rocksdb::IODebugContext* debug) {
  std::unique_ptr<rocksdb::FSDirectory> opened;
  rocksdb::IOStatus status = FileSystemWrapper::NewDirectory(name, options, &opened, debug);
  if (status.ok()) *directory = std::make_unique<Directory>(this, name, std::move(opened));
  return status;
}

rocksdb::IOStatus FaultyFileSystem::RenameFile(const std::string& from, const std::string& to,
                                               const rocksdb::IOOptions& options,
                                               rocksdb::IODebugContext* debug) {
  rocksdb::IOStatus status = Check(Fault::kWrites);
  if (status.ok()) status = FileSystemWrapper::RenameFile(from, to, options, debug);
  if (!status.ok()) return status;
  // A rename is atomic, but it is as new as its folder's last sync. What `to` was before is
  // not kept: renames happen onto CURRENT alone, right before a sync of the folder.
  absl::MutexLock lock(&mutex_);
  if (auto found = synced_bytes_.find(from); found != synced_bytes_.end()) {
    synced_bytes_[to] = found->second;
    synced_bytes_.erase(found);
  }
  unsynced_names_.erase(from);
  return status;
}

rocksdb::IOStatus FaultyFileSystem::DeleteFile(const std::string& name,
                                               const rocksdb::IOOptions& options,
                                               rocksdb::IODebugContext* debug) {
  rocksdb::IOStatus status = Check(Fault::kWrites);
  if (status.ok()) status = FileSystemWrapper::DeleteFile(name, options, debug);
  if (status.ok()) {
    absl::MutexLock lock(&mutex_);
    synced_bytes_.erase(name);
    unsynced_names_.erase(name);
  }
  return status;
}

rocksdb::IOStatus FaultyFileSystem::Check(Fault fault) const {
  absl::MutexLock lock(&mutex_);
  return fault_ == fault ? status_ : rocksdb::IOStatus::OK();
}

rocksdb::IOStatus FaultyFileSystem::CheckLogSync() {
  absl::MutexLock lock(&mutex_);
  if (fault_ == Fault::kLogSyncs) return status_;
  if (fault_ != Fault::kLogSyncThenWrites) return rocksdb::IOStatus::OK();
  fault_ = Fault::kWrites;
  return status_;
}

void FaultyFileSystem::Created(const std::string& name) {
  absl::MutexLock lock(&mutex_);
  synced_bytes_[name] = 0;
  unsynced_names_.insert(name);
}

void FaultyFileSystem::Synced(const std::string& name, uint64_t size) {
  absl::MutexLock lock(&mutex_);
  synced_bytes_[name] = size;
  if (IsLog(name)) ++log_syncs_;
}

void FaultyFileSystem::DirectorySynced(const std::string& name) {
  absl::MutexLock lock(&mutex_);
  std::erase_if(unsynced_names_, [&](const std::string& file) {
    return std::filesystem::path(file).parent_path() == std::filesystem::path(name);
  });
}

}  // namespace imprint::fakes
