// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// A file system for RocksDB that counts syncs, fails when told to, and can forget whatever
// was not synced, as a machine does that loses its power.

#ifndef IMPRINT_TESTS_FAKES_FAULTY_FILE_SYSTEM_H_
#define IMPRINT_TESTS_FAKES_FAULTY_FILE_SYSTEM_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "rocksdb/env.h"
#include "rocksdb/file_system.h"

namespace imprint::fakes {

// What fails, from a moment on until it is told otherwise.
enum class Fault {
  kNone,
  // Nothing can be written, synced, made, renamed or removed.
  kWrites,
  // Bytes of the write-ahead log are written, but their sync fails.
  kLogSyncs,
  // As kLogSyncs, and from the first of these on as kWrites: the outcome of a transaction
  // stays unknown.
  kLogSyncThenWrites,
  // The first half of an append to the write-ahead log is written, then it fails.
  kHalfLogWrites,
  // No table file can be made: the log can be written, but it can not be flushed.
  kTables,
};

// Thread-safe.
class FaultyFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  FaultyFileSystem();

  const char* Name() const override { return "FaultyFileSystem"; }

  // An Env over this file system; lives as long as the `fs` that it was made from.
  static std::unique_ptr<rocksdb::Env> MakeEnv(const std::shared_ptr<FaultyFileSystem>& fs) {
    return rocksdb::NewCompositeEnv(fs);
  }

  void Fail(Fault fault, rocksdb::IOStatus status = rocksdb::IOStatus::IOError("injected"));
  void Heal() { Fail(Fault::kNone); }

  // Syncs of write-ahead logs, and bytes written to them, so far.
  int64_t log_syncs() const;
  int64_t log_bytes() const;

  // Forgets what was written and not synced, and files whose folder was not synced since
  // they were made. Nothing may be open.
  void DropUnsynced();

  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus ReopenWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                       std::unique_ptr<rocksdb::FSWritableFile>* file,
                                       rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus NewDirectory(const std::string& name, const rocksdb::IOOptions& options,
                                 std::unique_ptr<rocksdb::FSDirectory>* directory,
                                 rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                               const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus DeleteFile(const std::string& name, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;

 private:
  class File;
  class Directory;

  // The injected error where `fault` is on; OK elsewhere.
  rocksdb::IOStatus Check(Fault fault) const;
  rocksdb::IOStatus CheckLogSync();
  void Created(const std::string& name);
  void Synced(const std::string& name, uint64_t size);
  void DirectorySynced(const std::string& name);

  mutable absl::Mutex mutex_;
  Fault fault_ ABSL_GUARDED_BY(mutex_) = Fault::kNone;
  rocksdb::IOStatus status_ ABSL_GUARDED_BY(mutex_);
  int64_t log_syncs_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t log_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  // Bytes that are safe, by file; for files written through this file system.
  std::map<std::string, uint64_t> synced_bytes_ ABSL_GUARDED_BY(mutex_);
  // Files whose folder was not synced since they got their name.
  std::set<std::string> unsynced_names_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace imprint::fakes

#endif  // IMPRINT_TESTS_FAKES_FAULTY_FILE_SYSTEM_H_
