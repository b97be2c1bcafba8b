// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// imprint versions: the weights there are, and which of them answer.

#include <iostream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "client/cli/calls.h"
#include "client/cli/command.h"
#include "client/cli/output.h"
#include "client/cli/table.h"
#include "client/cli/version_diff.h"

namespace imprint::client {
namespace {

const char* StateOf(const v1::Version& version) {
  if (version.live()) return "live";
  return version.stored() ? "stored" : "dropped";
}

std::vector<std::string> Row(const v1::Version& version) {
  return {absl::StrCat(version.number(), version.current() ? " *" : ""),
          version.number() == 0 ? "-" : absl::StrCat(version.parent()),
          StateOf(version),
          absl::StrCat(version.experience_count()),
          FormatOptional(version.has_efficacy(), version.efficacy()),
          FormatOptional(version.number() > 0, version.retention_kl(), 4),
          version.job().empty() ? "-" : version.job(),
          FormatTime(version.create_time().seconds())};
}

const std::vector<Column> kListed = {{"VERSION"},  {"PARENT", Column::kOptional},
                                     {"STATE"},    {"EXPERIENCES"},
                                     {"EFFICACY"}, {"RETENTION KL"},
                                     {"JOB"},      {"CREATED", Column::kOptional}};

int List(const Command& command, int64_t limit) {
  std::vector<v1::Version> versions;
  const grpc::Status status = ListVersions(command, limit, versions);
  if (!status.ok()) return command.Fail(status);
  Rows rows;
  for (const v1::Version& version : versions) {
    if (command.json) Command::PrintJson(version);
    rows.push_back(Row(version));
  }
  if (!command.json) {
    std::cout << FormatTable(kListed, rows, OutputWidth())
              << "* answers now; retention KL in nats per token\n";
  }
  return kOk;
}

int Show(const Command& command, const std::string& name) {
  grpc::ClientContext context;
  command.client->Prepare(context);
  v1::GetVersionRequest request;
  request.set_name(VersionName(name));
  v1::GetVersionResponse response;
  const grpc::Status status = command.client->admin().GetVersion(&context, request, &response);
  if (!status.ok()) return command.Fail(status);
  if (command.json) {
    Command::PrintJson(response.version());
    return kOk;
  }
  const v1::Version& version = response.version();
  const bool base = version.number() == 0;
  std::cout << FormatFields(
      {{"name", version.name()},
       {"state", absl::StrCat(StateOf(version), version.current() ? ", answers now" : "")},
       {"parent", base ? "" : absl::StrCat("versions/", version.parent())},
       {"job", version.job()},
       {"created", base ? "" : FormatTime(version.create_time().seconds())},
       {"experiences", absl::StrCat(version.experience_count())},
       {"efficacy", base ? "" : FormatOptional(version.has_efficacy(), version.efficacy())},
       {"retention",
        base ? ""
             : absl::StrFormat("KL %.4f nats per token, perplexity x %.3f", version.retention_kl(),
                               version.retention_perplexity_ratio())},
       {"size", base ? "" : FormatBytes(version.size_bytes())},
       {"added", absl::StrJoin(version.added_experiences(), ", ")}});
  return kOk;
}

int Rollback(const Command& command, const std::string& name) {
  grpc::ClientContext context;
  command.client->PrepareLong(context);
  v1::RollbackVersionRequest request;
  request.set_name(VersionName(name));
  v1::RollbackVersionResponse response;
  const grpc::Status status = command.client->admin().RollbackVersion(&context, request, &response);
  if (!status.ok()) return command.Fail(status);
  if (command.json) {
    Command::PrintJson(response);
  } else {
    std::cout << "version " << response.version().number() << " answers now; "
              << FormatCount(response.held(), "experience") << " held\n";
  }
  return kOk;
}

struct DiffFlags {
  std::string before;
  std::string after = "latest";
  std::vector<std::string> experiences;
  bool all = false;
};

int Diff(const Command& command, const DiffFlags& flags) {
  std::vector<v1::RunProbesResponse> responses;
  for (const std::string& word : {flags.before, flags.after}) {
    const auto version = ParseVersion(word);
    if (!version.ok()) return Command::Fail(kUsage, version.status().message());
    const grpc::Status status =
        RunProbes(command, *version, flags.experiences, responses.emplace_back());
    if (!status.ok()) return command.Fail(status);
  }
  const std::vector<ProbeChange> changes = PairResults(responses[0], responses[1]);
  if (command.json) {
    for (const ProbeChange& change : changes) {
      if (!change.AnswerChanged() && !flags.all) continue;
      nlohmann::ordered_json line;
      line["before"] = ToJson(change.before);
      line["after"] = ToJson(change.after);
      std::cout << line.dump() << "\n";
    }
    return kOk;
  }
  const auto title = [](int64_t number) {
    return number == 0 ? std::string("[base]") : absl::StrCat("[version ", number, "]");
  };
  std::cout << FormatChanges(changes, flags.all, title(responses[0].version()),
                             title(responses[1].version()), OutputWidth());
  return kOk;
}

void AddDiff(CLI::App& verb, Command& command) {
  auto flags = std::make_shared<DiffFlags>();
  CLI::App* diff = verb.add_subcommand("diff", "probes of two versions, answers side by side");
  diff->add_option("before", flags->before, "base, latest or a number; it must be live")
      ->type_name("")
      ->required();
  diff->add_option("after", flags->after, "likewise")->type_name("")->capture_default_str();
  diff->add_option("--experience", flags->experiences,
                   "only probes of this one; may be given several times")
      ->type_name("NAME")
      ->allow_extra_args(false);
  diff->add_flag("--all", flags->all, "equal answers too");
  diff->callback(
      [&command, flags] { command.run = [&command, flags] { return Diff(command, *flags); }; });
}

}  // namespace

void AddVersions(CLI::App& app, Command& command) {
  CLI::App* verb = app.add_subcommand("versions", "sets of weights, and which of them answers");
  verb->require_subcommand(1);
  auto limit = std::make_shared<int64_t>(0);
  CLI::App* list =
      verb->add_subcommand("list", "one line a version, newest first; the base is the last");
  list->add_option("--limit", *limit, "at most this many; 0 or none: all")
      ->check(NotNegative())
      ->type_name("N");
  list->callback(
      [&command, limit] { command.run = [&command, limit] { return List(command, *limit); }; });
  auto shown = std::make_shared<std::string>();
  CLI::App* show = verb->add_subcommand("show", "one, with the experiences it added");
  show->add_option("name", *shown, "versions/N, N, or base")->type_name("")->required();
  show->callback(
      [&command, shown] { command.run = [&command, shown] { return Show(command, *shown); }; });
  auto target = std::make_shared<std::string>();
  CLI::App* rollback = verb->add_subcommand(
      "rollback", "make another version answer; what it does not contain is held");
  rollback->add_option("name", *target, "versions/N, N, or base")->type_name("")->required();
  rollback->callback([&command, target] {
    command.run = [&command, target] { return Rollback(command, *target); };
  });
  AddDiff(*verb, command);
}

}  // namespace imprint::client
