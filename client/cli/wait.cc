// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/cli/wait.h"

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/cli/calls.h"
#include "client/cli/job_progress.h"
#include "client/cli/output.h"
#include "client/cli/standstill.h"
#include "client/poll.h"

namespace imprint::client {
namespace {

// Shares of the way into the weights, for the bar: until the target sentences are written,
// until a job takes them, and what the job's training is.
constexpr double kQueued = 0.05;
constexpr double kReady = 0.3;
constexpr double kTraining = 0.4;
constexpr double kTrainingShare = 0.55;  // what is left is the gate and the switch

// One look at all that is waited for.
struct Tally {
  size_t arrived = 0;
  size_t set_aside = 0;
  size_t training = 0;
  bool moved = false;
  double done = 0;
};

const char* Name(WaitFor wait_for) {
  return wait_for == WaitFor::kIntegrated ? "integrated" : "ready";
}

double Fraction(const v1::Experience& experience, WaitFor wait_for) {
  if (HasArrived(experience, wait_for) || IsSetAside(experience)) return 1;
  switch (experience.state()) {
    case v1::EXPERIENCE_STATE_READY:
      return kReady;
    case v1::EXPERIENCE_STATE_TRAINING:
      return kTraining;
    default:
      return kQueued;
  }
}

grpc::Status Refresh(const Command& command, Poll& poll, v1::Experience& experience) {
  const std::string name = experience.name();
  const grpc::Status status = poll.Patiently(
      [&] { return GetExperience(command, name, v1::EXPERIENCE_VIEW_STATE, experience); });
  if (status.ok()) experience.clear_content();  // an earlier server does not know that view
  return status;
}

grpc::Status LookAtAll(const Command& command, WaitFor wait_for, Poll& poll,
                       std::vector<v1::Experience>& experiences, Tally& tally) {
  for (v1::Experience& experience : experiences) {
    if (!HasArrived(experience, wait_for) && !IsSetAside(experience)) {
      const v1::ExperienceState before = experience.state();
      const grpc::Status status = Refresh(command, poll, experience);
      if (!status.ok()) return status;
      tally.moved |= experience.state() != before;
    }
    tally.arrived += HasArrived(experience, wait_for) ? 1 : 0;
    tally.set_aside += !HasArrived(experience, wait_for) && IsSetAside(experience) ? 1 : 0;
    tally.training += experience.state() == v1::EXPERIENCE_STATE_TRAINING ? 1 : 0;
    tally.done += Fraction(experience, wait_for);
  }
  return grpc::Status::OK;
}

// What the running job adds to the bar: its share of the training, and words for it.
double JobFraction(const Command& command, const std::string& running_job, std::string& words) {
  v1::Job job;
  if (running_job.empty() || !GetJob(command, running_job, job).ok()) return 0;
  absl::StrAppend(&words, "; ", DescribeProgress(job));
  return TrainedFraction(job);
}

}  // namespace

bool HasArrived(const v1::Experience& experience, WaitFor wait_for) {
  switch (wait_for) {
    case WaitFor::kAccepted:
      return true;
    case WaitFor::kReady:
      return experience.state() == v1::EXPERIENCE_STATE_READY ||
             experience.state() == v1::EXPERIENCE_STATE_TRAINING ||
             experience.state() == v1::EXPERIENCE_STATE_INTEGRATED;
    case WaitFor::kIntegrated:
      return experience.state() == v1::EXPERIENCE_STATE_INTEGRATED;
  }
  return false;
}

bool IsSetAside(const v1::Experience& experience) {
  return experience.state() == v1::EXPERIENCE_STATE_HELD ||
         experience.state() == v1::EXPERIENCE_STATE_QUARANTINED ||
         experience.state() == v1::EXPERIENCE_STATE_FORGOTTEN;
}

std::string DescribeState(const v1::Experience& experience) {
  std::string text = absl::StrCat(experience.name(), " is ",
                                  EnumName(*v1::ExperienceState_descriptor(), experience.state()));
  if (!experience.state_reason().empty()) absl::StrAppend(&text, ": ", experience.state_reason());
  return text;
}

grpc::Status AskForUpdate(const Command& command, v1::RunUpdateResponse& response) {
  ProgressBar bar(!command.json);
  Standstill standstill;
  Poll poll;
  while (true) {
    const grpc::Status refused = poll.Patiently([&] {
      grpc::ClientContext context;
      command.client->Prepare(context);
      return command.client->admin().RunUpdate(&context, {}, &response);
    });
    if (refused.error_code() != grpc::StatusCode::FAILED_PRECONDITION) return refused;
    v1::GetStatusResponse server;
    const grpc::Status status = poll.Patiently([&] { return GetStatus(command, server); });
    if (!status.ok()) return status;
    // Whatever runs: it does not take what was refused.
    server.clear_running_job();
    if (server.updates_stopped_reason().empty()) {
      server.set_updates_stopped_reason(refused.error_message());
    }
    const std::string reason = standstill.Observe(absl::Now(), server, /*moved=*/false);
    if (!reason.empty()) return grpc::Status(grpc::StatusCode::FAILED_PRECONDITION, reason);
    bar.Show(0, absl::StrCat("updates stand still: ", server.updates_stopped_reason()));
    poll.Sleep();
  }
}

int FailToAsk(const Command& command, const grpc::Status& status) {
  return status.error_code() == grpc::StatusCode::FAILED_PRECONDITION
             ? Command::Fail(kFailed, status.error_message())
             : command.Fail(status);
}

int Await(const Command& command, WaitFor wait_for, std::vector<v1::Experience>& experiences) {
  ProgressBar bar(!command.json);
  Standstill standstill;
  Poll poll;
  std::string reason;
  bool may_see_status = wait_for == WaitFor::kIntegrated;
  Tally tally;
  while (true) {
    tally = {};
    const grpc::Status looked = LookAtAll(command, wait_for, poll, experiences, tally);
    if (!looked.ok()) {
      bar.Clear();
      return command.Fail(looked);
    }
    if (tally.arrived + tally.set_aside == experiences.size()) break;
    std::string words =
        absl::StrCat(tally.arrived, " of ", experiences.size(), " ", Name(wait_for));
    v1::GetStatusResponse server;
    grpc::Status seen;
    if (may_see_status) seen = poll.Patiently([&] { return GetStatus(command, server); });
    // A caller who may not see the server's state waits for the experiences alone.
    if (seen.error_code() == grpc::StatusCode::PERMISSION_DENIED) may_see_status = false;
    if (may_see_status && seen.ok()) {
      reason = standstill.Observe(absl::Now(), server, tally.moved);
      if (!reason.empty()) break;
      if (tally.training > 0) {
        tally.done += kTrainingShare * JobFraction(command, server.running_job(), words) *
                      static_cast<double>(tally.training);
      } else if (!server.updates_stopped_reason().empty()) {
        absl::StrAppend(&words, "; updates stand still: ", server.updates_stopped_reason());
      }
    }
    bar.Show(tally.done / static_cast<double>(experiences.size()), words);
    poll.Sleep();
  }
  bar.Clear();
  if (tally.arrived == experiences.size()) return kOk;
  for (const v1::Experience& experience : experiences) {
    if (!HasArrived(experience, wait_for) && IsSetAside(experience)) {
      Command::Fail(kFailed, DescribeState(experience));
    }
  }
  if (!reason.empty()) {
    Command::Fail(kFailed, absl::StrCat(experiences.size() - tally.arrived, " of ",
                                        experiences.size(), " not integrated: ", reason));
  }
  return kFailed;
}

int AwaitForgotten(const Command& command) {
  ProgressBar bar(!command.json);
  Standstill standstill;
  Poll poll;
  while (true) {
    v1::GetStatusResponse server;
    const grpc::Status status = poll.Patiently([&] { return GetStatus(command, server); });
    if (!status.ok()) {
      bar.Clear();
      return command.Fail(status);
    }
    const int64_t in_weights = server.forgotten_in_weights();
    if (in_weights == 0 && !server.forgotten_in_files()) break;
    server.clear_job_awaiting_approval();  // no approval is waited for to forget
    // Files are cleaned without an update: a pause does not keep them.
    if (in_weights == 0) server.set_updates_paused(false);
    const std::string reason = standstill.Observe(absl::Now(), server, /*moved=*/false);
    if (!reason.empty()) {
      bar.Clear();
      return Command::Fail(
          kFailed,
          absl::StrCat(in_weights > 0 ? absl::StrCat(in_weights, " forgotten are in the weights")
                                      : "what is forgotten is in files",
                       " still: ", reason));
    }
    std::string words = in_weights > 0 ? "in the weights still" : "in files still";
    const double fraction = JobFraction(command, server.running_job(), words);
    bar.Show(fraction, words);
    poll.Sleep();
  }
  bar.Clear();
  return kOk;
}

int AwaitJob(const Command& command, const std::string& name) {
  ProgressBar bar(!command.json);
  Standstill standstill;
  Poll poll;
  while (true) {
    v1::Job job;
    v1::GetStatusResponse server;
    grpc::Status status = poll.Patiently([&] { return GetJob(command, name, job); });
    if (status.ok()) status = poll.Patiently([&] { return GetStatus(command, server); });
    if (!status.ok()) {
      bar.Clear();
      return command.Fail(status);
    }
    if (job.state() == v1::JOB_STATE_COMMITTED) break;
    const bool over = job.state() == v1::JOB_STATE_REJECTED ||
                      job.state() == v1::JOB_STATE_FAILED || job.state() == v1::JOB_STATE_CANCELLED;
    if (over) {
      bar.Clear();
      return Command::Fail(
          kFailed, absl::StrCat(name, " is ", EnumName(*v1::JobState_descriptor(), job.state()),
                                ": ", job.state_reason()));
    }
    const std::string reason = standstill.Observe(absl::Now(), server, /*moved=*/false);
    if (!reason.empty()) {
      bar.Clear();
      return Command::Fail(kFailed, absl::StrCat(name, " waits: ", reason));
    }
    bar.Show(TrainedFraction(job), DescribeProgress(job));
    poll.Sleep();
  }
  bar.Clear();
  return kOk;
}

}  // namespace imprint::client
