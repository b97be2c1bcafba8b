// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/store/database.h"

#include <unistd.h>

#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/failpoint.h"
#include "common/file_util.h"
#include "common/list_directory.h"
#include "common/status_macros.h"
#include "rocksdb/cache.h"
#include "rocksdb/db.h"
#include "rocksdb/filter_policy.h"
#include "rocksdb/table.h"
#include "rocksdb/utilities/checkpoint.h"
#include "rocksdb/write_batch.h"
#include "server/store/rocksdb_status.h"
#include "server/store/slice.h"

namespace imprint::store {
namespace {

constexpr size_t kBlockCacheBytes = 32 << 20;
// All families together; what a reopening must read again is bounded by the second.
constexpr size_t kMemtableBytes = 64 << 20;
constexpr size_t kWalBytes = 64 << 20;
// More than one block of any file system, so that a full disk shows.
constexpr size_t kProbeBytes = 1 << 20;
constexpr char kProbeFile[] = "write_probe.tmp";

rocksdb::DBOptions MakeDbOptions(rocksdb::Env* env) {
  rocksdb::DBOptions options;
  if (env != nullptr) options.env = env;
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  options.paranoid_checks = true;
  // A record cut off by a crash was never acknowledged; anything else is damage.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  options.db_write_buffer_size = kMemtableBytes;
  options.max_total_wal_size = kWalBytes;
  options.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  options.keep_log_file_num = 4;
  options.max_log_file_size = 4 << 20;
  options.statistics = rocksdb::CreateDBStatistics();
  return options;
}

rocksdb::ColumnFamilyOptions MakeFamilyOptions(Family family,
                                               const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  if (family == Family::kRequests) {
    // Most request ids are asked for once, to learn that they are new.
    table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  }
  rocksdb::ColumnFamilyOptions options;
  options.write_buffer_size = kMemtableBytes / 4;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

std::vector<rocksdb::ColumnFamilyDescriptor> KnownFamilies() {
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  const auto cache = rocksdb::NewLRUCache(kBlockCacheBytes);
  for (int i = 0; i < kFamilyCount; ++i) {
    const Family family = static_cast<Family>(i);
    families.emplace_back(FamilyName(family), MakeFamilyOptions(family, cache));
  }
  return families;
}

bool HasDatabase(const std::filesystem::path& path) {
  std::error_code error;
  return std::filesystem::exists(path / "CURRENT", error);
}

// RocksDB takes a folder without CURRENT for a new one and removes what else is in it.
absl::Status CheckNothingWouldBeLost(const std::filesystem::path& path) {
  if (HasDatabase(path)) return absl::OkStatus();
  IMPRINT_ASSIGN_OR_RETURN(const std::vector<std::filesystem::path> files, ListDirectory(path));
  for (const std::filesystem::path& file : files) {
    const std::string extension = file.extension().string();
    if (extension == ".sst" || extension == ".blob" || extension == ".log") {
      return DamagedStore(path, absl::StrCat("the file CURRENT is missing, but ",
                                             file.filename().string(), " is there"));
    }
  }
  return absl::OkStatus();
}

// Opening says no more than "IO error" when the lock is held; so ask for it by itself.
bool IsLocked(const std::filesystem::path& path, rocksdb::Env* env) {
  rocksdb::FileLock* lock = nullptr;
  if (!env->LockFile((path / "LOCK").string(), &lock).ok()) return true;
  env->UnlockFile(lock);
  return false;
}

absl::Status ToOpenStatus(const rocksdb::Status& status, const std::filesystem::path& path,
                          rocksdb::Env* env, bool existed, Database::Access access) {
  // Reading needs no lock.
  const bool wants_lock = access == Database::Access::kReadWrite;
  if (wants_lock && status.IsIOError() && !status.IsNoSpace() && IsLocked(path, env)) {
    return absl::FailedPreconditionError(
        absl::StrCat("the store in ", path.string(),
                     " is in use by another server (its file LOCK is held); "
                     "stop that server, or give this one another --data_dir"));
  }
  if (existed && (status.IsPathNotFound() || status.IsInvalidArgument())) {
    return DamagedStore(path, status.ToString());
  }
  return ToStatus(status, path);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Database>> Database::Open(const std::filesystem::path& path,
                                                         rocksdb::Env* env, Access access) {
  if (access == Access::kReadWrite) {
    IMPRINT_RETURN_IF_ERROR(MakePrivateDirectories(path));
    IMPRINT_RETURN_IF_ERROR(CheckNothingWouldBeLost(path));
    if (::access(path.c_str(), R_OK | W_OK | X_OK) != 0) {
      return absl::PermissionDeniedError(
          absl::StrCat("the folder ", path.string(),
                       " may not be written by this user; change its owner, or "
                       "give another --data_dir"));
    }
  }
  rocksdb::DBOptions db_options = MakeDbOptions(env);
  if (access == Access::kSalvage) {
    db_options.paranoid_checks = false;
    db_options.wal_recovery_mode = rocksdb::WALRecoveryMode::kSkipAnyCorruptedRecords;
  }
  // RocksDB leaves alone what a crash in ProbeDisk left.
  if (access == Access::kReadWrite) {
    db_options.env->DeleteFile((path / kProbeFile).string()).PermitUncheckedError();
  }
  const bool existed = HasDatabase(path);

  std::vector<rocksdb::ColumnFamilyDescriptor> families = KnownFamilies();
  if (existed) {
    // A newer server may have added families. Opening needs them all; whether the store can
    // be used is decided by its format version, not here.
    std::vector<std::string> names;
    rocksdb::Status listed = rocksdb::DB::ListColumnFamilies(db_options, path.string(), &names);
    if (!listed.ok()) return ToOpenStatus(listed, path, db_options.env, existed, access);
    for (const std::string& name : names) {
      bool known = false;
      for (int i = 0; i < kFamilyCount; ++i) known |= name == families[i].name;
      if (!known) families.emplace_back(name, rocksdb::ColumnFamilyOptions());
    }
  }

  std::unique_ptr<Database> database(new Database(path));
  rocksdb::DB* db = nullptr;
  rocksdb::Status opened =
      access == Access::kReadWrite
          ? rocksdb::DB::Open(db_options, path.string(), families, &database->handles_, &db)
          : rocksdb::DB::OpenForReadOnly(db_options, path.string(), families, &database->handles_,
                                         &db);
  if (!opened.ok()) return ToOpenStatus(opened, path, db_options.env, existed, access);
  database->db_.reset(db);
  return database;
}

Database::Database(const std::filesystem::path& path) : path_(path) {}

Database::~Database() {
  if (db_ == nullptr) return;
  for (rocksdb::ColumnFamilyHandle* handle : handles_) db_->DestroyColumnFamilyHandle(handle);
  db_->Close();
}

absl::StatusOr<std::optional<std::string>> Database::Get(Family family,
                                                         std::string_view key) const {
  std::string value;
  rocksdb::Status status = db_->Get(rocksdb::ReadOptions(), handle(family), ToSlice(key), &value);
  if (status.IsNotFound()) return std::nullopt;
  if (!status.ok()) return ToStatus(status, path_);
  return value;
}

absl::StatusOr<std::vector<std::optional<std::string>>> Database::MultiGet(
    Family family, absl::Span<const std::string> keys) const {
  std::vector<rocksdb::Slice> slices(keys.begin(), keys.end());
  std::vector<rocksdb::PinnableSlice> values(keys.size());
  std::vector<rocksdb::Status> statuses(keys.size());
  db_->MultiGet(rocksdb::ReadOptions(), handle(family), keys.size(), slices.data(), values.data(),
                statuses.data());
  std::vector<std::optional<std::string>> result(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) {
    if (statuses[i].IsNotFound()) continue;
    if (!statuses[i].ok()) return ToStatus(statuses[i], path_);
    result[i] = values[i].ToString();
  }
  return result;
}

absl::Status Database::Scan(Family family, const std::string& begin, const std::string& end,
                            Visitor visit) const {
  const rocksdb::Slice upper(end);
  rocksdb::ReadOptions options;
  options.iterate_upper_bound = &upper;
  std::unique_ptr<rocksdb::Iterator> row(db_->NewIterator(options, handle(family)));
  for (row->Seek(begin); row->Valid(); row->Next()) {
    IMPRINT_ASSIGN_OR_RETURN(bool more, visit(FromSlice(row->key()), FromSlice(row->value())));
    if (!more) return absl::OkStatus();
  }
  return ToStatus(row->status(), path_);
}

absl::Status Database::ScanBack(Family family, const std::string& begin, const std::string& end,
                                Visitor visit) const {
  const rocksdb::Slice lower(begin);
  const rocksdb::Slice upper(end);
  rocksdb::ReadOptions options;
  options.iterate_lower_bound = &lower;
  options.iterate_upper_bound = &upper;
  std::unique_ptr<rocksdb::Iterator> row(db_->NewIterator(options, handle(family)));
  for (row->SeekToLast(); row->Valid(); row->Prev()) {
    IMPRINT_ASSIGN_OR_RETURN(bool more, visit(FromSlice(row->key()), FromSlice(row->value())));
    if (!more) return absl::OkStatus();
  }
  return ToStatus(row->status(), path_);
}

absl::Status Database::Write(rocksdb::WriteBatch* batch) {
  rocksdb::WriteOptions options;
  options.sync = true;
  IMPRINT_FAILPOINT_OR_RETURN("store.write.before");
  IMPRINT_RETURN_IF_ERROR(ToStatus(db_->Write(options, batch), path_));
  IMPRINT_FAILPOINT_OR_RETURN("store.write.after");
  return absl::OkStatus();
}

absl::Status Database::Flush() {
  return ToStatus(db_->Flush(rocksdb::FlushOptions(), handles_), path_);
}

absl::Status Database::Compact(Family family, const std::string& begin, const std::string& end,
                               std::atomic<bool>* cancelled) {
  rocksdb::CompactRangeOptions options;
  // Other compactions go on beside it.
  options.exclusive_manual_compaction = false;
  // A table of the last level would be left as it is otherwise, deletions and all.
  options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
  options.canceled = cancelled;
  const rocksdb::Slice first(begin);
  const rocksdb::Slice last(end);
  const rocksdb::Status status = db_->CompactRange(options, handle(family), &first, &last);
  if (cancelled->load()) return absl::CancelledError("the purge was interrupted");
  return ToStatus(status, path_);
}

absl::Status Database::DeleteObsoleteFiles() {
  // After a flush or a compaction files are deleted on RocksDB's own threads, at some time;
  // when deletions are allowed again they are looked for and deleted on this one.
  IMPRINT_RETURN_IF_ERROR(ToStatus(db_->DisableFileDeletions(), path_));
  return ToStatus(db_->EnableFileDeletions(/*force=*/true), path_);
}

absl::Status Database::Checkpoint(const std::filesystem::path& to) {
  rocksdb::Checkpoint* checkpoint = nullptr;
  IMPRINT_RETURN_IF_ERROR(ToStatus(rocksdb::Checkpoint::Create(db_.get(), &checkpoint), path_));
  const std::unique_ptr<rocksdb::Checkpoint> owned(checkpoint);
  // Flushes first, so that tables are all that there is: they are the same in the next one.
  return ToStatus(owned->CreateCheckpoint(to.string(), /*log_size_for_flush=*/0), path_);
}

absl::Status Database::RepairFiles(const std::filesystem::path& path) {
  return ToStatus(rocksdb::RepairDB(path.string(), MakeDbOptions(/*env=*/nullptr), KnownFamilies(),
                                    rocksdb::ColumnFamilyOptions()),
                  path);
}

absl::Status Database::ProbeDisk(const std::filesystem::path& path, rocksdb::Env* env) {
  if (env == nullptr) env = rocksdb::Env::Default();
  const std::string file_path = (path / kProbeFile).string();
  std::unique_ptr<rocksdb::WritableFile> file;
  rocksdb::Status status = env->NewWritableFile(file_path, &file, rocksdb::EnvOptions());
  if (status.ok()) status = file->Append(std::string(kProbeBytes, 'x'));
  if (status.ok()) status = file->Sync();
  IMPRINT_FAILPOINT("store.probe.written");
  if (file != nullptr) {
    rocksdb::Status closed = file->Close();
    if (status.ok()) status = closed;
    env->DeleteFile(file_path).PermitUncheckedError();
  }
  return ToStatus(status, path);
}

std::optional<uint64_t> Database::GetStatistic(std::string_view name) const {
  const rocksdb::Statistics& statistics = *db_->GetDBOptions().statistics;
  for (const auto& [ticker, ticker_name] : rocksdb::TickersNameMap) {
    if (ticker_name == name) return statistics.getTickerCount(ticker);
  }
  for (const auto& [histogram, histogram_name] : rocksdb::HistogramsNameMap) {
    if (histogram_name != name) continue;
    rocksdb::HistogramData data;
    statistics.histogramData(histogram, &data);
    return data.sum;
  }
  return std::nullopt;
}

std::optional<uint64_t> Database::GetIntProperty(std::string_view property) const {
  if (const std::optional<uint64_t> statistic = GetStatistic(property)) return statistic;
  uint64_t value = 0;
  // RocksDB would add up once for each family what is the whole database's.
  const bool of_families =
      property != "rocksdb.is-write-stopped" && property != "rocksdb.num-running-compactions";
  if (of_families && db_->GetAggregatedIntProperty(ToSlice(property), &value)) return value;
  if (db_->GetIntProperty(ToSlice(property), &value)) return value;
  return std::nullopt;
}

}  // namespace imprint::store
