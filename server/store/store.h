// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// The one RocksDB of a server: column families, keys, typed rows, and synced
// batches over all of them. Nothing else in the server knows a RocksDB key.
//
// Every key begins with a namespace; the only one today is "default".

#ifndef IMPRINT_SERVER_STORE_STORE_H_
#define IMPRINT_SERVER_STORE_STORE_H_

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/store/records.pb.h"

namespace rocksdb {
class ColumnFamilyHandle;
class DB;
class Env;
class WriteBatch;
}  // namespace rocksdb

namespace imprint::store {

// Version of the rows' meaning. A store of a newer format is refused.
inline constexpr int kFormatVersion = 1;

struct StoreOptions {
  // The folder of the database; made when missing, mode 0700.
  std::filesystem::path path;
  // What the store must belong to; written into a new store.
  std::string model_fingerprint;
  std::string tokenizer_fingerprint;
  // Another file system, for tests that make it fail. Not owned; null: the machine's.
  rocksdb::Env* env = nullptr;
};

// The counters of the store that hand out numbers; none is ever reused.
struct Counters {
  int64_t last_sequence = 0;
  int64_t last_job = 0;
  int64_t last_version = 0;
  int64_t last_probe = 0;
};

// Changes that become durable together, made inside Store::Transact.
// Reads of the transaction see the store, not the batch.
class Transaction {
 public:
  virtual ~Transaction() = default;

  // Numbers for new rows; durable with the transaction.
  virtual int64_t NextSequence() = 0;
  virtual int64_t NextJob() = 0;
  virtual int64_t NextVersion() = 0;
  virtual int64_t NextProbe() = 0;

  // Inserts or overwrites; keeps the index by state and by request id.
  virtual void PutExperience(const ExperienceRecord& record) = 0;
  // Replaces all target sentences of an experience. Their order is kept.
  virtual void PutTargets(int64_t sequence, const std::vector<TargetRecord>& targets) = 0;
  virtual void DeleteTargets(int64_t sequence) = 0;
  virtual void PutProbe(const ProbeRecord& record) = 0;
  virtual void DeleteProbe(const ProbeRecord& record) = 0;
  virtual void PutJob(const JobRecord& record) = 0;
  virtual void PutVersion(const VersionRecord& record) = 0;
  virtual void SetCurrentVersion(int64_t number) = 0;
  // Small named flags and values ("updates_paused").
  virtual void PutSetting(std::string_view name, std::string_view value) = 0;
};

// Thread-safe. Reads see what has been written by finished transactions.
// NOT_FOUND for a row that is not there; DATA_LOSS for a row that cannot be read;
// UNAVAILABLE or RESOURCE_EXHAUSTED (disk full) for a failed write.
class Store {
 public:
  // FAILED_PRECONDITION: locked by another server, another model's or tokenizer's
  // store, or a newer format; the message names the way out. DATA_LOSS: broken.
  static absl::StatusOr<std::unique_ptr<Store>> Open(const StoreOptions& options);
  ~Store();

  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // Runs `stage` alone among all transactions, then writes what it staged as one
  // synced RocksDB batch. Nothing is written when `stage` fails; its error is
  // returned. `stage` may read the store; it must not call Transact.
  // When the write itself fails its outcome is unknown until read again.
  absl::Status Transact(absl::FunctionRef<absl::Status(Transaction&)> stage)
      ABSL_LOCKS_EXCLUDED(transaction_mutex_);

  Counters GetCounters() const;

  absl::StatusOr<ExperienceRecord> GetExperience(int64_t sequence) const;
  // The experience that was appended under `request_id`; nullopt: none.
  absl::StatusOr<std::optional<int64_t>> FindRequest(std::string_view request_id) const;
  // Up to `limit` experiences with sequence > after, in order.
  absl::StatusOr<std::vector<ExperienceRecord>> ListExperiences(int64_t after, int limit) const;
  // Up to `limit` sequences in `state` with sequence > after, in order.
  absl::StatusOr<std::vector<int64_t>> ListByState(StoredState state, int64_t after,
                                                   int limit) const;
  // In the order they were put.
  absl::StatusOr<std::vector<TargetRecord>> GetTargets(int64_t sequence) const;

  absl::StatusOr<ProbeRecord> GetProbe(int64_t id) const;
  // Probes of one experience (0: retention probes), in order of id.
  absl::StatusOr<std::vector<ProbeRecord>> GetProbes(int64_t sequence) const;
  // Up to `limit` probes with id > after, in order.
  absl::StatusOr<std::vector<ProbeRecord>> ListProbes(int64_t after, int limit) const;

  absl::StatusOr<JobRecord> GetJob(int64_t id) const;
  // Up to `limit` jobs with id < before, newest first; before <= 0: from the newest.
  absl::StatusOr<std::vector<JobRecord>> ListJobs(int64_t before, int limit) const;

  absl::StatusOr<VersionRecord> GetVersion(int64_t number) const;
  // All versions, in order of number. The base has no row.
  absl::StatusOr<std::vector<VersionRecord>> ListVersions() const;
  // 0 when nothing was published yet.
  absl::StatusOr<int64_t> GetCurrentVersion() const;

  // Empty when never put.
  absl::StatusOr<std::string> GetSetting(std::string_view name) const;

  // RocksDB's own statistics by property name, for metrics.
  std::optional<uint64_t> GetIntProperty(std::string_view property) const;

 private:
  class TransactionImpl;
  struct Families;

  Store();

  absl::Mutex transaction_mutex_;
  std::unique_ptr<rocksdb::DB> db_;
  std::unique_ptr<Families> families_;
  Counters counters_ ABSL_GUARDED_BY(counters_mutex_);
  mutable absl::Mutex counters_mutex_;
};

}  // namespace imprint::store

#endif  // IMPRINT_SERVER_STORE_STORE_H_
