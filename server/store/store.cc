// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/store/store.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/status_macros.h"
#include "server/store/database.h"
#include "server/store/keys.h"
#include "server/store/rocksdb_status.h"
#include "server/store/row.h"
#include "server/store/transaction.h"

namespace imprint::store {
namespace {

// The largest number that is the key of a row; 0: there is no row.
absl::StatusOr<int64_t> LastNumber(const Database& database, Family family) {
  int64_t last = 0;
  IMPRINT_RETURN_IF_ERROR(database.ScanBack(
      family, NamespacePrefix(), EndOfPrefix(NamespacePrefix()),
      [&](std::string_view key, std::string_view) -> absl::StatusOr<bool> {
        std::optional<int64_t> number = NumberAfter(NamespacePrefix(), key);
        if (!number.has_value()) {
          return DamagedStore(database.path(),
                              absl::StrCat("a key of ", FamilyName(family), " is not a number"));
        }
        last = *number;
        return false;
      }));
  return last;
}

absl::Status CheckFingerprint(const std::filesystem::path& path, const char* what,
                              const std::string& stored, const std::string& given) {
  if (stored == given) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("the store in ", path.string(), " was made with another ", what,
                   " (fingerprint ", stored.substr(0, 12), ", this one has ", given.substr(0, 12),
                   "); start with the --model it was made with, or give another --data_dir"));
}

absl::Status PutMeta(Database& database, const MetaRecord& meta) {
  rocksdb::WriteBatch batch;
  batch.Put(database.handle(Family::kMeta), MetaKey(), meta.SerializeAsString());
  return database.Write(&batch);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> Store::Open(const StoreOptions& options) {
  std::unique_ptr<Store> store(new Store(options));
  absl::MutexLock lock(&store->transaction_mutex_);
  IMPRINT_RETURN_IF_ERROR(store->Load());
  IMPRINT_RETURN_IF_ERROR(store->CheckMeta());
  IMPRINT_RETURN_IF_ERROR(store->CheckCounters());
  return store;
}

Store::Store(const StoreOptions& options) : options_(options) {}

Store::~Store() = default;

absl::Status Store::Load() {
  absl::MutexLock lock(&database_mutex_);
  IMPRINT_ASSIGN_OR_RETURN(
      database_, Database::Open(options_.path, options_.env, Database::Access::kReadWrite));
  IMPRINT_ASSIGN_OR_RETURN(const std::optional<std::string> row,
                           database_->Get(Family::kMeta, CountersKey()));
  CountersRecord record;
  if (row.has_value() && !record.ParseFromString(*row)) {
    return DamagedStore(options_.path, "the row of counters is not a record");
  }
  last_transaction_ = record.transaction();
  absl::MutexLock counters_lock(&counters_mutex_);
  counters_ = Counters{.last_sequence = record.sequence(),
                       .last_job = record.job(),
                       .last_version = record.version(),
                       .last_probe = record.probe()};
  return absl::OkStatus();
}

absl::Status Store::CheckMeta() {
  absl::ReaderMutexLock lock(&database_mutex_);
  IMPRINT_ASSIGN_OR_RETURN(const std::optional<std::string> row,
                           database_->Get(Family::kMeta, MetaKey()));
  MetaRecord meta;
  if (!row.has_value()) {
    IMPRINT_ASSIGN_OR_RETURN(const int64_t last, LastNumber(*database_, Family::kExperiences));
    if (last != 0 || last_transaction_ != 0) {
      return DamagedStore(options_.path, "it has rows, but not the one that says whose they are");
    }
    meta.set_format_version(kFormatVersion);
    meta.set_model_fingerprint(options_.model_fingerprint);
    meta.set_tokenizer_fingerprint(options_.tokenizer_fingerprint);
    meta.set_create_time_micros(options_.create_time_micros > 0 ? options_.create_time_micros
                                                                : absl::ToUnixMicros(absl::Now()));
    return PutMeta(*database_, meta);
  }
  if (!meta.ParseFromString(*row) || meta.format_version() < 1) {
    return DamagedStore(options_.path, "the row that says whose it is is not a record");
  }
  if (meta.format_version() > kFormatVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat("the store in ", options_.path.string(), " has format ", meta.format_version(),
                     "; this server knows formats up to ", kFormatVersion,
                     "; start the newer server that wrote it, or give another --data_dir"));
  }
  if (meta.model_fingerprint().empty() && !options_.model_fingerprint.empty()) {
    spdlog::warn("the store in {} was repaired and does not know its model: this one is it now",
                 options_.path.string());
    meta.set_model_fingerprint(options_.model_fingerprint);
    meta.set_tokenizer_fingerprint(options_.tokenizer_fingerprint);
    return PutMeta(*database_, meta);
  }
  IMPRINT_RETURN_IF_ERROR(CheckFingerprint(options_.path, "model", meta.model_fingerprint(),
                                           options_.model_fingerprint));
  return CheckFingerprint(options_.path, "tokenizer", meta.tokenizer_fingerprint(),
                          options_.tokenizer_fingerprint);
}

// Rows beyond a counter: a part of the store is of another time than the rest.
absl::Status Store::CheckCounters() {
  absl::ReaderMutexLock lock(&database_mutex_);
  const Counters counters = GetCounters();
  const std::pair<Family, int64_t> limits[] = {{Family::kExperiences, counters.last_sequence},
                                               {Family::kJobs, counters.last_job},
                                               {Family::kVersions, counters.last_version},
                                               {Family::kProbes, counters.last_probe}};
  for (const auto& [family, limit] : limits) {
    IMPRINT_ASSIGN_OR_RETURN(const int64_t last, LastNumber(*database_, family));
    if (last > limit) {
      return DamagedStore(options_.path,
                          absl::StrCat("row ", last, " of ", FamilyName(family),
                                       " is beyond the counter, which is at ", limit));
    }
  }
  return absl::OkStatus();
}

absl::Status Store::Transact(absl::FunctionRef<absl::Status(Transaction&)> stage) {
  absl::MutexLock lock(&transaction_mutex_);
  IMPRINT_RETURN_IF_ERROR(SettleLocked());
  const int64_t number = last_transaction_ + 1;
  absl::Status written;
  {
    // The database is only exchanged under transaction_mutex_. The lock is not kept, because
    // `stage` takes it in each read.
    Database* const database = OpenDatabase();
    BatchTransaction transaction(database, GetCounters(), number);
    IMPRINT_RETURN_IF_ERROR(stage(transaction));
    IMPRINT_ASSIGN_OR_RETURN(rocksdb::WriteBatch * batch, transaction.Finish());
    if (batch == nullptr) return absl::OkStatus();
    written = database->Write(batch);
    if (written.ok()) {
      last_transaction_ = number;
      absl::MutexLock counters_lock(&counters_mutex_);
      counters_ = transaction.counters();
      return absl::OkStatus();
    }
  }
  spdlog::error("{}; opening the store again", written.ToString());
  unsettled_ = true;
  if (absl::Status settled = SettleLocked(); !settled.ok()) {
    spdlog::error("the store cannot be opened for writing yet: {}", settled.ToString());
    return written;
  }
  // Only this transaction has the number: the counters read back tell whether it is there.
  return last_transaction_ == number ? absl::OkStatus() : written;
}

Database* Store::OpenDatabase() const {
  absl::ReaderMutexLock lock(&database_mutex_);
  return database_.get();
}

absl::Status Store::Settle() {
  absl::MutexLock lock(&transaction_mutex_);
  return SettleLocked();
}

absl::Status Store::SettleLocked() {
  if (!unsettled_) return absl::OkStatus();
  IMPRINT_RETURN_IF_ERROR(Reopen());
  unsettled_ = false;
  return absl::OkStatus();
}

// RocksDB's own Resume is not enough: it keeps the write-ahead log with the failed record
// in it, which a later crash might bring back beside what was written after it.
absl::Status Store::Reopen() {
  // The open database can still be read, so it is given up only for one that can be written.
  IMPRINT_RETURN_IF_ERROR(Database::ProbeDisk(options_.path, options_.env));
  {
    // A purge keeps the database open for as long as it takes.
    purge_in_the_way_ = true;
    absl::MutexLock lock(&database_mutex_);
    database_.reset();
    purge_in_the_way_ = false;
  }
  absl::Status loaded = Load();
  if (!loaded.ok()) {
    absl::StatusOr<std::unique_ptr<Database>> readable =
        Database::Open(options_.path, options_.env, Database::Access::kReadOnly);
    if (readable.ok()) {
      absl::MutexLock lock(&database_mutex_);
      database_ = *std::move(readable);
    }
    return loaded;
  }
  reopened_.fetch_add(1, std::memory_order_acq_rel);
  spdlog::info("opened the store in {} again after a failed write", options_.path.string());
  return absl::OkStatus();
}

Counters Store::GetCounters() const {
  absl::MutexLock lock(&counters_mutex_);
  return counters_;
}

}  // namespace imprint::store
