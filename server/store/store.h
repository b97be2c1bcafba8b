// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// The one RocksDB of a server: column families, keys, typed rows, and synced
// batches over all of them. Nothing else in the server knows a RocksDB key.
//
// Every key begins with a namespace; the only one today is "default". README.md beside this
// file describes families, keys and values.

#ifndef IMPRINT_SERVER_STORE_STORE_H_
#define IMPRINT_SERVER_STORE_STORE_H_

#include <atomic>
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
#include "absl/types/span.h"
#include "server/store/records.pb.h"

namespace rocksdb {
class Env;
}  // namespace rocksdb

namespace imprint::store {

class Database;
class Store;

// Version of the rows' meaning. A store of a newer format is refused.
inline constexpr int kFormatVersion = 1;

struct StoreOptions {
  // The folder of the database; made when missing, mode 0700.
  std::filesystem::path path;
  // What the store must belong to; written into a new store.
  std::string model_fingerprint;
  std::string tokenizer_fingerprint;
  // When a new store was made, as far as it tells, in Unix microseconds; 0: now. A repaired one is
  // as old as the one that it is made of.
  int64_t create_time_micros = 0;
  // Another file system, for tests that make it fail. Not owned; null: the machine's.
  rocksdb::Env* env = nullptr;
};

// The counters of the store that hand out numbers; none is ever reused.
struct Counters {
  int64_t last_sequence = 0;
  int64_t last_job = 0;
  int64_t last_version = 0;
  int64_t last_probe = 0;

  bool operator==(const Counters&) const = default;
};

// When an experience expires, in Unix microseconds; 0: never, or it is forgotten already.
int64_t ExpireTimeMicros(const ExperienceRecord& record);

// What was deleted since the last purge, and may still be in the files.
struct PurgeList {
  std::vector<int64_t> sequences;
  std::vector<int64_t> probes;
};

// Changes that become durable together, made inside Store::Transact.
// Reads of the store see what was committed before; GetExperience sees the batch too.
class Transaction {
 public:
  virtual ~Transaction() = default;

  // Numbers for new rows; durable with the transaction.
  virtual int64_t NextSequence() = 0;
  virtual int64_t NextJob() = 0;
  virtual int64_t NextVersion() = 0;
  virtual int64_t NextProbe() = 0;

  // The experience as this transaction would leave it.
  virtual absl::StatusOr<ExperienceRecord> GetExperience(int64_t sequence) = 0;

  // Inserts or overwrites; keeps the indexes by state, request id and time of expiry. What
  // does not change of its content is not written again. One that becomes FORGOTTEN, and a
  // probe that is deleted, are due for a purge from then on.
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
  // They are in no file any more.
  virtual void FinishPurge(const PurgeList& purged) = 0;
};

// While it lives, nothing is purged: files that are linked or copied elsewhere would keep what was
// purged from the store's own. Does not outlive the store.
class PurgeHold {
 public:
  ~PurgeHold();
  PurgeHold(const PurgeHold&) = delete;
  PurgeHold& operator=(const PurgeHold&) = delete;

 private:
  friend class Store;
  explicit PurgeHold(Store* store) : store_(store) {}

  Store* const store_;
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
  //
  // A failed write may be durable all the same. The store is then opened again at once and
  // looks: OK when it is, the write's error when it is not. Where the disk does not allow
  // even that, the outcome stays unknown: reads show the state before, and the question is
  // settled before the next transaction, or by Settle.
  absl::Status Transact(absl::FunctionRef<absl::Status(Transaction&)> stage)
      ABSL_LOCKS_EXCLUDED(transaction_mutex_);

  // OK: no transaction's outcome is unknown, reads show the truth. Otherwise the error that
  // the disk still gives.
  absl::Status Settle() ABSL_LOCKS_EXCLUDED(transaction_mutex_);

  // Grows each time the store was opened again after a failed write: rows may then be there
  // that their writer took for lost. What is kept in memory of the store is to be read anew.
  int64_t reopened() const { return reopened_.load(std::memory_order_acquire); }

  Counters GetCounters() const;

  absl::StatusOr<ExperienceRecord> GetExperience(int64_t sequence) const;
  // One record for each sequence, read together. NOT_FOUND when one is not there.
  absl::StatusOr<std::vector<ExperienceRecord>> GetExperiences(
      absl::Span<const int64_t> sequences) const;
  // The same without what was said (content and the caller's own sentences), which may be a
  // megabyte each and is not read.
  absl::StatusOr<std::vector<ExperienceRecord>> GetHeads(absl::Span<const int64_t> sequences) const;
  // Up to `limit` experiences with sequence > after, in order, without what was said.
  absl::StatusOr<std::vector<ExperienceRecord>> ListHeads(int64_t after, int limit) const;
  // The experience that was appended under `request_id`; nullopt: none.
  absl::StatusOr<std::optional<int64_t>> FindRequest(std::string_view request_id) const;
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

  // Up to `limit` experiences that expire at `time_micros` or before, earliest first.
  absl::StatusOr<std::vector<int64_t>> ListExpired(int64_t time_micros, int limit) const;
  // When the next experience expires; nullopt: none will.
  absl::StatusOr<std::optional<int64_t>> NextExpiryMicros() const;

  // What a purge would have to do now.
  absl::StatusOr<PurgeList> ListPurges() const;
  // Rewrites the parts of the files in which deleted experiences and probes may lie, and
  // gives up the write-ahead log so far: afterwards no file of the store holds them. Takes
  // as long as rewriting the files that they lie in; reads and writes go on meanwhile.
  // CANCELLED soon after `cancelled` becomes true, and when the store has to be opened
  // again; OK, without a purge, while somebody holds purges. What was not finished is still due
  // then. Used by one thread at a time.
  absl::Status Purge(std::atomic<bool>* cancelled)
      ABSL_LOCKS_EXCLUDED(transaction_mutex_, purge_mutex_);
  // Waits for the end of a purge that is under way. CANCELLED soon after `cancelled` gives true.
  absl::StatusOr<std::unique_ptr<PurgeHold>> HoldPurges(const std::function<bool()>& cancelled)
      ABSL_LOCKS_EXCLUDED(purge_mutex_);

  // Makes a database in the folder `to`, on the same file system, out of links to this one's
  // files: the store as it is at one moment of the call. Under a PurgeHold, which is kept until
  // the folder is gone. Takes as long as writing what is in memory.
  absl::Status Checkpoint(const PurgeHold& hold, const std::filesystem::path& to) const
      ABSL_LOCKS_EXCLUDED(transaction_mutex_);

  // Whose store it is, and since when.
  absl::StatusOr<MetaRecord> GetMeta() const;

  // Empty when never put.
  absl::StatusOr<std::string> GetSetting(std::string_view name) const;

  // RocksDB's own statistics by their names, for metrics.
  std::optional<uint64_t> GetIntProperty(std::string_view property) const;

 private:
  friend class PurgeHold;

  explicit Store(const StoreOptions& options);

  absl::Status PurgeFiles(const PurgeList& due, std::atomic<bool>* cancelled);

  // Opens the database and reads the counters.
  absl::Status Load() ABSL_EXCLUSIVE_LOCKS_REQUIRED(transaction_mutex_);
  // Writes the meta row of a new store; checks that of an older one.
  absl::Status CheckMeta() ABSL_EXCLUSIVE_LOCKS_REQUIRED(transaction_mutex_);
  absl::Status CheckCounters() ABSL_EXCLUSIVE_LOCKS_REQUIRED(transaction_mutex_);
  Database* OpenDatabase() const;
  absl::Status Reopen() ABSL_EXCLUSIVE_LOCKS_REQUIRED(transaction_mutex_);
  absl::Status SettleLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(transaction_mutex_);

  const StoreOptions options_;

  // Held over a whole transaction.
  absl::Mutex transaction_mutex_ ABSL_ACQUIRED_BEFORE(database_mutex_);
  // The last write failed and the database was not opened again since.
  bool unsettled_ ABSL_GUARDED_BY(transaction_mutex_) = false;
  int64_t last_transaction_ ABSL_GUARDED_BY(transaction_mutex_) = 0;

  // Shared by reads; held alone only to open the database again.
  mutable absl::Mutex database_mutex_ ABSL_ACQUIRED_BEFORE(counters_mutex_);
  // Null where opening it again failed.
  std::unique_ptr<Database> database_ ABSL_GUARDED_BY(database_mutex_);

  mutable absl::Mutex counters_mutex_;
  Counters counters_ ABSL_GUARDED_BY(counters_mutex_);
  std::atomic<int64_t> reopened_ = 0;
  // True: a purge is to end at once, because the database is to be opened again.
  std::atomic<bool> purge_in_the_way_ = false;

  absl::Mutex purge_mutex_;
  bool purging_ ABSL_GUARDED_BY(purge_mutex_) = false;
  int purge_holds_ ABSL_GUARDED_BY(purge_mutex_) = 0;
};

}  // namespace imprint::store

#endif  // IMPRINT_SERVER_STORE_STORE_H_
