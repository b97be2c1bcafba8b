// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Metrics that are read from the rooms when somebody scrapes.

#ifndef IMPRINT_SERVER_SERVER_METRICS_H_
#define IMPRINT_SERVER_SERVER_METRICS_H_

#include <filesystem>

#include "common/clock.h"
#include "server/experience/experience_log.h"
#include "server/metrics/metrics.h"
#include "server/options.h"
#include "server/rpc/service_deps.h"
#include "server/store/store.h"
#include "server/version/version_manager.h"

namespace imprint {

// Until Metrics::RemoveCallbacks all pointers must be alive.
void AddExperienceMetrics(const experience::ExperienceLog* log, const Clock* clock,
                          metrics::Metrics* metrics);
void AddVersionMetrics(const version::VersionManager* versions, metrics::Metrics* metrics);
void AddStoreMetrics(const store::Store* store, metrics::Metrics* metrics);
// Of the file system that holds `data_dir`.
void AddDiskMetrics(const std::filesystem::path& data_dir, metrics::Metrics* metrics);
// Calls that wait for a thread, quick and long ones.
void AddCallMetrics(const rpc::WorkerPool* quick, const rpc::WorkerPool* slow,
                    metrics::Metrics* metrics);
void AddBackupMetrics(const backup::BackupWriter* backups, metrics::Metrics* metrics);
// What others are held against.
void AddLimits(const ServerOptions& options, metrics::Metrics* metrics);
void AddBuildInfo(const rpc::ServerInfo& info, metrics::Metrics* metrics);

}  // namespace imprint

#endif  // IMPRINT_SERVER_SERVER_METRICS_H_
