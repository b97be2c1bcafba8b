// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/cli/job_progress.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/output.h"

namespace imprint::client {

double TrainedFraction(const v1::Job& job) {
  switch (job.state()) {
    case v1::JOB_STATE_TRAINING: {
      const v1::JobProgress& progress = job.progress();
      return progress.total_steps() == 0
                 ? 0
                 : static_cast<double>(progress.step()) / progress.total_steps();
    }
    case v1::JOB_STATE_GATING:
    case v1::JOB_STATE_PUBLISHING:
    case v1::JOB_STATE_AWAITING_APPROVAL:
      return 1;
    default:
      return 0;
  }
}

std::string DescribeTraining(const v1::Job& job) {
  const v1::JobProgress& progress = job.progress();
  if (progress.total_steps() == 0) return "";
  return absl::StrFormat("step %d/%d, KL %.2f nats, %d tokens/s", progress.step(),
                         progress.total_steps(), progress.loss(), progress.tokens_per_second());
}

std::string DescribeProgress(const v1::Job& job) {
  const std::string training = DescribeTraining(job);
  const bool trains = job.state() == v1::JOB_STATE_TRAINING && !training.empty();
  return absl::StrCat(job.name(), " ",
                      trains ? training : EnumName(*v1::JobState_descriptor(), job.state()));
}

}  // namespace imprint::client
