// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// What a progress bar says of an update job.

#ifndef IMPRINT_CLIENT_CLI_JOB_PROGRESS_H_
#define IMPRINT_CLIENT_CLI_JOB_PROGRESS_H_

#include <string>

#include "imprint/v1/admin_service.pb.h"

namespace imprint::client {

// How much of the training is done, in [0, 1]; it may end earlier than planned.
double TrainedFraction(const v1::Job& job);

// "step 12/48, KL 0.75 nats, 2103 tokens/s"; empty where no step is planned, as before training
// and long after it.
std::string DescribeTraining(const v1::Job& job);

// "jobs/3 step 12/48, KL 0.75 nats, 2103 tokens/s" while it trains, or "jobs/3 gating".
std::string DescribeProgress(const v1::Job& job);

}  // namespace imprint::client

#endif  // IMPRINT_CLIENT_CLI_JOB_PROGRESS_H_
