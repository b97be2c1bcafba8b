// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// imprint updates: when the weights are updated.

#include <iostream>
#include <memory>

#include "absl/strings/str_cat.h"
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
            &v1::ListExperiencesResponse::mutable_experiences, waiting);
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
  auto wait = std::make_shared<bool>(false);
  CLI::App* run = verb->add_subcommand("run", "train all that is accepted by now");
  run->add_flag("--wait", *wait, "return when all of it is integrated, or cannot be");
  run->callback(
      [&command, wait] { command.run = [&command, wait] { return RunNow(command, *wait); }; });
}

}  // namespace imprint::client
