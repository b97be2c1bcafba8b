// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// A transaction of the store as one RocksDB batch. Private to server/store.

#ifndef IMPRINT_SERVER_STORE_TRANSACTION_H_
#define IMPRINT_SERVER_STORE_TRANSACTION_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "rocksdb/write_batch.h"
#include "server/store/database.h"
#include "server/store/store.h"

namespace imprint::store {

// Used by one thread, while no other transaction runs. An error of a Put is kept and makes
// the transaction fail as a whole.
class BatchTransaction final : public Transaction {
 public:
  // `counters`: as committed. `number`: of this transaction, one more than the last.
  BatchTransaction(const Database* database, const Counters& counters, int64_t number);

  int64_t NextSequence() override { return ++counters_.last_sequence; }
  int64_t NextJob() override { return ++counters_.last_job; }
  int64_t NextVersion() override { return ++counters_.last_version; }
  int64_t NextProbe() override { return ++counters_.last_probe; }

  absl::StatusOr<ExperienceRecord> GetExperience(int64_t sequence) override;

  void PutExperience(const ExperienceRecord& record) override;
  void PutTargets(int64_t sequence, const std::vector<TargetRecord>& targets) override;
  void DeleteTargets(int64_t sequence) override;
  void PutProbe(const ProbeRecord& record) override;
  void DeleteProbe(const ProbeRecord& record) override;
  void PutJob(const JobRecord& record) override;
  void PutVersion(const VersionRecord& record) override;
  void SetCurrentVersion(int64_t number) override;
  void PutSetting(std::string_view name, std::string_view value) override;
  void FinishPurge(const PurgeList& purged) override;

  // Ends staging. Null when nothing was staged, else the batch, the counters within.
  absl::StatusOr<rocksdb::WriteBatch*> Finish();
  const Counters& counters() const { return counters_; }

 private:
  void Put(Family family, const std::string& key, std::string_view value);
  void Delete(Family family, const std::string& key);
  // Keeps the first error.
  void Fail(absl::Status status);
  // The row as this transaction would leave it; nullopt: there is none.
  absl::StatusOr<std::optional<ExperienceRecord>> Load(int64_t sequence);
  void PutNumbered(Family family, const char* kind, int64_t number, int64_t& last,
                   std::string_view value);

  const Database* const database_;
  const Counters committed_;
  const int64_t number_;
  Counters counters_;
  rocksdb::WriteBatch batch_;
  absl::Status status_;
  // Rows that were read or put here.
  absl::flat_hash_map<int64_t, std::optional<ExperienceRecord>> experiences_;
  // How many targets of an experience were put here.
  absl::flat_hash_map<int64_t, int64_t> target_counts_;
};

}  // namespace imprint::store

#endif  // IMPRINT_SERVER_STORE_TRANSACTION_H_
