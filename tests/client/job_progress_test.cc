// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/cli/job_progress.h"

#include <gtest/gtest.h>

namespace imprint::client {
namespace {

v1::Job Job(v1::JobState state) {
  v1::Job job;
  job.set_name("jobs/3");
  job.set_state(state);
  job.mutable_progress()->set_step(12);
  job.mutable_progress()->set_total_steps(48);
  job.mutable_progress()->set_loss(0.75);
  job.mutable_progress()->set_tokens_per_second(2103);
  return job;
}

TEST(JobProgress, SaysHowFarTrainingIs) {
  const v1::Job job = Job(v1::JOB_STATE_TRAINING);
  EXPECT_EQ(TrainedFraction(job), 0.25);
  EXPECT_EQ(DescribeProgress(job), "jobs/3 step 12/48, KL 0.75 nats, 2103 tokens/s");
  EXPECT_EQ(DescribeTraining(job), "step 12/48, KL 0.75 nats, 2103 tokens/s");
}

TEST(JobProgress, HasNoNumbersBeforeTraining) {
  EXPECT_EQ(TrainedFraction(Job(v1::JOB_STATE_PLANNED)), 0);
  EXPECT_EQ(DescribeProgress(Job(v1::JOB_STATE_PLANNED)), "jobs/3 planned");
  v1::Job begun = Job(v1::JOB_STATE_TRAINING);
  begun.clear_progress();
  EXPECT_EQ(TrainedFraction(begun), 0);
  EXPECT_EQ(DescribeProgress(begun), "jobs/3 training");
  EXPECT_EQ(DescribeTraining(begun), "");
}

TEST(JobProgress, TrainingIsDoneWhenTheGateBegins) {
  EXPECT_EQ(TrainedFraction(Job(v1::JOB_STATE_GATING)), 1);
  EXPECT_EQ(DescribeProgress(Job(v1::JOB_STATE_GATING)), "jobs/3 gating");
}

}  // namespace
}  // namespace imprint::client
