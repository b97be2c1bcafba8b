// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// The one flag parser of the server: command line in, option structs of the rooms out.

#ifndef IMPRINT_SERVER_OPTIONS_H_
#define IMPRINT_SERVER_OPTIONS_H_

#include <cstdint>
#include <filesystem>
#include <string>
#include <variant>

#include "absl/time/time.h"
#include "common/token_line.h"
#include "server/engine/engine.h"
#include "server/experience/experience_log.h"
#include "server/generator/generator.h"
#include "server/generator/remote_options.h"
#include "server/generator/retention_text.h"
#include "server/rpc/server.h"
#include "server/rpc/service_deps.h"
#include "server/update/distiller.h"
#include "server/update/gate.h"
#include "server/update/rebuild_policy.h"
#include "server/update/scheduler.h"

namespace imprint {

// A field is set by the flag of its name, or as the room's header says.
struct ServerOptions {
  std::filesystem::path model;
  std::filesystem::path data_dir;
  std::string device = "cpu";
  std::string dtype = "bf16";
  int threads = 0;  // 0: UsableCpus()

  rpc::ListenOptions listen;
  int max_calls_waiting = 1024;
  int max_long_calls_waiting = 64;
  int max_events = 1024;
  bool allow_insecure_listen = false;
  // For metrics_listen alone, which has no TLS.
  bool allow_insecure_metrics_listen = false;
  std::string metrics_listen = "127.0.0.1:9464";  // empty: off
  // Gets the bound ports as JSON once the server listens; empty: none.
  std::filesystem::path port_file;
  absl::Duration drain_deadline = absl::Seconds(30);

  // Empty: no tokens, and everybody who reaches a port may do everything.
  std::filesystem::path tokens_file;
  Scope forget_scope = Scope::kAdmin;  // --auth.forget_scope

  std::string log_level = "info";
  std::string log_format = "text";

  rpc::Limits limits;
  rpc::QueryLimits query;
  engine::EngineOptions engine;
  experience::ExperienceLogOptions log;
  int version_keep = 8;
  bool version_rollback_when_broken = false;
  std::filesystem::path backup_dir;  // empty: no backups
  int backup_keep = 7;
  generator::GeneratorOptions generator;
  generator::RemoteOptions remote;
  generator::RetentionTextOptions retention;
  update::SchedulerOptions scheduler;
  update::DistillerOptions distiller;
  // Share of the device that training gets while queries never pause.
  double compute_share = 0.2;
  update::GateOptions gate;
  // Its budget is the gate's.
  update::RebuildOptions rebuild;
  bool manual_approval = false;  // --publish.approval
};

// The process is to end: with a text (help, version, or an error) and its exit code.
struct ExitRequest {
  int code = 0;
  std::string message;
};

// Bad flags: code 2 and a message that names the flag. --help, --version: code 0.
std::variant<ServerOptions, ExitRequest> ParseOptions(int argc, const char* const* argv);

// The release, "0.1.0".
std::string ServerVersion();

}  // namespace imprint

#endif  // IMPRINT_SERVER_OPTIONS_H_
