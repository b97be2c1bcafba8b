// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// imprint report: what the model learned and forgot, as one page.

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/cli/calls.h"
#include "client/cli/command.h"
#include "client/cli/output.h"
#include "client/cli/report_page.h"

namespace imprint::client {
namespace {

constexpr int64_t kJobs = 1000;
constexpr int64_t kVersions = 1000;

struct ReportFlags {
  std::string out = "report.html";
  int64_t experiences = 20;
};

// The newest experiences that could be measured, newest first.
std::vector<std::string> NewestMeasured(const std::vector<v1::Job>& jobs, int64_t limit) {
  std::vector<std::string> names;
  for (const v1::Job& job : jobs) {
    if (job.state() != v1::JOB_STATE_COMMITTED) continue;
    for (const v1::ExperienceEfficacy& entry : job.report().experience_efficacies()) {
      if (static_cast<int64_t>(names.size()) >= limit) return names;
      if (entry.has_efficacy()) names.push_back(entry.experience());
    }
  }
  return names;
}

grpc::Status Collect(const Command& command, const ReportFlags& flags, ReportData& data) {
  data.time = absl::Now();
  data.server = command.options.server;
  grpc::Status status = GetStatus(command, data.status);
  if (status.ok()) status = ListJobs(command, kJobs, data.jobs);
  if (status.ok()) status = ListVersions(command, kVersions, data.versions);
  if (!status.ok()) return status;
  const std::vector<std::string> experiences = NewestMeasured(data.jobs, flags.experiences);
  if (experiences.empty()) return status;
  v1::VersionSelector base, current;
  base.set_base(true);
  current.set_number(data.status.version());
  v1::RunProbesResponse before, after;
  status = RunProbes(command, base, experiences, before);
  if (status.ok()) status = RunProbes(command, current, experiences, after);
  data.answers = PairResults(before, after);
  return status;
}

int Run(const Command& command, const ReportFlags& flags) {
  ReportData data;
  if (const grpc::Status status = Collect(command, flags, data); !status.ok()) {
    return command.Fail(status);
  }
  std::ofstream file(flags.out, std::ios::binary | std::ios::trunc);
  file << MakeReportPage(data);
  file.close();
  if (!file) {
    return Command::Fail(
        kUsage, absl::StrCat("cannot write ", flags.out, ": ", std::strerror(errno), " (--out)"));
  }
  if (command.json) {
    nlohmann::ordered_json line;
    line["out"] = flags.out;
    line["versions"] = data.versions.size();
    line["jobs"] = data.jobs.size();
    line["answers"] = data.answers.size();
    std::cout << line.dump() << "\n";
  } else {
    std::cout << flags.out << "\n";
  }
  return kOk;
}

}  // namespace

void AddReport(CLI::App& app, Command& command) {
  auto flags = std::make_shared<ReportFlags>();
  CLI::App* verb = app.add_subcommand("report", "learned and forgotten, as one page of HTML");
  verb->add_option("--out", flags->out, "the file to write")
      ->type_name("FILE")
      ->capture_default_str();
  verb->add_option("--experiences", flags->experiences,
                   "ask the probes of so many of the newest experiences; 0: none")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  verb->callback(
      [&command, flags] { command.run = [&command, flags] { return Run(command, *flags); }; });
}

}  // namespace imprint::client
