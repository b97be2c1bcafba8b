// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// imprint probes: questions that measure what a version knows.

#include <iostream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/calls.h"
#include "client/cli/command.h"
#include "client/cli/output.h"
#include "client/cli/table.h"
#include "client/cli/text_width.h"

namespace imprint::client {
namespace {

constexpr size_t kAnswerWidth = 500;
const std::vector<Column> kListed = {
    {"NAME"}, {"OF"}, {"FROM", Column::kOptional}, {"QUESTION", Column::kText}};
const std::vector<Column> kAsked = {{"PROBE"},
                                    {"OF"},
                                    {"EFFICACY"},
                                    {"KL", Column::kOptional},
                                    {"KL OF BASE", Column::kOptional},
                                    {"QUESTION", Column::kText},
                                    {"ANSWER", Column::kText}};

struct AddFlags {
  std::string experience;
  std::string question;
  std::string expected;
};

struct RunFlags {
  std::string version = "latest";
  std::vector<std::string> experiences;
};

std::string Owner(const v1::Probe& probe) {
  return probe.experience().empty() ? "retention" : probe.experience();
}

int Add(const Command& command, const AddFlags& flags) {
  grpc::ClientContext context;
  command.client->PrepareLong(context);
  v1::CreateProbeRequest request;
  if (!flags.experience.empty()) {
    request.set_experience(ResourceName("experiences", flags.experience));
  }
  request.set_question(flags.question);
  request.set_expected_answer(flags.expected);
  v1::CreateProbeResponse response;
  const grpc::Status status = command.client->admin().CreateProbe(&context, request, &response);
  if (!status.ok()) return command.Fail(status);
  if (command.json) {
    Command::PrintJson(response.probe());
  } else {
    const v1::Probe& probe = response.probe();
    std::cout << probe.name() << " of " << Owner(probe) << "; the base model answers"
              << (probe.experience().empty() ? ":" : " with the context in its prompt:") << "\n  "
              << Shorten(probe.teacher_answer(), kAnswerWidth) << "\n";
  }
  return kOk;
}

int List(const Command& command, const std::string& experience) {
  v1::ListProbesRequest request;
  if (!experience.empty()) request.set_experience(ResourceName("experiences", experience));
  std::vector<v1::Probe> probes;
  const grpc::Status status = ListAll<v1::ListProbesRequest, v1::ListProbesResponse, v1::Probe>(
      *command.client, request, 0,
      [&command](auto& context, const auto& page, auto* response) {
        return command.client->admin().ListProbes(&context, page, response);
      },
      &v1::ListProbesResponse::mutable_probes, probes);
  if (!status.ok()) return command.Fail(status);
  Rows rows;
  for (const v1::Probe& probe : probes) {
    if (command.json) Command::PrintJson(probe);
    rows.push_back({probe.name(), Owner(probe), probe.origin(), probe.question()});
  }
  if (!command.json) std::cout << FormatTable(kListed, rows, OutputWidth());
  return kOk;
}

int Remove(const Command& command, const std::string& name) {
  grpc::ClientContext context;
  command.client->Prepare(context);
  v1::DeleteProbeRequest request;
  request.set_name(ResourceName("probes", name));
  v1::DeleteProbeResponse response;
  const grpc::Status status = command.client->admin().DeleteProbe(&context, request, &response);
  if (!status.ok()) return command.Fail(status);
  if (command.json) {
    std::cout << "{\"removed\":\"" << request.name() << "\"}\n";
  } else {
    std::cout << request.name() << " is removed\n";
  }
  return kOk;
}

int Run(const Command& command, const RunFlags& flags) {
  const auto selector = ParseVersion(flags.version);
  if (!selector.ok()) return Command::Fail(kUsage, selector.status().message());
  v1::RunProbesResponse response;
  const grpc::Status status = RunProbes(command, *selector, flags.experiences, response);
  if (!status.ok()) return command.Fail(status);
  Rows rows;
  for (const v1::ProbeResult& result : response.results()) {
    if (command.json) Command::PrintJson(result);
    rows.push_back({result.probe().name(), Owner(result.probe()),
                    FormatOptional(result.has_efficacy(), result.efficacy()),
                    absl::StrFormat("%.2f", result.kl_student()),
                    absl::StrFormat("%.2f", result.kl_base()), result.probe().question(),
                    result.answer()});
  }
  if (!command.json) {
    std::cout << FormatTable(kAsked, rows, OutputWidth()) << "asked of version "
              << response.version() << "; KL in nats, summed over the teacher's answer\n";
  }
  return kOk;
}

}  // namespace

void AddProbes(CLI::App& app, Command& command) {
  CLI::App* verb = app.add_subcommand("probes", "questions that measure what a version knows");
  verb->require_subcommand(1);

  auto added = std::make_shared<AddFlags>();
  CLI::App* add = verb->add_subcommand("add", "add a question, which is never trained on");
  add->add_option("question", added->question, "the question")->type_name("")->required();
  add->add_option("--experience", added->experience,
                  "the experience it asks about; none: a retention probe, whose answer "
                  "by the base model must stay")
      ->type_name("NAME");
  add->add_option("--expected", added->expected, "what a right answer says")->type_name("TEXT");
  add->callback(
      [&command, added] { command.run = [&command, added] { return Add(command, *added); }; });

  auto of = std::make_shared<std::string>();
  CLI::App* list = verb->add_subcommand("list", "one line a probe, of all or of one experience");
  list->add_option("--experience", *of, "only of this one")->type_name("NAME");
  list->callback([&command, of] { command.run = [&command, of] { return List(command, *of); }; });

  auto removed = std::make_shared<std::string>();
  CLI::App* remove = verb->add_subcommand("remove", "ask one no more");
  remove->add_option("name", *removed, "probes/N, or N")->type_name("")->required();
  remove->callback([&command, removed] {
    command.run = [&command, removed] { return Remove(command, *removed); };
  });

  auto run_flags = std::make_shared<RunFlags>();
  CLI::App* run = verb->add_subcommand("run", "ask them now, of one version");
  run->add_option("--version", run_flags->version, "which weights answer: latest, base or a number")
      ->type_name("VERSION")
      ->capture_default_str();
  run->add_option("--experience", run_flags->experiences,
                  "only of this one; may be given several times")
      ->type_name("NAME")
      ->allow_extra_args(false);
  run->callback([&command, run_flags] {
    command.run = [&command, run_flags] { return Run(command, *run_flags); };
  });
}

}  // namespace imprint::client
