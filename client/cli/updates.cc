// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// imprint updates: when the weights are updated.

#include <iostream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/command.h"
#include "client/cli/output.h"
#include "client/cli/wait.h"

namespace imprint::client {
namespace {

// Experiences up to `last` that wait for generation or training.
grpc::Status ListWaiting(const Command& command, int64_t last,
                         std::vector<v1::Experience>& waiting) {
  for (const v1::ExperienceState state :
       {v1::EXPERIENCE_STATE_QUEUED, v1::EXPERIENCE_STATE_READY, v1::EXPERIENCE_STATE_TRAINING}) {
    v1::ListExperiencesRequest request;
    request.set_state(state);
    const grpc::Status status =
        ListAll<v1::ListExperiencesRequest, v1::ListExperiencesResponse, v1::Experience>(
            *command.client, request, 0,
            [&command](auto& context, const auto& page, auto* response) {
              return command.client->imprint().ListExperiences(&context, page, response);
            },
            &v1::ListExperiencesResponse::experiences, waiting);
    if (!status.ok()) return status;
  }
  std::erase_if(waiting, [last](const auto& experience) { return experience.sequence() > last; });
  return grpc::Status::OK;
}

int RunNow(const Command& command, bool wait) {
  grpc::ClientContext context;
  command.client->Prepare(context);
  v1::RunUpdateResponse response;
  const grpc::Status status = command.client->admin().RunUpdate(&context, {}, &response);
  if (!status.ok()) return command.Fail(status);
  std::vector<v1::Experience> waiting;
  int code = kOk;
  if (wait) {
    const grpc::Status listed = ListWaiting(command, response.last_sequence(), waiting);
    if (!listed.ok()) return command.Fail(listed);
    code = Await(command, WaitFor::kIntegrated, waiting);
  }
  if (command.json) {
    Command::PrintJson(response);
  } else if (wait) {
    std::cout << (code == kOk ? "all integrated" : "not all integrated") << " up to experiences/"
              << response.last_sequence() << "\n";
  } else {
    std::cout << response.waiting() << " experiences wait, up to experiences/"
              << response.last_sequence() << "\n";
  }
  return code;
}

struct RebuildFlags {
  std::string anchor;
  bool dry_run = false;
  bool wait = false;
};

void PrintCost(const v1::RebuildCost& cost) {
  const auto known = [](bool has, const std::string& text) { return has ? text : "not known yet"; };
  const std::vector<std::vector<std::string>> rows = {
      {"from", absl::StrCat("versions/", cost.anchor())},
      {"experiences", absl::StrCat(cost.experiences())},
      {"target tokens", absl::StrCat(cost.target_tokens())},
      {"steps", known(cost.has_steps(), absl::StrCat("about ", cost.steps()))},
      {"trained tokens",
       known(cost.has_trained_tokens(), absl::StrCat("about ", cost.trained_tokens()))},
      {"seconds", known(cost.has_seconds(), absl::StrFormat("about %.0f", cost.seconds()))},
  };
  std::cout << FormatTable(rows);
}

int Rebuild(const Command& command, const RebuildFlags& flags) {
  grpc::ClientContext context;
  command.client->Prepare(context);
  v1::RebuildVersionRequest request;
  if (!flags.anchor.empty()) request.set_anchor(ResourceName("versions", flags.anchor));
  request.set_dry_run(flags.dry_run);
  v1::RebuildVersionResponse response;
  const grpc::Status status = command.client->admin().RebuildVersion(&context, request, &response);
  if (!status.ok()) return command.Fail(status);
  if (command.json) {
    Command::PrintJson(response);
  } else {
    PrintCost(response.cost());
    if (response.has_job()) std::cout << response.job().name() << " does it\n" << std::flush;
  }
  return flags.wait && response.has_job() ? AwaitJob(command, response.job().name()) : kOk;
}

}  // namespace

void AddUpdates(CLI::App& app, Command& command) {
  CLI::App* verb = app.add_subcommand("updates", "when the weights are updated");
  verb->require_subcommand(1);
  verb->add_subcommand("pause", "start no job until resumed")->callback([&command] {
    command.run = [&command] {
      grpc::ClientContext context;
      command.client->Prepare(context);
      v1::PauseUpdatesResponse response;
      const grpc::Status status = command.client->admin().PauseUpdates(&context, {}, &response);
      if (status.ok()) std::cout << (command.json ? "{\"paused\":true}\n" : "updates are paused\n");
      return status.ok() ? kOk : command.Fail(status);
    };
  });
  verb->add_subcommand("resume", "go on")->callback([&command] {
    command.run = [&command] {
      grpc::ClientContext context;
      command.client->Prepare(context);
      v1::ResumeUpdatesResponse response;
      const grpc::Status status = command.client->admin().ResumeUpdates(&context, {}, &response);
      if (status.ok()) std::cout << (command.json ? "{\"paused\":false}\n" : "updates go on\n");
      return status.ok() ? kOk : command.Fail(status);
    };
  });
  auto flags = std::make_shared<RebuildFlags>();
  CLI::App* rebuild = verb->add_subcommand(
      "rebuild", "make the version again from an older one and the stored target sentences");
  rebuild->add_option("--anchor", flags->anchor,
                      "versions/N, or N, to start from; 0: the base; without: the newest that\n"
                      "carries little drift");
  rebuild->add_flag("--dry_run", flags->dry_run, "only say what it costs");
  rebuild->add_flag("--wait", flags->wait, "return when it is done");
  rebuild->callback(
      [&command, flags] { command.run = [&command, flags] { return Rebuild(command, *flags); }; });

  auto wait = std::make_shared<bool>(false);
  CLI::App* run = verb->add_subcommand("run", "train all that is accepted by now");
  run->add_flag("--wait", *wait, "return when all of it is integrated, or cannot be");
  run->callback(
      [&command, wait] { command.run = [&command, wait] { return RunNow(command, *wait); }; });
}

}  // namespace imprint::client
