// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/update/updater.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/update/updater_fixture.h"

namespace imprint::update {
namespace {

using ::imprint::testing::HasCode;
using ::imprint::testing::IsError;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using UpdaterTest = UpdaterFixture;

constexpr auto kCommitted = store::STORED_JOB_STATE_COMMITTED;
constexpr auto kTraining = store::STORED_JOB_STATE_TRAINING;

TEST_F(UpdaterTest, ReadyExperiencesBecomeTheNextVersion) {
  Start();
  const std::vector<int64_t> sequences = server_->Inject(3);

  RunNow();

  ASSERT_TRUE(server_->AwaitState(1, kCommitted));
  EXPECT_EQ(versions().current()->number, 1);
  EXPECT_EQ(server_->engine_.current(), versions().current());
  EXPECT_EQ(versions().Contained(), sequences);
  for (const int64_t sequence : sequences) {
    IMPRINT_ASSERT_OK_AND_ASSIGN(const store::ExperienceRecord row, server_->log_->Get(sequence));
    EXPECT_EQ(row.state(), store::STORED_STATE_INTEGRATED);
    EXPECT_EQ(row.version(), 1);
    EXPECT_NEAR(row.efficacy(), 1, 1e-3);
  }
}

TEST_F(UpdaterTest, JobGoesThroughItsStatesDurably) {
  std::vector<store::StoredJobState> told;
  std::vector<store::StoredJobState> durable;
  server_->on_job = [&](const store::JobRecord& job) {
    told.push_back(job.state());
    durable.push_back(server_->store_->GetJob(job.id())->state());
  };
  server_->Inject(1);
  Start();
  RunNow();

  ASSERT_TRUE(server_->AwaitState(1, kCommitted));
  server_->updater_.reset();

  EXPECT_THAT(
      told, ElementsAre(store::STORED_JOB_STATE_PLANNED, kTraining, store::STORED_JOB_STATE_GATING,
                        store::STORED_JOB_STATE_PUBLISHING, kCommitted));
  EXPECT_EQ(durable, told);
}

TEST_F(UpdaterTest, ReportSaysWhatWasMeasured) {
  server_->Inject(2);
  Start();
  RunNow();

  ASSERT_TRUE(server_->AwaitState(1, kCommitted));

  const store::JobRecord job = server_->Jobs()[0];
  EXPECT_NEAR(job.report().efficacy(), 1, 1e-3);
  EXPECT_EQ(job.report().unmeasurable(), 0);
  EXPECT_FALSE(job.report().has_earlier_efficacy());
  EXPECT_NEAR(job.report().retention_kl(), 0, 1e-3);
  EXPECT_EQ(job.report().steps(), 2);
  EXPECT_EQ(job.report().trained_tokens(), 20);
  EXPECT_EQ(job.report().experience_efficacies_size(), 2);
  for (const char* phase : {"plan", "train", "gate", "publish"}) {
    EXPECT_TRUE(job.report().phase_seconds().contains(phase)) << phase;
  }
  const store::VersionRecord version = server_->Versions()[0];
  EXPECT_EQ(version.job(), job.id());
  EXPECT_GT(version.size_bytes(), 0);
  EXPECT_NEAR(version.efficacy(), 1, 1e-3);
}

TEST_F(UpdaterTest, NextJobContinuesTheAdapterAndReplaysTheEarlier) {
  Start();
  const int64_t first = server_->Inject(1)[0];
  RunNow();
  ASSERT_TRUE(server_->AwaitState(1, kCommitted));
  const int64_t second = server_->Inject(1)[0];

  RunNow();

  ASSERT_TRUE(server_->AwaitState(2, kCommitted));
  const auto trainings = learner().trainings();
  ASSERT_EQ(trainings.size(), 2u);
  EXPECT_TRUE(trainings[0].fresh);
  EXPECT_THAT(trainings[0].replayed, IsEmpty());
  EXPECT_FALSE(trainings[1].fresh);
  EXPECT_THAT(trainings[1].targets, ElementsAre(second));
  EXPECT_THAT(trainings[1].replayed, ElementsAre(first));
  EXPECT_EQ(trainings[1].retention, 1u);
  EXPECT_EQ(versions().current()->deltas.size(), 1u);
  EXPECT_NEAR(fakes::Knowledge(*versions().current(), first), 1, 1e-6);
  EXPECT_TRUE(server_->Jobs()[1].report().has_earlier_efficacy());
}

// Of the last job, the teacher's prompt of each sentence, and the experience that it is about.
TEST_F(UpdaterTest, EachSentenceIsAskedOfTheTeacherOfItsOwnExperience) {
  std::vector<std::vector<int32_t>> prompts;
  std::vector<int32_t> about;
  server_->teacher_prompts_ = [](int64_t sequence,
                                 const std::vector<const store::TargetRecord*>& sentences,
                                 const auto&) -> absl::StatusOr<std::vector<std::vector<int32_t>>> {
    if (sequence == 2) return absl::NotFoundError("it was forgotten a moment ago");
    return std::vector<std::vector<int32_t>>(sentences.size(), {static_cast<int32_t>(sequence)});
  };
  server_->train_ = [&](const model::Adapter* start, const DistillInput& input,
                        const auto& progress, const auto& cancelled) {
    std::vector<const store::TargetRecord*> sentences = input.targets;
    sentences.insert(sentences.end(), input.replay.begin(), input.replay.end());
    about.clear();
    std::vector<size_t> backwards;
    for (size_t i = sentences.size(); i > 0; --i) {
      backwards.push_back(i - 1);
      about.push_back(sentences[i - 1]->student_prompt_ids(0));
    }
    const auto given = input.teacher_prompts(backwards);
    IMPRINT_EXPECT_OK(given);
    if (given.ok()) prompts = *given;
    return learner().Train(start, input, progress, cancelled);
  };
  Start();
  server_->Inject(3);
  RunNow();
  ASSERT_TRUE(server_->AwaitState(1, kCommitted));
  server_->Inject(2);
  RunNow();

  ASSERT_TRUE(server_->AwaitState(2, kCommitted));

  ASSERT_EQ(prompts.size(), 8u) << "four new sentences and four replayed ones";
  for (size_t i = 0; i < prompts.size(); ++i) {
    if (about[i] == 2) {
      EXPECT_THAT(prompts[i], IsEmpty()) << "it is trained as it was written";
    } else {
      EXPECT_THAT(prompts[i], ElementsAre(about[i]));
    }
  }
}

TEST_F(UpdaterTest, ASmallJobReplaysMoreThanItsShare) {
  server_->min_replay_ = 3;
  Start();
  const std::vector<int64_t> earlier = server_->Inject(4);
  RunNow();
  ASSERT_TRUE(server_->AwaitState(1, kCommitted));
  server_->Inject(1);

  RunNow();

  ASSERT_TRUE(server_->AwaitState(2, kCommitted));
  const auto trainings = learner().trainings();
  ASSERT_EQ(trainings.size(), 2u);
  EXPECT_EQ(trainings[1].targets.size(), 1u);
  EXPECT_EQ(trainings[1].replayed.size(), 3u);
}

TEST_F(UpdaterTest, RunWaitsForGenerationSoThatAllShareOneJob) {
  Start();
  const int64_t ready = server_->Inject(1)[0];
  const int64_t queued = server_->Append();
  IMPRINT_ASSERT_OK_AND_ASSIGN(const int64_t covered, updater().RunNow());
  EXPECT_EQ(covered, queued);

  server_->Generate(queued);

  ASSERT_TRUE(server_->AwaitState(1, kCommitted));
  EXPECT_THAT(server_->Jobs()[0].sequences(), ElementsAre(ready, queued));
}

TEST_F(UpdaterTest, RunLeavesWhatCameAfterIt) {
  Start();
  learner().Block();
  const int64_t before = server_->Inject(1)[0];
  RunNow();
  ASSERT_TRUE(server_->AwaitState(1, kTraining));

  const int64_t after = server_->Inject(1)[0];
  learner().Release();

  ASSERT_TRUE(server_->AwaitState(1, kCommitted));
  EXPECT_THAT(versions().Contained(), ElementsAre(before));
  EXPECT_EQ(server_->StateOf(after), store::STORED_STATE_READY);
}

TEST_F(UpdaterTest, CountStartsAJobWithoutACommand) {
  server_->options_.min_batch = 2;
  Start();

  server_->Inject(2);

  EXPECT_TRUE(server_->AwaitState(1, kCommitted));
}

TEST_F(UpdaterTest, RunningShowsTheJobAndItsProgress) {
  Start();
  learner().Block();
  server_->Inject(1);
  RunNow();
  ASSERT_TRUE(server_->AwaitState(1, kTraining));

  ASSERT_TRUE(Eventually([this] {
    const auto running = updater().running();
    return running.has_value() && running->progress.step == 1;
  }));

  EXPECT_EQ(updater().running()->job.id(), 1);
  EXPECT_TRUE(server_->log_->IsTraining(1));
  learner().Release();
  ASSERT_TRUE(server_->AwaitState(1, kCommitted));
  server_->updater_.reset();
  EXPECT_FALSE(server_->log_->IsTraining(1));
}

TEST_F(UpdaterTest, PauseSurvivesARestart) {
  Start();
  IMPRINT_ASSERT_OK(updater().Pause());
  const int64_t sequence = server_->Inject(1)[0];

  Reopen();

  EXPECT_TRUE(updater().paused());
  EXPECT_THAT(updater().RunNow(),
              IsError(absl::StatusCode::kFailedPrecondition, HasSubstr("paused")));
  EXPECT_EQ(server_->StateOf(sequence), store::STORED_STATE_READY);
  IMPRINT_ASSERT_OK(updater().Resume());
  EXPECT_FALSE(updater().paused());
  RunNow();
  EXPECT_TRUE(server_->AwaitState(1, kCommitted));
}

TEST_F(UpdaterTest, PauseLetsTheRunningJobEnd) {
  Start();
  learner().Block();
  server_->Inject(1);
  RunNow();
  ASSERT_TRUE(server_->AwaitState(1, kTraining));

  IMPRINT_ASSERT_OK(updater().Pause());
  learner().Release();

  EXPECT_TRUE(server_->AwaitState(1, kCommitted));
}

TEST_F(UpdaterTest, CancelMidStepHoldsTheExperiences) {
  Start();
  learner().Block();
  const int64_t sequence = server_->Inject(1)[0];
  RunNow();
  ASSERT_TRUE(server_->AwaitState(1, kTraining));

  IMPRINT_ASSERT_OK(updater().Cancel(1));

  ASSERT_TRUE(server_->AwaitState(1, store::STORED_JOB_STATE_CANCELLED));
  EXPECT_EQ(versions().current()->number, 0);
  EXPECT_EQ(server_->StateOf(sequence), store::STORED_STATE_HELD);
  EXPECT_THAT(updater().Cancel(1), HasCode(absl::StatusCode::kFailedPrecondition));

  learner().Release();
  IMPRINT_ASSERT_OK(server_->log_->Release(sequence));
  RunNow();
  ASSERT_TRUE(server_->AwaitState(2, kCommitted));
  EXPECT_THAT(versions().Contained(), ElementsAre(sequence));
}

// A job was still the running one when its commit was told of: its cancel was answered with OK.
TEST_F(UpdaterTest, CancelOfACommittedJobIsRefusedFromItsCommitOn) {
  absl::Status cancelled;
  server_->on_job = [&](const store::JobRecord& job) {
    if (job.state() == kCommitted) cancelled = updater().Cancel(1);
  };
  Start();
  server_->Inject(1);
  RunNow();
  ASSERT_TRUE(server_->AwaitState(1, kCommitted));
  server_.reset();

  EXPECT_THAT(cancelled, IsError(absl::StatusCode::kFailedPrecondition, HasSubstr("is over")));
}

TEST_F(UpdaterTest, JobThatWaitsCanBeCancelled) {
  Start();
  const std::vector<int64_t> sequences = server_->Inject(2);
  // The first half waits in training while the second waits for its turn.
  learner().LoseRetentionFrom({sequences[0]});
  server_->on_job = [this](const store::JobRecord& job) {
    if (job.state() == store::STORED_JOB_STATE_REJECTED) learner().Block();
  };
  RunNow();
  ASSERT_TRUE(server_->AwaitState(2, kTraining));

  IMPRINT_ASSERT_OK(updater().Cancel(3));
  learner().Release();

  ASSERT_TRUE(server_->AwaitState(2, store::STORED_JOB_STATE_REJECTED));
  EXPECT_EQ(server_->StateOf(sequences[1]), store::STORED_STATE_HELD);
  EXPECT_EQ(server_->Jobs()[2].state(), store::STORED_JOB_STATE_CANCELLED);
}

TEST_F(UpdaterTest, CancelOfAnUnknownJobIsNotFound) {
  Start();

  EXPECT_THAT(updater().Cancel(5), IsError(absl::StatusCode::kNotFound, HasSubstr("jobs/5")));
}

TEST_F(UpdaterTest, RollbackHoldsWhatItLeavesOut) {
  Start();
  const int64_t first = server_->Inject(1)[0];
  RunNow();
  ASSERT_TRUE(server_->AwaitState(1, kCommitted));
  const int64_t second = server_->Inject(1)[0];
  RunNow();
  ASSERT_TRUE(server_->AwaitState(2, kCommitted));

  IMPRINT_ASSERT_OK_AND_ASSIGN(const int64_t held, updater().Rollback(1));

  EXPECT_EQ(held, 1);
  EXPECT_EQ(server_->engine_.current()->number, 1);
  EXPECT_EQ(server_->StateOf(first), store::STORED_STATE_INTEGRATED);
  EXPECT_EQ(server_->StateOf(second), store::STORED_STATE_HELD);
  Reopen();
  EXPECT_EQ(server_->engine_.current()->number, 1);
  EXPECT_EQ(server_->StateOf(second), store::STORED_STATE_HELD);
}

TEST_F(UpdaterTest, RollbackBeginsTheJobInFlightAgainOnItsVersion) {
  Start();
  const int64_t first = server_->Inject(1)[0];
  RunNow();
  ASSERT_TRUE(server_->AwaitState(1, kCommitted));
  learner().Block();
  const int64_t second = server_->Inject(1)[0];
  RunNow();
  ASSERT_TRUE(server_->AwaitState(2, kTraining));

  IMPRINT_ASSERT_OK_AND_ASSIGN(const int64_t held, updater().Rollback(0));
  EXPECT_EQ(held, 1);
  EXPECT_EQ(server_->engine_.current()->number, 0);
  learner().Release();

  ASSERT_TRUE(server_->AwaitState(2, kCommitted));
  const store::JobRecord job = server_->Jobs()[1];
  EXPECT_EQ(job.parent_version(), 0);
  EXPECT_EQ(job.attempt(), 2);
  EXPECT_EQ(versions().current()->number, 2);
  EXPECT_EQ(versions().current()->parent, 0);
  EXPECT_THAT(versions().Contained(), ElementsAre(second));
  EXPECT_EQ(server_->StateOf(first), store::STORED_STATE_HELD);
  EXPECT_EQ(fakes::Knowledge(*versions().current(), first), 0);
}

// Else the job could go on to commit upon what was rolled back.
TEST_F(UpdaterTest, RollbackWaitsUntilTheJobInFlightHasStopped) {
  absl::Notification interrupted;
  absl::Notification may_stop;
  std::atomic<bool> stopped = false;
  server_->train_ = [&](const model::Adapter* start, const DistillInput& input,
                        const std::function<void(const DistillProgress&)>& progress,
                        const std::function<bool()>& cancelled) {
    if (server_->Jobs().size() == 2 && !interrupted.HasBeenNotified()) {
      while (!cancelled()) std::this_thread::yield();
      interrupted.Notify();
      may_stop.WaitForNotification();
      stopped = true;
    }
    return learner().Train(start, input, progress, cancelled);
  };
  Start();
  server_->Inject(1);
  RunNow();
  ASSERT_TRUE(server_->AwaitState(1, kCommitted));
  server_->Inject(1);
  RunNow();

  ASSERT_TRUE(server_->AwaitState(2, kTraining));
  std::thread rollback([&] {
    IMPRINT_EXPECT_OK(updater().Rollback(0));
    EXPECT_TRUE(stopped);
  });
  interrupted.WaitForNotification();
  // One that does not wait would be through in this time.
  absl::SleepFor(absl::Milliseconds(100));
  EXPECT_EQ(versions().current()->number, 1);
  may_stop.Notify();
  rollback.join();
  // What the trainer looks at is this function's.
  ASSERT_TRUE(server_->AwaitState(2, kCommitted));
}

TEST_F(UpdaterTest, RollbackToAnUnknownVersionDisturbsNoJob) {
  Start();
  learner().Block();
  server_->Inject(1);
  RunNow();
  ASSERT_TRUE(server_->AwaitState(1, kTraining));

  EXPECT_THAT(updater().Rollback(9), HasCode(absl::StatusCode::kNotFound));
  learner().Release();

  ASSERT_TRUE(server_->AwaitState(1, kCommitted));
  EXPECT_EQ(server_->Jobs()[0].attempt(), 1);
}

TEST_F(UpdaterTest, JobThatWasStoppedIsTakenUpAtTheNextStart) {
  Start();
  learner().Block();
  const int64_t sequence = server_->Inject(1)[0];
  RunNow();
  ASSERT_TRUE(server_->AwaitState(1, kTraining));

  Reopen();

  ASSERT_TRUE(server_->AwaitState(1, kCommitted));
  EXPECT_EQ(server_->Jobs().size(), 1u);
  EXPECT_EQ(server_->Jobs()[0].attempt(), 2);
  EXPECT_THAT(versions().Contained(), ElementsAre(sequence));
}

}  // namespace
}  // namespace imprint::update
