// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// imprint status: the server at a glance.

#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "client/cli/calls.h"
#include "client/cli/command.h"
#include "client/cli/output.h"
#include "client/cli/table.h"

namespace imprint::client {
namespace {

std::string Updates(const v1::GetStatusResponse& status) {
  std::string text = status.updates_paused() ? "paused" : "on";
  if (!status.updates_stopped_reason().empty()) {
    absl::StrAppend(&text, ", stand still for now: ", status.updates_stopped_reason());
  }
  if (!status.job_awaiting_approval().empty()) {
    absl::StrAppend(&text, ", ", status.job_awaiting_approval(), " awaits approval");
  }
  if (!status.running_job().empty()) absl::StrAppend(&text, ", running ", status.running_job());
  return text;
}

std::string Forgetting(const v1::GetStatusResponse& status) {
  if (status.forgotten_in_weights() > 0) {
    return absl::StrCat(status.forgotten_in_weights(), " in the weights still");
  }
  return status.forgotten_in_files() ? "out of the weights, in files still" : "-";
}

int Run(const Command& command) {
  v1::GetStatusResponse status;
  const grpc::Status result = GetStatus(command, status);
  if (!result.ok()) return command.Fail(result);
  if (command.json) {
    Command::PrintJson(status);
    return kOk;
  }
  const int64_t waited = status.oldest_waiting_age().seconds();
  const Rows rows = {
      {"server", absl::StrCat(command.options.server, ", imprintd ", status.server_version(),
                              ", since ", FormatTime(status.start_time().seconds()))},
      {"model", absl::StrCat(status.model(), " on ", status.device(), ", ", status.dtype())},
      {"version", absl::StrCat(status.version(),
                               " (live: ", absl::StrJoin(status.live_versions(), ", "), ")")},
      {"updates", Updates(status)},
      {"experiences",
       absl::StrCat(status.last_sequence(), " in the log, ", status.integrated(), " integrated")},
      {"waiting",
       absl::StrCat(status.queued(), " queued, ", status.ready(), " ready, ", status.training(),
                    " in training",
                    waited > 0 ? absl::StrCat(", the oldest for ",
                                              absl::FormatDuration(absl::Seconds(waited)))
                               : "")},
      {"set aside", absl::StrCat(status.held(), " held, ", status.quarantined(), " quarantined, ",
                                 status.forgotten(), " forgotten")},
      {"to forget", Forgetting(status)},
      {"queries",
       absl::StrCat(status.running_queries(), " running, ", status.waiting_queries(), " waiting")},
  };
  std::cout << FormatFields(rows);
  return kOk;
}

}  // namespace

void AddStatus(CLI::App& app, Command& command) {
  app.add_subcommand("status", "the server at a glance")->callback([&command] {
    command.run = [&command] { return Run(command); };
  });
}

}  // namespace imprint::client
