// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// imprint experiences: what the server was told.

#include <unistd.h>

#include <iostream>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "client/cli/calls.h"
#include "client/cli/command.h"
#include "client/cli/export_experiences.h"
#include "client/cli/learning_history.h"
#include "client/cli/output.h"
#include "client/cli/table.h"
#include "client/cli/text_width.h"
#include "client/cli/wait.h"

namespace imprint::client {
namespace {

const std::vector<Column> kListed = {{"NAME"},
                                     {"STATE"},
                                     {"VERSION"},
                                     {"EFFICACY"},
                                     {"TARGETS", Column::kOptional},
                                     {"CREATED", Column::kOptional},
                                     {"TEXT", Column::kText}};
const std::vector<Column> kTargets = {
    {"KIND"}, {"TOKENS", Column::kOptional}, {"PROMPT", Column::kText}, {"TEXT", Column::kText}};
// Jobs that are looked through for how well an experience was known.
constexpr int64_t kHistoryJobs = 1000;
const std::vector<Column> kCurve = {{"VERSION"}, {"EFFICACY"}};
const std::vector<Column> kProbes = {{"PROBE"},
                                     {"FROM", Column::kOptional},
                                     {"QUESTION", Column::kText},
                                     {"ANSWER WITH THE CONTEXT IN THE PROMPT", Column::kText}};

struct ListFlags {
  std::string state;
  std::vector<std::string> labels;
  int64_t limit = 0;
};

struct ForgetFlags {
  std::string name;
  std::string request_id;
  std::vector<std::string> labels;
  bool yes = false;
  bool wait = false;
};

// Asks on the terminal; false where there is none.
bool Confirmed(const char* question) {
  if (isatty(STDIN_FILENO) == 0) return false;
  std::cerr << question << " [y/N] " << std::flush;
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "yes";
}

std::string Content(const v1::Experience& experience) {
  if (experience.content().has_text()) return experience.content().text();
  std::string text;
  for (const v1::ChatMessage& message : experience.content().conversation().messages()) {
    absl::StrAppend(&text, message.role(), ": ", message.content(), "\n");
  }
  return text;
}

std::string StateName(const v1::Experience& experience) {
  return EnumName(*v1::ExperienceState_descriptor(), experience.state());
}

int List(const Command& command, const ListFlags& flags) {
  v1::ListExperiencesRequest request;
  if (!flags.state.empty()) {
    const auto* value = v1::ExperienceState_descriptor()->FindValueByName(
        absl::StrCat("EXPERIENCE_STATE_", absl::AsciiStrToUpper(flags.state)));
    if (value == nullptr) {
      return Command::Fail(kUsage, absl::StrCat("--state is \"", flags.state,
                                                "\"; it takes queued, ready, training, "
                                                "integrated, held, quarantined or forgotten"));
    }
    request.set_state(static_cast<v1::ExperienceState>(value->number()));
  }
  if (absl::Status status = ParseLabels(flags.labels, *request.mutable_labels()); !status.ok()) {
    return Command::Fail(kUsage, status.message());
  }
  std::vector<v1::Experience> experiences;
  const grpc::Status status =
      ListAll<v1::ListExperiencesRequest, v1::ListExperiencesResponse, v1::Experience>(
          *command.client, request, flags.limit,
          [&command](auto& context, const auto& page, auto* response) {
            return command.client->imprint().ListExperiences(&context, page, response);
          },
          &v1::ListExperiencesResponse::mutable_experiences, experiences);
  if (!status.ok()) return command.Fail(status);
  Rows rows;
  for (const v1::Experience& experience : experiences) {
    if (command.json) Command::PrintJson(experience);
    rows.push_back({experience.name(), StateName(experience),
                    experience.version() > 0 ? absl::StrCat(experience.version()) : "-",
                    FormatOptional(experience.has_efficacy(), experience.efficacy()),
                    absl::StrCat(experience.target_count()),
                    FormatTime(experience.create_time().seconds()), Content(experience)});
  }
  if (!command.json) std::cout << FormatTable(kListed, rows, OutputWidth());
  return kOk;
}

void PrintExperience(const v1::Experience& experience) {
  Rows rows = {
      {"name", experience.name()},
      {"state", experience.state_reason().empty()
                    ? StateName(experience)
                    : absl::StrCat(StateName(experience), ": ", experience.state_reason())},
      {"version", experience.version() > 0 ? absl::StrCat(experience.version()) : "-"},
      {"efficacy", FormatOptional(experience.has_efficacy(), experience.efficacy())},
      {"created", FormatTime(experience.create_time().seconds())},
      {"changed", FormatTime(experience.update_time().seconds())},
      {"request id", experience.request_id()},
  };
  for (const auto& [key, value] : experience.labels()) {
    rows.push_back({"label", absl::StrCat(key, "=", value)});
  }
  const std::string content = Content(experience);
  std::cout << FormatFields(rows) << "\n"
            << Printable(absl::StripTrailingAsciiWhitespace(content)) << "\n";
  if (!experience.targets().empty()) {
    Rows targets;
    for (const v1::StoredTarget& target : experience.targets()) {
      targets.push_back(
          {target.kind(), absl::StrCat(target.token_count()), target.prompt(), target.text()});
    }
    const bool cut = experience.targets_size() < experience.target_count();
    std::cout << "\nWhat it is trained on"
              << (cut ? absl::StrCat(", ", experience.targets_size(), " of ",
                                     experience.target_count())
                      : "")
              << ":\n"
              << FormatTable(kTargets, targets, OutputWidth());
  }
  if (!experience.probes().empty()) {
    Rows probes;
    for (const v1::Probe& probe : experience.probes()) {
      probes.push_back({probe.name(), probe.origin(), probe.question(), probe.teacher_answer()});
    }
    std::cout << "\nWhat it is measured by, and never trained on:\n"
              << FormatTable(kProbes, probes, OutputWidth());
  }
}

int Show(const Command& command, const std::string& word) {
  const std::string name = ResourceName("experiences", word);
  v1::Experience experience;
  const grpc::Status status = GetExperience(command, name, v1::EXPERIENCE_VIEW_FULL, experience);
  if (!status.ok()) return command.Fail(status);
  if (command.json) {
    Command::PrintJson(experience);
    return kOk;
  }
  PrintExperience(experience);
  std::vector<v1::Job> jobs;
  const grpc::Status listed = ListJobs(command, kHistoryJobs, jobs);
  if (!listed.ok()) return command.Fail(listed);
  const LearningHistory history = HistoryOf(jobs);
  Rows curve;
  const auto measured = history.find(name);
  if (measured == history.end()) return kOk;
  for (const MeasuredEfficacy& point : measured->second) {
    curve.push_back({absl::StrCat(point.version), FormatOptional(true, point.efficacy)});
  }
  std::cout << "\nHow well it was known where it was asked for:\n"
            << FormatTable(kCurve, curve, OutputWidth());
  return kOk;
}

int Release(const Command& command, const std::string& name) {
  grpc::ClientContext context;
  command.client->Prepare(context);
  v1::ReleaseExperienceRequest request;
  request.set_name(ResourceName("experiences", name));
  v1::ReleaseExperienceResponse response;
  const grpc::Status status =
      command.client->admin().ReleaseExperience(&context, request, &response);
  if (!status.ok()) return command.Fail(status);
  if (command.json) {
    Command::PrintJson(response.experience());
  } else {
    std::cout << response.experience().name() << " is " << StateName(response.experience()) << "\n";
  }
  return kOk;
}

int Forget(const Command& command, const ForgetFlags& flags) {
  v1::ForgetExperienceRequest request;
  if (!flags.name.empty()) request.set_name(ResourceName("experiences", flags.name));
  request.set_request_id(flags.request_id);
  if (absl::Status status = ParseLabels(flags.labels, *request.mutable_labels()); !status.ok()) {
    return Command::Fail(kUsage, status.message());
  }
  if (request.name().empty() && request.request_id().empty() && request.labels().empty()) {
    return Command::Fail(kUsage, "say which: a name, --request_id or --label");
  }
  if (!flags.yes && !Confirmed("This cannot be undone. Forget?")) {
    return Command::Fail(kUsage, "nothing is forgotten; say --yes");
  }
  grpc::ClientContext context;
  command.client->Prepare(context);
  v1::ForgetExperienceResponse response;
  const grpc::Status status =
      command.client->imprint().ForgetExperience(&context, request, &response);
  if (!status.ok()) return command.Fail(status);
  if (command.json) {
    Command::PrintJson(response);
  } else {
    for (const std::string& name : response.experiences()) {
      std::cout << name << " is forgotten\n";
    }
    if (response.experiences().empty()) std::cout << "nothing fits\n";
    if (response.rebuild_needed()) std::cout << "the version is made again without it\n";
  }
  return flags.wait ? AwaitForgotten(command) : kOk;
}

}  // namespace

void AddExperiences(CLI::App& app, Command& command) {
  CLI::App* verb = app.add_subcommand("experiences", "what the server was told");
  verb->require_subcommand(1);

  auto flags = std::make_shared<ListFlags>();
  CLI::App* list = verb->add_subcommand("list", "one line an experience, in the log's order");
  list->add_option("--state", flags->state,
                   "only this state: queued, ready, training, integrated, "
                   "held, quarantined or forgotten")
      ->type_name("STATE");
  list->add_option("--label", flags->labels, "only with this label; may be given several times")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  list->add_option("--limit", flags->limit, "at most this many; 0 or none: all")
      ->check(NotNegative())
      ->type_name("N");
  list->callback(
      [&command, flags] { command.run = [&command, flags] { return List(command, *flags); }; });

  auto exported = std::make_shared<std::vector<std::string>>();
  CLI::App* exports =
      verb->add_subcommand("export", "a line of JSON each, for `imprint inject FILE.jsonl`");
  exports->add_option("--label", *exported, "only with this label; may be given several times")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  exports->callback([&command, exported] {
    command.run = [&command, exported] { return Export(command, *exported); };
  });

  auto shown = std::make_shared<std::string>();
  CLI::App* show = verb->add_subcommand("show", "one with its target sentences and probes");
  show->add_option("name", *shown, "experiences/N, or N")->type_name("")->required();
  show->callback(
      [&command, shown] { command.run = [&command, shown] { return Show(command, *shown); }; });

  auto forgotten = std::make_shared<ForgetFlags>();
  CLI::App* forget =
      verb->add_subcommand("forget", "drop what was said, and make the version again without it");
  forget->add_option("name", forgotten->name, "experiences/N, or N")->type_name("");
  forget->add_option("--request_id", forgotten->request_id, "the id it was injected with")
      ->type_name("ID");
  forget
      ->add_option("--label", forgotten->labels, "all with this label; may be given several times")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  forget->add_flag("--yes", forgotten->yes, "do not ask");
  forget->add_flag("--wait", forgotten->wait,
                   "return when it is out of the weights and of the server's files");
  forget->callback([&command, forgotten] {
    command.run = [&command, forgotten] { return Forget(command, *forgotten); };
  });

  auto released = std::make_shared<std::string>();
  CLI::App* release =
      verb->add_subcommand("release", "let a held or quarantined one be trained again");
  release->add_option("name", *released, "experiences/N, or N")->type_name("")->required();
  release->callback([&command, released] {
    command.run = [&command, released] { return Release(command, *released); };
  });
}

}  // namespace imprint::client
