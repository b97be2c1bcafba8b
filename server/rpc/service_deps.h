// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// The rooms that handlers call, and what they may not exceed.

#ifndef IMPRINT_SERVER_RPC_SERVICE_DEPS_H_
#define IMPRINT_SERVER_RPC_SERVICE_DEPS_H_

#include <cstdint>
#include <filesystem>
#include <string>

#include "absl/time/time.h"
#include "common/clock.h"
#include "server/backup/backup_writer.h"
#include "server/engine/chat.h"
#include "server/engine/engine.h"
#include "server/experience/experience_log.h"
#include "server/metrics/metrics.h"
#include "server/probe/probe_maker.h"
#include "server/probe/prober.h"
#include "server/rpc/event_hub.h"
#include "server/rpc/guard.h"
#include "server/rpc/validate.h"
#include "server/rpc/worker_pool.h"
#include "server/store/store.h"
#include "server/text/text_model.h"
#include "server/update/updater.h"
#include "server/version/version_manager.h"

namespace imprint::rpc {

// What GetStatus says of the server itself.
struct ServerInfo {
  std::string model;
  // Where the base was loaded from; exports take the small files from there.
  std::filesystem::path model_folder;
  std::string device;
  std::string dtype;
  std::string version;
  absl::Time start_time;
};

struct QueryLimits {
  // Tokens of an answer where the request does not say (--serve.default_max_tokens).
  int32_t default_max_tokens = 512;
  // Pieces of an answer that wait for a slow reader before its query is ended
  // (--serve.max_outbox).
  int max_outbox = 1024;
};

// All pointers outlive the services.
struct ServiceDeps {
  store::Store* store = nullptr;
  experience::ExperienceLog* log = nullptr;
  version::VersionManager* versions = nullptr;
  engine::Engine* engine = nullptr;
  const engine::Chat* chat = nullptr;
  const text::TextModel* text = nullptr;
  const probe::ProbeMaker* probe_maker = nullptr;
  const probe::Prober* prober = nullptr;
  update::Updater* updater = nullptr;
  // Null: there is no --backup.dir.
  backup::BackupWriter* backups = nullptr;
  EventHub* events = nullptr;
  // For reads of the store and the start of queries: milliseconds.
  WorkerPool* quick = nullptr;
  // For what goes over many rows, and for probes and rollbacks, which wait for the engine:
  // seconds.
  WorkerPool* slow = nullptr;
  const Clock* clock = nullptr;
  // What the engine counts; null: nothing is counted.
  const metrics::EngineMetrics* engine_metrics = nullptr;
  Limits limits;
  QueryLimits query;
  ServerInfo info;
  // Of both services.
  Guard guard;
};

}  // namespace imprint::rpc

#endif  // IMPRINT_SERVER_RPC_SERVICE_DEPS_H_
