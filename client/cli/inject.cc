// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// imprint inject: tells the model something.

#include <algorithm>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/cli/command.h"
#include "client/cli/inject_source.h"
#include "client/cli/output.h"
#include "client/cli/wait.h"
#include "common/status_macros.h"
#include "google/protobuf/util/time_util.h"

namespace imprint::client {
namespace {

struct InjectFlags {
  std::vector<std::string> sources;
  std::string text;
  std::string request_id;
  std::vector<std::string> labels;
  std::string supersedes;
  std::string ttl;
  std::string wait = "accepted";
};

// Fills `request`; INVALID_ARGUMENT: not a duration.
absl::Status SetTtl(const std::string& word, v1::InjectContextRequest& request) {
  if (word.empty()) return absl::OkStatus();
  absl::Duration ttl;
  constexpr int64_t kHoursOfACentury = 876'600;
  if (!absl::ParseDuration(word, &ttl) || ttl <= absl::ZeroDuration() ||
      ttl > absl::Hours(kHoursOfACentury)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--ttl is \"", word,
                     "\"; give a duration such as 90s, 30m or 720h, of at most a hundred years"));
  }
  *request.mutable_ttl() =
      google::protobuf::util::TimeUtil::MicrosecondsToDuration(absl::ToInt64Microseconds(ttl));
  return absl::OkStatus();
}

absl::Status ApplyFlags(const InjectFlags& flags, std::vector<SourceItem>& items) {
  for (const auto& [flag, value] :
       {std::pair("--request_id", flags.request_id), {"--supersedes", flags.supersedes}}) {
    if (!value.empty() && items.size() != 1) {
      return absl::InvalidArgumentError(
          absl::StrCat(flag, " goes with one experience, not ", items.size()));
    }
  }
  for (SourceItem& item : items) {
    if (!flags.request_id.empty()) item.request.set_request_id(flags.request_id);
    if (!flags.supersedes.empty()) item.request.set_supersedes(flags.supersedes);
    IMPRINT_RETURN_IF_ERROR(ParseLabels(flags.labels, *item.request.mutable_labels()));
    IMPRINT_RETURN_IF_ERROR(SetTtl(flags.ttl, item.request));
  }
  return absl::OkStatus();
}

WaitFor ParseWait(const std::string& word) {
  if (word == "ready") return WaitFor::kReady;
  return word == "integrated" ? WaitFor::kIntegrated : WaitFor::kAccepted;
}

void Print(const Command& command, const std::vector<v1::Experience>& experiences) {
  for (const v1::Experience& experience : experiences) {
    if (command.json) {
      Command::PrintJson(experience);
      continue;
    }
    std::cout << experience.name() << " "
              << EnumName(*v1::ExperienceState_descriptor(), experience.state());
    if (experience.version() > 0) std::cout << " in version " << experience.version();
    if (experience.has_efficacy()) {
      std::cout << ", efficacy " << FormatOptional(true, experience.efficacy());
    }
    if (!experience.state_reason().empty()) std::cout << ": " << experience.state_reason();
    std::cout << "\n";
  }
}

// Waiting for the weights means wanting them now, not when enough others wait too. A caller
// without the right to ask for it waits for the scheduler.
int WantThemNow(const Command& command) {
  v1::RunUpdateResponse response;
  const grpc::Status status = AskForUpdate(command, response);
  if (status.ok() || status.error_code() == grpc::StatusCode::PERMISSION_DENIED ||
      status.error_code() == grpc::StatusCode::UNIMPLEMENTED) {
    return kOk;
  }
  return FailToAsk(command, status);
}

int Wait(const Command& command, WaitFor wait_for, std::vector<v1::Experience>& experiences) {
  if (wait_for == WaitFor::kAccepted) return kOk;
  // What was sent before may be there already: that asks for no update.
  const bool all_over =
      std::all_of(experiences.begin(), experiences.end(), [&](const v1::Experience& experience) {
        return HasArrived(experience, wait_for) || IsSetAside(experience);
      });
  if (wait_for == WaitFor::kIntegrated && !all_over) {
    if (const int code = WantThemNow(command); code != kOk) return code;
  }
  return Await(command, wait_for, experiences);
}

int Run(const Command& command, const InjectFlags& flags) {
  auto items = ReadSources(flags.sources, flags.text);
  if (!items.ok()) return Command::Fail(kUsage, items.status().message());
  if (absl::Status status = ApplyFlags(flags, *items); !status.ok()) {
    return Command::Fail(kUsage, status.message());
  }
  std::vector<v1::Experience> experiences;
  ProgressBar bar(!command.json && items->size() > 1);
  for (const SourceItem& item : *items) {
    grpc::ClientContext context;
    command.client->Prepare(context);
    v1::InjectContextResponse response;
    const grpc::Status status =
        command.client->imprint().InjectContext(&context, item.request, &response);
    if (!status.ok()) {
      bar.Clear();
      Print(command, experiences);
      if (items->size() > 1) {
        Command::Fail(
            kFailed, absl::StrCat("stopped at item ", experiences.size() + 1, " of ", items->size(),
                                  item.origin.empty() ? "" : ", ", item.origin, ":"));
      }
      return command.Fail(status);
    }
    experiences.push_back(response.experience());
    bar.Show(static_cast<double>(experiences.size()) / static_cast<double>(items->size()),
             absl::StrCat(experiences.size(), " of ", items->size(), " accepted"));
  }
  bar.Clear();
  const int code = Wait(command, ParseWait(flags.wait), experiences);
  Print(command, experiences);
  return code;
}

}  // namespace

void AddInject(CLI::App& app, Command& command) {
  auto flags = std::make_shared<InjectFlags>();
  CLI::App* inject = app.add_subcommand("inject", "tell the model something");
  inject->add_option("source", flags->sources,
                     "a text; or - for standard input (one experience); or a file of text; or a "
                     ".jsonl file with an experience a line ({\"text\": ...} or {\"messages\": "
                     "[...]}, with request_id, labels, targets, probes); or a folder of these "
                     "(.txt, .md, .jsonl)");
  inject->add_option("--text", flags->text, "the text itself, whatever it looks like")
      ->type_name("TEXT");
  inject
      ->add_option("--request_id", flags->request_id,
                   "sent again with the same text it is stored once")
      ->type_name("ID");
  inject->add_option("--label", flags->labels, "may be given several times")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  inject
      ->add_option("--supersedes", flags->supersedes,
                   "experiences/N, or the request_id, of what this one replaces: it is forgotten "
                   "when this one goes into the weights")
      ->type_name("NAME");
  inject->add_option("--ttl", flags->ttl, "forget it after so long: 90s, 30m, 720h")
      ->type_name("TIME");
  inject
      ->add_option("--wait", flags->wait,
                   "until all is durable (accepted), its target sentences are written (ready), or "
                   "it is in the weights (integrated); or cannot be")
      ->type_name("accepted|ready|integrated")
      ->check(CLI::IsMember({"accepted", "ready", "integrated"}).description(""))
      ->capture_default_str();
  inject->callback(
      [&command, flags] { command.run = [&command, flags] { return Run(command, *flags); }; });
}

}  // namespace imprint::client
