// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// One opening of the RocksDB of a store: bytes by family and key, with errors as
// absl::Status. What the bytes mean is for its callers.

#ifndef IMPRINT_SERVER_STORE_DATABASE_H_
#define IMPRINT_SERVER_STORE_DATABASE_H_

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "server/store/keys.h"

namespace rocksdb {
class ColumnFamilyHandle;
class DB;
class Env;
class WriteBatch;
}  // namespace rocksdb

namespace imprint::store {

// Thread-safe. Errors are those of ToStatus.
class Database {
 public:
  // kSalvage: as kReadOnly, and what is damaged hinders only the reads that need it: missing
  // tables, and records of the write-ahead log that cannot be read, which are left out.
  enum class Access { kReadWrite, kReadOnly, kSalvage };

  // Makes the folder and the families that are missing (kReadWrite). FAILED_PRECONDITION:
  // another server has it open. Not null; `env` null: the machine's.
  static absl::StatusOr<std::unique_ptr<Database>> Open(const std::filesystem::path& path,
                                                        rocksdb::Env* env, Access access);
  ~Database();

  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  const std::filesystem::path& path() const { return path_; }
  rocksdb::ColumnFamilyHandle* handle(Family family) const {
    return handles_[static_cast<int>(family)];
  }

  // nullopt: no such key.
  absl::StatusOr<std::optional<std::string>> Get(Family family, std::string_view key) const;
  // One entry for each key.
  absl::StatusOr<std::vector<std::optional<std::string>>> MultiGet(
      Family family, absl::Span<const std::string> keys) const;

  // Gives false to end the scan.
  using Visitor =
      absl::FunctionRef<absl::StatusOr<bool>(std::string_view key, std::string_view value)>;
  // Rows with begin <= key < end, in order or from the last one back. All are of one moment.
  absl::Status Scan(Family family, const std::string& begin, const std::string& end,
                    Visitor visit) const;
  absl::Status ScanBack(Family family, const std::string& begin, const std::string& end,
                        Visitor visit) const;

  // Durable when OK; otherwise the outcome is unknown until the database is opened again.
  absl::Status Write(rocksdb::WriteBatch* batch);

  // Writes all that is in memory into tables; the write-ahead log begins anew.
  absl::Status Flush();
  // Rewrites every table that holds keys with begin <= key < end, so that what was deleted of
  // them is in none. CANCELLED soon after `cancelled` becomes true.
  absl::Status Compact(Family family, const std::string& begin, const std::string& end,
                       std::atomic<bool>* cancelled);
  // Deletes the files that are not in use any more, and waits for it. Not during a Checkpoint.
  absl::Status DeleteObsoleteFiles();

  // Makes a database of its own in the folder `to`, which must not be there, out of all that was
  // written so far: of links to this one's tables, so `to` is on the same file system.
  absl::Status Checkpoint(const std::filesystem::path& to);

  // Whether a file can be written and synced in the folder now.
  static absl::Status ProbeDisk(const std::filesystem::path& path, rocksdb::Env* env);

  // A property, a ticker or the sum of a histogram, by RocksDB's name. The last two count from
  // Open.
  std::optional<uint64_t> GetIntProperty(std::string_view property) const;

  // For RocksDB's own tools. Never null.
  rocksdb::DB* rocksdb() const { return db_.get(); }

  // Makes a database out of the tables and logs that can be read in `path`, where Open fails even
  // for kSalvage: RocksDB's repair. What cannot be read is moved to `path`/lost.
  static absl::Status RepairFiles(const std::filesystem::path& path);

 private:
  explicit Database(const std::filesystem::path& path);

  std::optional<uint64_t> GetStatistic(std::string_view name) const;

  const std::filesystem::path path_;
  std::unique_ptr<rocksdb::DB> db_;
  // Those of Family in its order, then those that this server does not know.
  std::vector<rocksdb::ColumnFamilyHandle*> handles_;
};

}  // namespace imprint::store

#endif  // IMPRINT_SERVER_STORE_DATABASE_H_
