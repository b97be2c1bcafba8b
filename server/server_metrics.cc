// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/server_metrics.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "absl/time/time.h"
#include "common/cpu_count.h"
#include "common/data_folder.h"
#include "server/metrics/process_stats.h"

namespace imprint {

namespace {

// Of all files below the folder. Some of them may go meanwhile.
std::uintmax_t SizeOf(const std::filesystem::path& folder) {
  std::uintmax_t size = 0;
  std::error_code error;
  std::filesystem::recursive_directory_iterator entry(folder, error);
  for (; !error && entry != std::filesystem::recursive_directory_iterator();
       entry.increment(error)) {
    std::error_code gone;
    const std::uintmax_t bytes = entry->is_regular_file(gone) ? entry->file_size(gone) : 0;
    if (!gone) size += bytes;
  }
  return size;
}

}  // namespace

void AddExperienceMetrics(const experience::ExperienceLog* log, const Clock* clock,
                          metrics::Metrics* metrics) {
  using experience::StateCounts;
  auto add = [&](const char* state, int64_t (*count)(const StateCounts&)) {
    metrics->AddCallbackGauge("imprint_experiences", "Experiences by state.", {{"state", state}},
                              [log, count] { return static_cast<double>(count(log->Counts())); });
  };
  add("queued", [](const StateCounts& counts) { return counts.queued; });
  add("ready", [](const StateCounts& counts) { return counts.ready - counts.training; });
  add("training", [](const StateCounts& counts) { return counts.training; });
  add("integrated", [](const StateCounts& counts) { return counts.integrated; });
  add("held", [](const StateCounts& counts) { return counts.held; });
  add("quarantined", [](const StateCounts& counts) { return counts.quarantined; });
  add("forgotten", [](const StateCounts& counts) { return counts.forgotten; });
  metrics->AddCallbackGauge(
      "imprint_oldest_waiting_seconds",
      "Age of the oldest experience that waits for generation or training; 0: none waits.", {},
      [log, clock] {
        const std::optional<absl::Time> oldest = log->OldestWaiting();
        if (!oldest.has_value()) return 0.0;
        return std::max(0.0, absl::ToDoubleSeconds(clock->Now() - *oldest));
      });
  metrics->AddCallbackGauge("imprint_appends_pending",
                            "Injects that wait to be written to the disk.", {},
                            [log] { return static_cast<double>(log->pending_appends().count); });
  metrics->AddCallbackGauge("imprint_appends_pending_bytes",
                            "Bytes of injects that wait to be written to the disk.", {},
                            [log] { return static_cast<double>(log->pending_appends().bytes); });
  metrics->AddCallbackGauge("imprint_last_sequence",
                            "Highest sequence number of an experience that is durable.", {},
                            [log] { return static_cast<double>(log->last_sequence()); });
}

void AddVersionMetrics(const version::VersionManager* versions, metrics::Metrics* metrics) {
  metrics->AddCallbackGauge("imprint_versions_in_memory",
                            "Versions whose weights are in memory, the base among them.", {},
                            [versions] { return static_cast<double>(versions->Live().size()); });
}

void AddStoreMetrics(const store::Store* store, metrics::Metrics* metrics) {
  auto read = [store](const char* property) {
    return [store, property] {
      return static_cast<double>(store->GetIntProperty(property).value_or(0));
    };
  };
  metrics->AddCallbackGauge("imprint_rocksdb_live_data_bytes", "RocksDB's estimate of live data.",
                            {}, read("rocksdb.estimate-live-data-size"));
  metrics->AddCallbackGauge("imprint_rocksdb_sst_bytes", "Bytes in RocksDB's table files.", {},
                            read("rocksdb.total-sst-files-size"));
  metrics->AddCallbackGauge("imprint_rocksdb_memtable_bytes", "Bytes in RocksDB's memtables.", {},
                            read("rocksdb.cur-size-all-mem-tables"));
  metrics->AddCallbackGauge("imprint_rocksdb_estimated_keys", "RocksDB's estimate of its keys.", {},
                            read("rocksdb.estimate-num-keys"));
  metrics->AddCallbackGauge("imprint_rocksdb_block_cache_bytes", "Bytes in RocksDB's block cache.",
                            {}, read("rocksdb.block-cache-usage"));
  metrics->AddCallbackGauge("imprint_rocksdb_pending_compaction_bytes",
                            "RocksDB's estimate of what it still has to compact.", {},
                            read("rocksdb.estimate-pending-compaction-bytes"));
  metrics->AddCallbackGauge("imprint_rocksdb_write_stopped",
                            "1 while RocksDB takes no writes, since compaction is behind.", {},
                            read("rocksdb.is-write-stopped"));
  metrics->AddCallbackGauge("imprint_rocksdb_running_compactions", "Compactions that run now.", {},
                            read("rocksdb.num-running-compactions"));
  metrics->AddCallbackCounter("imprint_rocksdb_background_errors_total",
                              "Errors of RocksDB's background work.", {},
                              read("rocksdb.background-errors"));
  auto read_seconds = [store](const char* micros) {
    return [store, micros] {
      return static_cast<double>(store->GetIntProperty(micros).value_or(0)) / 1e6;
    };
  };
  metrics->AddCallbackCounter(
      "imprint_rocksdb_wal_syncs_total",
      "Syncs of the write-ahead log: every answer to an inject waits for one.", {},
      read("rocksdb.wal.synced"));
  metrics->AddCallbackCounter("imprint_rocksdb_wal_sync_seconds_total",
                              "Time that those syncs took.", {},
                              read_seconds("rocksdb.wal.file.sync.micros"));
  metrics->AddCallbackCounter("imprint_rocksdb_stall_seconds_total",
                              "Time that writes waited for compaction.", {},
                              read_seconds("rocksdb.stall.micros"));
  metrics->AddCallbackCounter("imprint_rocksdb_block_cache_hits_total",
                              "Blocks that were in RocksDB's cache.", {},
                              read("rocksdb.block.cache.hit"));
  metrics->AddCallbackCounter("imprint_rocksdb_block_cache_misses_total",
                              "Blocks that had to be read.", {}, read("rocksdb.block.cache.miss"));
}

void AddDiskMetrics(const std::filesystem::path& data_dir, metrics::Metrics* metrics) {
  using std::filesystem::space_info;
  auto read = [data_dir](std::uintmax_t space_info::* field) {
    return [data_dir, field] {
      std::error_code error;
      const space_info space = std::filesystem::space(data_dir, error);
      // 0 would be a full disk.
      return error ? std::numeric_limits<double>::quiet_NaN() : static_cast<double>(space.*field);
    };
  };
  metrics->AddCallbackGauge("imprint_data_free_bytes",
                            "Bytes that the server may still write where --data_dir is.", {},
                            read(&space_info::available));
  metrics->AddCallbackGauge("imprint_data_size_bytes",
                            "Size of the file system that --data_dir is on.", {},
                            read(&space_info::capacity));
  metrics->AddCallbackGauge(
      "imprint_versions_bytes", "Size of the versions' files.", {},
      [folder = VersionsOf(data_dir)] { return static_cast<double>(SizeOf(folder)); });
}

void AddCallMetrics(const rpc::WorkerPool* quick, const rpc::WorkerPool* slow,
                    metrics::Metrics* metrics) {
  for (const auto& [kind, pool] : {std::pair("quick", quick), std::pair("long", slow)}) {
    metrics->AddCallbackGauge(
        "imprint_calls_waiting", "Calls that wait for a thread before they are looked at.",
        {{"kind", kind}}, [pool = pool] { return static_cast<double>(pool->waiting()); });
  }
}

void AddBackupMetrics(const backup::BackupWriter* backups, metrics::Metrics* metrics) {
  metrics->AddCallbackGauge(
      "imprint_backup_last_success_timestamp_seconds",
      "When the newest backup was made, in Unix time; 0: never.", {},
      [backups] { return static_cast<double>(backups->last_success_seconds()); });
}

void AddLimits(const ServerOptions& options, metrics::Metrics* metrics) {
  auto add = [metrics](const char* name, const char* help, double limit) {
    metrics->AddCallbackGauge(name, help, {}, [limit] { return limit; });
  };
  add("imprint_limit_retention_kl_nats", "--gate.max_retention_kl: beyond it nothing is published.",
      options.gate.max_retention_kl);
  add("imprint_limit_kv_tokens", "--serve.kv_tokens: tokens of keys and values that fit.",
      static_cast<double>(options.engine.kv_tokens));
  add("imprint_limit_queries_running", "--serve.max_running: sequences that run at once.",
      options.engine.max_running);
  add("imprint_limit_threads", "--threads: processors that the server may keep busy.",
      options.threads > 0 ? options.threads : UsableCpus());
  add("imprint_limit_memory_bytes",
      "Memory of the machine, or what the container may have, whichever is less.",
      metrics::MemoryLimitBytes());
}

void AddBuildInfo(const rpc::ServerInfo& info, metrics::Metrics* metrics) {
  metrics->AddCallbackGauge("imprint_build_info", "What runs here; always 1.",
                            {{"version", info.version},
                             {"model", info.model},
                             {"device", info.device},
                             {"dtype", info.dtype}},
                            [] { return 1.0; });
  metrics->AddCallbackGauge(
      "imprint_start_time_seconds", "When the server started, in Unix time.", {},
      [start = absl::ToUnixMillis(info.start_time)] { return static_cast<double>(start) / 1000; });
}

}  // namespace imprint
