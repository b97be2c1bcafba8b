// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// imprint jobs: how the weights were updated.

#include <iostream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "client/cli/calls.h"
#include "client/cli/command.h"
#include "client/cli/job_progress.h"
#include "client/cli/output.h"
#include "client/cli/table.h"

namespace imprint::client {
namespace {

constexpr absl::Duration kPollEvery = absl::Milliseconds(300);
const std::vector<Column> kListed = {{"NAME"},
                                     {"STATE"},
                                     {"EXPERIENCES"},
                                     {"VERSION"},
                                     {"EFFICACY"},
                                     {"RETENTION KL"},
                                     {"STEPS", Column::kOptional},
                                     {"CREATED", Column::kOptional},
                                     {"REASON", Column::kText}};

std::string StateName(const v1::Job& job) {
  return EnumName(*v1::JobState_descriptor(), job.state());
}

bool IsOver(const v1::Job& job) {
  return job.state() == v1::JOB_STATE_COMMITTED || job.state() == v1::JOB_STATE_REJECTED ||
         job.state() == v1::JOB_STATE_FAILED || job.state() == v1::JOB_STATE_CANCELLED;
}

// A report is there from the beginning; its numbers come after training.
bool HasMeasured(const v1::Job& job) { return job.report().steps() > 0; }

int List(const Command& command, int64_t limit) {
  std::vector<v1::Job> jobs;
  const grpc::Status status = ListJobs(command, limit, jobs);
  if (!status.ok()) return command.Fail(status);
  Rows rows;
  for (const v1::Job& job : jobs) {
    if (command.json) Command::PrintJson(job);
    rows.push_back({job.name(), StateName(job), absl::StrCat(job.experience_count()),
                    job.version() > 0 ? absl::StrCat(job.version()) : "-",
                    FormatOptional(job.report().has_efficacy(), job.report().efficacy()),
                    FormatOptional(HasMeasured(job), job.report().retention_kl(), 4),
                    HasMeasured(job) ? absl::StrCat(job.report().steps()) : "-",
                    FormatTime(job.create_time().seconds()), job.state_reason()});
  }
  if (!command.json) std::cout << FormatTable(kListed, rows, OutputWidth());
  return kOk;
}

// The phases in their order; a map of protobuf has none.
void AddPhases(const v1::JobReport& report, Rows& rows) {
  for (const char* phase : {"plan", "train", "gate", "publish"}) {
    const auto found = report.phase_seconds().find(phase);
    if (found == report.phase_seconds().end()) continue;
    rows.push_back({absl::StrCat("time to ", phase), absl::StrFormat("%.1f s", found->second)});
  }
}

void PrintJob(const v1::Job& job) {
  Rows rows = {
      {"name", job.name()},
      {"state", job.state_reason().empty()
                    ? StateName(job)
                    : absl::StrCat(StateName(job), ": ", job.state_reason())},
      {"version", job.version() > 0
                      ? absl::StrCat(job.version(), ", made from ", job.parent_version())
                      : absl::StrCat("none, begun from ", job.parent_version())},
      {"kind", job.trigger() == v1::JOB_TRIGGER_UNSPECIFIED
                   ? EnumName(*v1::JobKind_descriptor(), job.kind())
                   : absl::StrCat(EnumName(*v1::JobKind_descriptor(), job.kind()), ", for ",
                                  EnumName(*v1::JobTrigger_descriptor(), job.trigger()))},
      {"attempt", absl::StrCat(job.attempt())},
      {"created", FormatTime(job.create_time().seconds())},
      {"changed", FormatTime(job.update_time().seconds())},
  };
  const std::string training = DescribeTraining(job);
  if (!IsOver(job) && !training.empty()) rows.push_back({"training", training});
  if (HasMeasured(job)) {
    const v1::JobReport& report = job.report();
    rows.push_back({"efficacy", FormatOptional(report.has_efficacy(), report.efficacy())});
    rows.push_back({"earlier efficacy",
                    FormatOptional(report.has_earlier_efficacy(), report.earlier_efficacy())});
    if (report.has_forgotten_efficacy()) {
      rows.push_back({"forgotten efficacy", FormatOptional(true, report.forgotten_efficacy())});
    }
    rows.push_back(
        {"retention", absl::StrFormat("KL %.4f nats per token, perplexity x %.3f",
                                      report.retention_kl(), report.retention_perplexity_ratio())});
    rows.push_back({"trained", absl::StrCat(FormatCount(report.steps(), "step"), ", ",
                                            FormatCount(report.trained_tokens(), "token"))});
    AddPhases(report, rows);
  }
  std::cout << FormatFields(rows);
  Rows learned;
  for (const v1::ExperienceEfficacy& entry : job.report().experience_efficacies()) {
    learned.push_back({entry.experience(), FormatOptional(entry.has_efficacy(), entry.efficacy())});
  }
  if (learned.empty()) {  // before it is measured: the names alone
    for (const std::string& name : job.experiences()) learned.push_back({name, "-"});
  }
  std::cout << "\n" << FormatTable({{"EXPERIENCE"}, {"EFFICACY"}}, learned, OutputWidth());
}

int Show(const Command& command, const std::string& name) {
  v1::Job job;
  const grpc::Status status = GetJob(command, ResourceName("jobs", name), job);
  if (!status.ok()) return command.Fail(status);
  if (command.json) {
    Command::PrintJson(job);
  } else {
    PrintJob(job);
  }
  return kOk;
}

// Follows a job to its end; without a name the one that runs.
int Watch(const Command& command, const std::string& given) {
  std::string name = given;
  if (name.empty()) {
    v1::GetStatusResponse server;
    const grpc::Status status = GetStatus(command, server);
    if (!status.ok()) return command.Fail(status);
    if (server.running_job().empty()) return Command::Fail(kFailed, "no job runs");
    name = server.running_job();
  }
  name = ResourceName("jobs", name);
  ProgressBar bar(!command.json);
  v1::Job job;
  std::string printed;
  while (true) {
    const grpc::Status status = GetJob(command, name, job);
    if (!status.ok()) {
      bar.Clear();
      return command.Fail(status);
    }
    if (IsOver(job)) break;
    if (command.json) {
      // A line whenever something moved.
      std::string line = ToJson(job).dump();
      if (line != printed) std::cout << line << "\n" << std::flush;
      printed = std::move(line);
    } else {
      bar.Show(TrainedFraction(job), DescribeProgress(job));
    }
    absl::SleepFor(kPollEvery);
  }
  bar.Clear();
  if (command.json) {
    Command::PrintJson(job);
  } else {
    PrintJob(job);
  }
  return job.state() == v1::JOB_STATE_COMMITTED ? kOk : kFailed;
}

int Cancel(const Command& command, const std::string& name) {
  grpc::ClientContext context;
  command.client->Prepare(context);
  v1::CancelJobRequest request;
  request.set_name(ResourceName("jobs", name));
  v1::CancelJobResponse response;
  const grpc::Status status = command.client->admin().CancelJob(&context, request, &response);
  if (!status.ok()) return command.Fail(status);
  if (command.json) {
    Command::PrintJson(response.job());
  } else {
    std::cout << response.job().name() << " is being cancelled\n";
  }
  return kOk;
}

// Adds a verb that takes one job's name.
void AddNamed(CLI::App& verb, Command& command, const char* word, const char* help, bool required,
              int (*run)(const Command&, const std::string&)) {
  auto name = std::make_shared<std::string>();
  CLI::App* sub = verb.add_subcommand(word, help);
  sub->add_option("name", *name, "jobs/N, or N")->type_name("")->required(required);
  sub->callback([&command, name, run] {
    command.run = [&command, name, run] { return run(command, *name); };
  });
}

}  // namespace

void AddJobs(CLI::App& app, Command& command) {
  CLI::App* verb = app.add_subcommand("jobs", "update jobs: how experiences became a version");
  verb->require_subcommand(1);
  auto limit = std::make_shared<int64_t>(20);
  CLI::App* list = verb->add_subcommand("list", "one line a job, newest first");
  list->add_option("--limit", *limit, "at most this many; 0: all")
      ->check(NotNegative())
      ->type_name("N")
      ->capture_default_str();
  list->callback(
      [&command, limit] { command.run = [&command, limit] { return List(command, *limit); }; });
  AddNamed(*verb, command, "show", "one with what it measured", true, Show);
  AddNamed(*verb, command, "watch", "follow one to its end (without a name: the running one)",
           false, Watch);
  AddNamed(*verb, command, "cancel", "stop one at its next step; its experiences are held", true,
           Cancel);
}

}  // namespace imprint::client
