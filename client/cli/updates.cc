// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// imprint updates: when the weights are updated.

#include <iostream>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/command.h"
#include "client/cli/covered.h"
#include "client/cli/output.h"
#include "client/cli/table.h"
#include "client/cli/wait.h"
#include "nlohmann/json.hpp"

namespace imprint::client {
namespace {

nlohmann::ordered_json States(const std::vector<v1::Experience>& experiences) {
  auto array = nlohmann::ordered_json::array();
  for (const v1::Experience& experience : experiences) {
    array.push_back({{"name", experience.name()},
                     {"state", EnumName(*v1::ExperienceState_descriptor(), experience.state())},
                     {"state_reason", experience.state_reason()}});
  }
  return array;
}

void PrintOutcome(const Command& command, const v1::RunUpdateResponse& response,
                  const Covered& covered) {
  std::vector<v1::Experience> missing;
  for (const v1::Experience& experience : covered.waited_for) {
    if (!HasArrived(experience, WaitFor::kIntegrated)) missing.push_back(experience);
  }
  if (command.json) {
    nlohmann::ordered_json document = ToJson(response);
    document["integrated"] = missing.empty();
    document["not_integrated"] = States(missing);
    document["set_aside_before"] = States(covered.set_aside);
    std::cout << document.dump() << "\n";
    return;
  }
  const size_t waited = covered.waited_for.size();
  if (waited == 0) {
    std::cout << "nothing waited, up to experiences/" << response.last_sequence() << "\n";
  } else {
    std::cout << waited - missing.size() << " of " << waited << " integrated, up to experiences/"
              << response.last_sequence() << "\n";
  }
  for (const v1::Experience& experience : covered.set_aside) {
    std::cout << "not waited for: " << DescribeState(experience) << "\n";
  }
  if (!covered.set_aside.empty()) {
    std::cout << "imprint experiences release NAME lets one be trained again\n";
  }
}

int RunAndWait(const Command& command) {
  ExperiencesByName set_aside;
  if (const grpc::Status status = ListSetAside(command, set_aside); !status.ok()) {
    return command.Fail(status);
  }
  v1::RunUpdateResponse response;
  if (const grpc::Status status = AskForUpdate(command, response); !status.ok()) {
    return FailToAsk(command, status);
  }
  Covered covered;
  const grpc::Status listed = ListCovered(command, response.last_sequence(), set_aside, covered);
  if (!listed.ok()) return command.Fail(listed);
  const int code = Await(command, WaitFor::kIntegrated, covered.waited_for);
  if (code == kOk || code == kFailed) PrintOutcome(command, response, covered);
  return code;
}

int RunNow(const Command& command) {
  grpc::ClientContext context;
  command.client->Prepare(context);
  v1::RunUpdateResponse response;
  const grpc::Status status = command.client->admin().RunUpdate(&context, {}, &response);
  if (!status.ok()) return command.Fail(status);
  if (command.json) {
    Command::PrintJson(response);
  } else {
    std::cout << FormatCount(response.waiting(), "experience") << " to train, up to experiences/"
              << response.last_sequence() << "\n";
  }
  return kOk;
}

struct RebuildFlags {
  std::string anchor;
  bool dry_run = false;
  bool wait = false;
};

void PrintCost(const v1::RebuildCost& cost) {
  const auto known = [](bool has, const std::string& text) { return has ? text : "not known yet"; };
  const Rows rows = {
      {"from", absl::StrCat("versions/", cost.anchor())},
      {"experiences", absl::StrCat(cost.experiences())},
      {"target tokens", absl::StrCat(cost.target_tokens())},
      {"steps", known(cost.has_steps(), absl::StrCat("about ", cost.steps()))},
      {"trained tokens",
       known(cost.has_trained_tokens(), absl::StrCat("about ", cost.trained_tokens()))},
      {"time", known(cost.has_seconds(), absl::StrFormat("about %.0f s", cost.seconds()))},
  };
  std::cout << FormatFields(rows);
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

// Approves or drops a job.
template <typename Request, typename Response>
int Decide(const Command& command, const std::string& name, const char* outcome,
           grpc::Status (v1::AdminService::Stub::*call)(grpc::ClientContext*, const Request&,
                                                        Response*)) {
  grpc::ClientContext context;
  command.client->PrepareLong(context);
  Request request;
  request.set_name(ResourceName("jobs", name));
  Response response;
  const grpc::Status status = (command.client->admin().*call)(&context, request, &response);
  if (!status.ok()) return command.Fail(status);
  if (command.json) {
    Command::PrintJson(response.job());
  } else {
    std::cout << response.job().name() << " is " << outcome;
    if (response.job().version() > 0) {
      std::cout << ": versions/" << response.job().version() << " is current";
    }
    std::cout << "\n";
  }
  return kOk;
}

template <typename Request, typename Response>
void AddDecision(CLI::App& verb, Command& command, const char* word, const char* help,
                 const char* outcome,
                 grpc::Status (v1::AdminService::Stub::*call)(grpc::ClientContext*, const Request&,
                                                              Response*)) {
  auto name = std::make_shared<std::string>();
  CLI::App* sub = verb.add_subcommand(word, help);
  sub->add_option("job", *name, "jobs/N, or N")->type_name("")->required();
  sub->callback([&command, name, outcome, call] {
    command.run = [&command, name, outcome, call] { return Decide(command, *name, outcome, call); };
  });
}

}  // namespace

void AddUpdates(CLI::App& app, Command& command) {
  CLI::App* verb = app.add_subcommand("updates", "when the weights are updated");
  verb->require_subcommand(1);
  verb->add_subcommand("pause", "start no job until resumed; the running one ends as planned")
      ->callback([&command] {
        command.run = [&command] {
          grpc::ClientContext context;
          command.client->Prepare(context);
          v1::PauseUpdatesResponse response;
          const grpc::Status status = command.client->admin().PauseUpdates(&context, {}, &response);
          if (status.ok())
            std::cout << (command.json ? "{\"paused\":true}\n" : "updates are paused\n");
          return status.ok() ? kOk : command.Fail(status);
        };
      });
  verb->add_subcommand("resume", "go on, and try at once what stands still")->callback([&command] {
    command.run = [&command] {
      grpc::ClientContext context;
      command.client->Prepare(context);
      v1::ResumeUpdatesResponse response;
      const grpc::Status status = command.client->admin().ResumeUpdates(&context, {}, &response);
      if (status.ok()) std::cout << (command.json ? "{\"paused\":false}\n" : "updates go on\n");
      return status.ok() ? kOk : command.Fail(status);
    };
  });
  AddDecision(*verb, command, "approve",
              "publish what a job made, where that waits for it (--publish.approval=manual)",
              "approved", &v1::AdminService::Stub::ApproveJob);
  AddDecision(*verb, command, "drop",
              "do not publish what a job made; its experiences are held until released", "dropped",
              &v1::AdminService::Stub::DropJob);
  auto flags = std::make_shared<RebuildFlags>();
  CLI::App* rebuild = verb->add_subcommand(
      "rebuild", "make the version again from an older one and the stored target sentences");
  rebuild
      ->add_option("--anchor", flags->anchor,
                   "versions/N, or N, to start from; 0: the base; without: the newest that "
                   "carries little drift")
      ->type_name("VERSION");
  rebuild->add_flag("--dry_run", flags->dry_run, "only say what it costs");
  rebuild->add_flag("--wait", flags->wait, "return when it is done");
  rebuild->callback(
      [&command, flags] { command.run = [&command, flags] { return Rebuild(command, *flags); }; });

  auto wait = std::make_shared<bool>(false);
  CLI::App* run = verb->add_subcommand("run", "train all that is accepted by now");
  run->add_flag("--wait", *wait,
                "return when all of it is integrated, or cannot be (exit code 1); what was held or "
                "quarantined before is named, not waited for");
  run->callback([&command, wait] {
    command.run = [&command, wait] { return *wait ? RunAndWait(command) : RunNow(command); };
  });
}

}  // namespace imprint::client
