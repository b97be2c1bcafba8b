// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// imprint events: what happens on the server, as it happens.

#include <cstdint>
#include <iostream>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "client/cli/command.h"
#include "client/cli/output.h"
#include "imprint/v1/admin_service.grpc.pb.h"

namespace imprint::client {
namespace {

struct EventFlags {
  int64_t after = 0;
  int64_t count = 0;
};

// "jobs/7 is rejected: ..." and the like.
std::string Describe(const v1::Event& event) {
  const auto of = [](absl::string_view name, const std::string& state, absl::string_view reason) {
    return absl::StrCat(name, " is ", state, reason.empty() ? "" : ": ", reason);
  };
  switch (event.kind_case()) {
    case v1::Event::kExperience: {
      const v1::Experience& one = event.experience();
      return of(one.name(), EnumName(*v1::ExperienceState_descriptor(), one.state()),
                one.state_reason());
    }
    case v1::Event::kJob: {
      const v1::Job& job = event.job();
      const int steps = job.progress().total_steps();
      return absl::StrCat(
          of(job.name(), EnumName(*v1::JobState_descriptor(), job.state()), job.state_reason()),
          steps > 0 && job.state() == v1::JOB_STATE_TRAINING
              ? absl::StrCat(", step ", job.progress().step(), " of ", steps)
              : "");
    }
    case v1::Event::kVersion:
      return absl::StrCat(event.version().name(), " is current");
    case v1::Event::KIND_NOT_SET:
      break;
  }
  return "something that this program does not know";
}

int Run(const Command& command, const EventFlags& flags) {
  grpc::ClientContext context;
  command.client->PrepareLong(context);
  v1::StreamEventsRequest request;
  request.set_after_id(flags.after);
  const auto reader = command.client->admin().StreamEvents(&context, request);
  v1::StreamEventsResponse response;
  for (int64_t seen = 0; reader->Read(&response);) {
    const v1::Event& event = response.event();
    if (command.json) {
      Command::PrintJson(event);
    } else {
      std::cout << FormatTime(event.time().seconds()) << "  " << event.id() << "  "
                << ForTerminal(Describe(event)) << "\n";
    }
    std::cout << std::flush;
    if (++seen == flags.count) {
      context.TryCancel();
      reader->Finish();
      return kOk;
    }
  }
  const grpc::Status status = reader->Finish();
  return status.ok() ? kOk : command.Fail(status);
}

}  // namespace

void AddEvents(CLI::App& app, Command& command) {
  auto flags = std::make_shared<EventFlags>();
  CLI::App* verb = app.add_subcommand(
      "events", "what happens, as it happens: experiences, jobs, versions; Ctrl-C ends it");
  verb->add_option(
          "--after", flags->after,
          "begin behind the event of this number, which the server may still have; 0: with "
          "the next one")
      ->type_name("ID")
      ->check(NotNegative())
      ->capture_default_str();
  verb->add_option("--count", flags->count, "end after so many; 0: go on")
      ->type_name("N")
      ->check(NotNegative())
      ->capture_default_str();
  verb->callback(
      [&command, flags] { command.run = [&command, flags] { return Run(command, *flags); }; });
}

}  // namespace imprint::client
