// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/cli/wait.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "client/cli/output.h"

namespace imprint::client {
namespace {

constexpr absl::Duration kPollEvery = absl::Milliseconds(200);

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

bool HasFailed(const v1::Experience& experience) {
  return experience.state() == v1::EXPERIENCE_STATE_HELD ||
         experience.state() == v1::EXPERIENCE_STATE_QUARANTINED ||
         experience.state() == v1::EXPERIENCE_STATE_FORGOTTEN;
}

grpc::Status Refresh(const Command& command, v1::Experience& experience) {
  grpc::ClientContext context;
  command.client->Prepare(context);
  v1::GetExperienceRequest request;
  request.set_name(experience.name());
  v1::GetExperienceResponse response;
  const grpc::Status status = command.client->imprint().GetExperience(&context, request, &response);
  if (status.ok()) experience.Swap(response.mutable_experience());
  return status;
}

// How far an experience is, in [0, 1], and in a word.
double Fraction(const v1::Experience& experience) {
  switch (experience.state()) {
    case v1::EXPERIENCE_STATE_QUEUED:
      return 0.05;
    case v1::EXPERIENCE_STATE_READY:
      return 0.3;
    case v1::EXPERIENCE_STATE_TRAINING:
      return 0.4;
    default:
      return 1;
  }
}

// What the running job adds to the bar: its share of the training, and words for it.
double JobFraction(const Command& command, std::string& words) {
  grpc::ClientContext status_context;
  command.client->Prepare(status_context);
  v1::GetStatusResponse status;
  if (!command.client->admin().GetStatus(&status_context, {}, &status).ok()) return 0;
  if (status.running_job().empty()) return 0;
  grpc::ClientContext job_context;
  command.client->Prepare(job_context);
  v1::GetJobRequest request;
  request.set_name(status.running_job());
  v1::GetJobResponse response;
  if (!command.client->admin().GetJob(&job_context, request, &response).ok()) return 0;
  const v1::Job& job = response.job();
  words = absl::StrCat(job.name(), " ", EnumName(*v1::JobState_descriptor(), job.state()));
  if (job.progress().total_steps() == 0) return 0;
  absl::StrAppendFormat(&words, ", step %d of at most %d, KL %.2f", job.progress().step(),
                        job.progress().total_steps(), job.progress().loss());
  return static_cast<double>(job.progress().step()) / job.progress().total_steps();
}

// Why nothing will be trained any more; empty: it will.
std::string Blocked(const Command& command) {
  grpc::ClientContext context;
  command.client->Prepare(context);
  v1::GetStatusResponse status;
  if (!command.client->admin().GetStatus(&context, {}, &status).ok()) return "";
  if (!status.running_job().empty()) return "";
  if (status.updates_paused()) return "updates are paused (imprint updates resume)";
  return status.updates_stopped_reason();
}

}  // namespace

int Await(const Command& command, WaitFor wait_for, std::vector<v1::Experience>& experiences) {
  ProgressBar bar(!command.json);
  while (true) {
    double sum = 0;
    size_t training = 0;
    size_t arrived = 0;
    size_t failed = 0;
    for (v1::Experience& experience : experiences) {
      if (!HasArrived(experience, wait_for) && !HasFailed(experience)) {
        if (const grpc::Status status = Refresh(command, experience); !status.ok()) {
          bar.Clear();
          return command.Fail(status);
        }
      }
      arrived += HasArrived(experience, wait_for) ? 1 : 0;
      failed += HasFailed(experience) ? 1 : 0;
      training += experience.state() == v1::EXPERIENCE_STATE_TRAINING ? 1 : 0;
      sum += HasArrived(experience, wait_for) ? 1 : Fraction(experience);
    }
    if (arrived + failed == experiences.size()) break;
    if (wait_for == WaitFor::kIntegrated) {
      if (const std::string blocked = Blocked(command); !blocked.empty()) {
        bar.Clear();
        return Command::Fail(kFailed,
                             absl::StrCat(experiences.size() - arrived, " of ", experiences.size(),
                                          " not integrated: ", blocked));
      }
    }
    std::string words = absl::StrCat(arrived, " of ", experiences.size(), " arrived");
    if (training > 0) {
      sum += 0.6 * JobFraction(command, words) * static_cast<double>(training);
    }
    bar.Show(sum / static_cast<double>(experiences.size()), words);
    absl::SleepFor(kPollEvery);
  }
  bar.Clear();
  const bool all = std::all_of(experiences.begin(), experiences.end(), [&](const auto& experience) {
    return HasArrived(experience, wait_for);
  });
  if (all) return kOk;
  for (const v1::Experience& experience : experiences) {
    if (HasArrived(experience, wait_for)) continue;
    Command::Fail(
        kFailed, absl::StrCat(experience.name(), " is ",
                              EnumName(*v1::ExperienceState_descriptor(), experience.state()), ": ",
                              experience.state_reason()));
  }
  return kFailed;
}

int AwaitForgotten(const Command& command) {
  ProgressBar bar(!command.json);
  while (true) {
    grpc::ClientContext context;
    command.client->Prepare(context);
    v1::GetStatusResponse status;
    const grpc::Status asked = command.client->admin().GetStatus(&context, {}, &status);
    if (!asked.ok()) {
      bar.Clear();
      return command.Fail(asked);
    }
    if (status.forgotten_in_weights() == 0 && !status.forgotten_in_files()) break;
    if (status.updates_paused() && status.running_job().empty() &&
        status.forgotten_in_weights() > 0) {
      bar.Clear();
      return Command::Fail(kFailed, absl::StrCat(status.forgotten_in_weights(),
                                                 " forgotten are in the weights still: updates "
                                                 "are paused (imprint updates resume)"));
    }
    std::string words = status.forgotten_in_weights() > 0 ? "in the weights" : "in files";
    const double fraction = JobFraction(command, words);
    bar.Show(fraction, words);
    absl::SleepFor(kPollEvery);
  }
  bar.Clear();
  return kOk;
}

int AwaitJob(const Command& command, const std::string& name) {
  ProgressBar bar(!command.json);
  while (true) {
    grpc::ClientContext context;
    command.client->Prepare(context);
    v1::GetJobRequest request;
    request.set_name(name);
    v1::GetJobResponse response;
    const grpc::Status asked = command.client->admin().GetJob(&context, request, &response);
    if (!asked.ok()) {
      bar.Clear();
      return command.Fail(asked);
    }
    const v1::Job& job = response.job();
    if (job.state() == v1::JOB_STATE_COMMITTED) break;
    const std::string state = EnumName(*v1::JobState_descriptor(), job.state());
    if (job.state() >= v1::JOB_STATE_REJECTED) {
      bar.Clear();
      return Command::Fail(kFailed, absl::StrCat(name, " is ", state, ": ", job.state_reason()));
    }
    if (const std::string blocked = Blocked(command); !blocked.empty()) {
      bar.Clear();
      return Command::Fail(kFailed, absl::StrCat(name, " waits: ", blocked));
    }
    std::string words = state;
    const double fraction = JobFraction(command, words);
    bar.Show(fraction, words);
    absl::SleepFor(kPollEvery);
  }
  bar.Clear();
  return kOk;
}

}  // namespace imprint::client
