// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Updates that fail: whose fault it is, and that serving never notices.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "server/update/updater.h"
#include "tests/update/updater_fixture.h"

namespace imprint::update {
namespace {

using ::imprint::testing::HasCode;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr auto kCommitted = store::STORED_JOB_STATE_COMMITTED;
constexpr auto kRejected = store::STORED_JOB_STATE_REJECTED;
constexpr auto kFailed = store::STORED_JOB_STATE_FAILED;

class UpdaterFailureTest : public UpdaterFixture {
 protected:
  UpdaterFailureTest() {
    env_ = fakes::FaultyFileSystem::MakeEnv(file_system_);
    Open();
  }
  ~UpdaterFailureTest() override { server_.reset(); }

  std::string AwaitStoppedReason() {
    std::string reason;
    EXPECT_TRUE(Eventually([&] { return !(reason = updater().stopped_reason()).empty(); }));
    return reason;
  }

  std::shared_ptr<fakes::FaultyFileSystem> file_system_ =
      std::make_shared<fakes::FaultyFileSystem>();
};

TEST_F(UpdaterFailureTest, PoisonInABatchOfGoodOnesIsQuarantinedAlone) {
  Start();
  const std::vector<int64_t> sequences = server_->Inject(8);
  const int64_t poison = sequences[5];
  learner().LoseRetentionFrom({poison});

  RunNow();

  ASSERT_TRUE(server_->Await([poison](const store::JobRecord& job) {
    return job.state() == kRejected && job.sequences_size() == 1 && job.sequences(0) == poison;
  }));
  // The halves: {1-4}, {5-8}; of those {5, 6}, {7, 8}; of those {5}, {6}.
  ASSERT_TRUE(server_->AwaitState(5, kCommitted));
  for (const int64_t sequence : sequences) {
    EXPECT_EQ(server_->StateOf(sequence),
              sequence == poison ? store::STORED_STATE_QUARANTINED : store::STORED_STATE_INTEGRATED)
        << sequence;
  }
  IMPRINT_ASSERT_OK_AND_ASSIGN(const store::ExperienceRecord row, server_->log_->Get(poison));
  EXPECT_THAT(row.state_reason(), HasSubstr("--gate.max_retention_kl"));
  EXPECT_EQ(fakes::Knowledge(*versions().current(), fakes::kRetentionPlace), 0);
}

// The halves of a half commit before the other half, which was planned earlier.
TEST_F(UpdaterFailureTest, FailuresInARowEndWithACommit) {
  Start();
  const prometheus::Gauge& in_a_row = *server_->metrics_.update()->failed_in_a_row;
  for (int count = 1; count <= 2; ++count) {
    const std::vector<int64_t> poison = server_->Inject(1);
    learner().LoseRetentionFrom({poison[0]});
    RunNow();
    ASSERT_TRUE(server_->AwaitState(count, kRejected));
    EXPECT_EQ(in_a_row.Value(), count);
  }

  server_->Inject(1);
  RunNow();

  EXPECT_TRUE(Eventually([&] { return in_a_row.Value() == 0; }));
}

TEST_F(UpdaterFailureTest, VersionNumbersGrowFromParentToChildWhateverWasPlannedFirst) {
  Start();
  const std::vector<int64_t> sequences = server_->Inject(4);
  learner().LoseRetentionFrom({sequences[1]});
  RunNow();
  ASSERT_TRUE(server_->AwaitState(3, kCommitted));

  for (const store::VersionRecord& version : server_->Versions()) {
    EXPECT_LT(version.parent(), version.number());
  }
  learner().LoseRetentionFrom({});
  server_->Inject(1);
  RunNow();
  ASSERT_TRUE(server_->AwaitState(6, kCommitted));
  Reopen();
  EXPECT_EQ(versions().Contained(), (std::vector<int64_t>{1, 3, 4, 5}));
}

TEST_F(UpdaterFailureTest, HalvesOfARejectedBatchRunBeforeOtherWork) {
  Start();
  const std::vector<int64_t> sequences = server_->Inject(2);
  learner().LoseRetentionFrom({sequences[0]});
  std::vector<int64_t> order;
  server_->on_job = [&](const store::JobRecord& job) {
    if (job.id() == 1 && job.state() == kRejected) {
      server_->Inject(1);
      RunNow();
    }
    if (job.state() == store::STORED_JOB_STATE_TRAINING) order.push_back(job.sequences(0));
  };
  RunNow();

  ASSERT_TRUE(server_->AwaitState(4, kCommitted));

  server_->updater_.reset();
  EXPECT_THAT(order, ElementsAre(1, 1, 2, 3));
}

// Experience 1 is integrated; a training after that loses it unless it replays more than
// `enough` sentences.
class CostsEarlierTest : public UpdaterFailureTest {
 protected:
  void StartAndLearnOne(size_t enough) {
    server_->train_ = [this, enough](
                          const model::Adapter* start, const DistillInput& input,
                          const std::function<void(const DistillProgress&)>& progress,
                          const std::function<bool()>& cancelled) -> absl::StatusOr<DistillResult> {
      auto result = learner().Train(start, input, progress, cancelled);
      if (!result.ok() || start == nullptr) return result;
      replayed_.push_back(input.replay.size());
      if (input.replay.size() > enough) return result;
      auto worse = std::make_shared<model::Adapter>(result->adapter->Clone());
      worse->layers.back()[0].b.view({-1})[1].fill_(0);
      return DistillResult{.adapter = std::move(worse), .last = result->last};
    };
    Start();
    server_->Inject(1);
    RunNow();
    ASSERT_TRUE(server_->AwaitState(1, kCommitted));
    server_->Inject(2);
    RunNow();
  }

  std::vector<size_t> replayed_;  // sentences, of each training but the first
};

TEST_F(CostsEarlierTest, AJobThatCostsEarlierExperiencesIsTriedWithMoreReplay) {
  ASSERT_NO_FATAL_FAILURE(StartAndLearnOne(/*enough=*/4));

  ASSERT_TRUE(server_->AwaitState(2, kCommitted));

  server_->updater_.reset();
  // Experience 1 has two sentences, and they are all that the first time replays.
  EXPECT_THAT(replayed_, ElementsAre(2, 12));
  EXPECT_EQ(fakes::Knowledge(*versions().current(), 1), 1);
  EXPECT_EQ(server_->Jobs()[1].attempt(), 2);
}

TEST_F(CostsEarlierTest, WhereMoreReplayDoesNotHelpTheBatchIsSplitAndQuarantined) {
  ASSERT_NO_FATAL_FAILURE(StartAndLearnOne(/*enough=*/100));

  // The halves begin with as much replay, and are not tried a second time.
  ASSERT_TRUE(server_->AwaitState(4, kRejected));

  server_->updater_.reset();
  EXPECT_THAT(replayed_, ElementsAre(2, 12, 6, 6));
  EXPECT_EQ(server_->StateOf(1), store::STORED_STATE_INTEGRATED);
  EXPECT_EQ(server_->StateOf(2), store::STORED_STATE_QUARANTINED);
  EXPECT_EQ(server_->StateOf(3), store::STORED_STATE_QUARANTINED);
  EXPECT_THAT(server_->Jobs()[1].state_reason(), HasSubstr("--gate.max_earlier_loss"));
}

TEST_F(UpdaterFailureTest, NotANumberIsRejectedAndServingUnchanged) {
  Start();
  const int64_t good = server_->Inject(1)[0];
  RunNow();
  ASSERT_TRUE(server_->AwaitState(1, kCommitted));
  const auto served = versions().current();
  const int64_t bad = server_->Inject(1)[0];
  learner().LearnNotANumberFrom({bad});

  RunNow();

  ASSERT_TRUE(server_->AwaitState(2, kRejected));
  EXPECT_THAT(server_->Jobs()[1].state_reason(), HasSubstr("nan"));
  EXPECT_EQ(server_->StateOf(bad), store::STORED_STATE_QUARANTINED);
  EXPECT_EQ(server_->StateOf(good), store::STORED_STATE_INTEGRATED);
  EXPECT_EQ(versions().current(), served);
  EXPECT_EQ(server_->engine_.current(), served);
  EXPECT_EQ(server_->Versions().size(), 1u);
}

TEST_F(UpdaterFailureTest, NumberOfARejectedJobIsNeverUsedAgain) {
  Start();
  const int64_t bad = server_->Inject(1)[0];
  learner().LearnNotANumberFrom({bad});
  RunNow();
  ASSERT_TRUE(server_->AwaitState(1, kRejected));
  server_->Inject(1);

  RunNow();

  ASSERT_TRUE(server_->AwaitState(2, kCommitted));
  EXPECT_EQ(versions().current()->number, 2);
}

TEST_F(UpdaterFailureTest, ReleasedExperienceIsTrainedAgain) {
  Start();
  const int64_t sequence = server_->Inject(1)[0];
  learner().LoseRetentionFrom({sequence});
  RunNow();
  ASSERT_TRUE(server_->AwaitState(1, kRejected));
  learner().LoseRetentionFrom({});

  IMPRINT_ASSERT_OK(server_->log_->Release(sequence));
  RunNow();

  ASSERT_TRUE(server_->AwaitState(2, kCommitted));
  EXPECT_EQ(server_->StateOf(sequence), store::STORED_STATE_INTEGRATED);
}

TEST_F(UpdaterFailureTest, TrainingThatCanNeverWorkSplitsTheBatch) {
  Start();
  const std::vector<int64_t> sequences = server_->Inject(2);
  learner().FailWith(absl::InternalError("loss is not finite in step 3"), {sequences[1]});

  RunNow();

  ASSERT_TRUE(server_->AwaitState(3, kFailed));
  EXPECT_EQ(server_->Jobs()[0].state(), kFailed);
  EXPECT_EQ(server_->Jobs()[0].attempt(), 1);
  EXPECT_EQ(server_->StateOf(sequences[0]), store::STORED_STATE_INTEGRATED);
  EXPECT_EQ(server_->StateOf(sequences[1]), store::STORED_STATE_QUARANTINED);
}

TEST_F(UpdaterFailureTest, TrainingOutOfMemoryIsTriedThreeTimes) {
  Start();
  const int64_t sequence = server_->Inject(1)[0];
  learner().FailWith(absl::ResourceExhaustedError("out of memory"), {sequence});

  RunNow();

  ASSERT_TRUE(server_->AwaitState(1, kFailed));
  EXPECT_EQ(learner().trainings().size(), 3u);
  EXPECT_THAT(server_->Jobs()[0].state_reason(), HasSubstr("out of memory"));
  EXPECT_EQ(server_->StateOf(sequence), store::STORED_STATE_QUARANTINED);
}

// The memory is enough for one experience, and not for two.
TEST_F(UpdaterFailureTest, TrainingOutOfMemoryIsTriedInHalves) {
  server_->train_ = [this](
                        const model::Adapter* start, const DistillInput& input,
                        const std::function<void(const DistillProgress&)>& progress,
                        const std::function<bool()>& cancelled) -> absl::StatusOr<DistillResult> {
    constexpr size_t kSentencesOfOne = 2;
    if (input.targets.size() > kSentencesOfOne) {
      return absl::ResourceExhaustedError("out of memory");
    }
    return learner().Train(start, input, progress, cancelled);
  };
  Start();
  const std::vector<int64_t> sequences = server_->Inject(2);

  RunNow();

  ASSERT_TRUE(server_->AwaitState(3, kCommitted));
  EXPECT_EQ(server_->Jobs()[0].state(), kFailed);
  EXPECT_EQ(server_->Jobs()[0].attempt(), 3);
  for (const int64_t sequence : sequences) {
    EXPECT_EQ(server_->StateOf(sequence), store::STORED_STATE_INTEGRATED) << sequence;
  }
}

TEST_F(UpdaterFailureTest, AJobThatIsStuckIsInterruptedAndGivenUpAtLast) {
  server_->options_.stuck_after = absl::Milliseconds(20);
  int trainings = 0;
  server_->train_ = [&trainings](
                        const model::Adapter*, const DistillInput&, const auto&,
                        const std::function<bool()>& cancelled) -> absl::StatusOr<DistillResult> {
    ++trainings;
    EXPECT_TRUE(Eventually(cancelled));
    return absl::CancelledError("training was cancelled");
  };
  Start();
  const int64_t sequence = server_->Inject(1)[0];

  RunNow();

  ASSERT_TRUE(server_->AwaitState(1, kFailed));
  EXPECT_EQ(trainings, 3);
  EXPECT_THAT(server_->Jobs()[0].state_reason(), HasSubstr("--update.stuck_after"));
  EXPECT_EQ(server_->StateOf(sequence), store::STORED_STATE_QUARANTINED);
}

TEST_F(UpdaterFailureTest, AStuckJobThatDoesNotEndIsToldOf) {
  server_->options_.stuck_after = absl::Milliseconds(20);
  absl::Notification over;
  server_->train_ = [&over](const model::Adapter*, const DistillInput&, const auto&,
                            const auto&) -> absl::StatusOr<DistillResult> {
    over.WaitForNotification();
    return absl::CancelledError("training was cancelled");
  };
  Start();
  server_->Inject(1);
  RunNow();

  ASSERT_TRUE(Eventually([this] { return !updater().stopped_reason().empty(); }));

  EXPECT_THAT(updater().stopped_reason(), HasSubstr("jobs/1 has made no step for 20ms"));
  EXPECT_THAT(server_->metrics_.Text(), HasSubstr("imprint_updates_stopped 1"));
  over.Notify();
}

TEST_F(UpdaterFailureTest, AJobThatMakesStepsIsNotStuck) {
  static constexpr absl::Duration kLimit = absl::Seconds(2);
  server_->options_.stuck_after = kLimit;
  server_->train_ = [this](
                        const model::Adapter* start, const DistillInput& input,
                        const std::function<void(const DistillProgress&)>& progress,
                        const std::function<bool()>& cancelled) -> absl::StatusOr<DistillResult> {
    for (int step = 1; step <= 12; ++step) {
      absl::SleepFor(kLimit / 8);
      progress({.step = step, .total_steps = 12});
    }
    return learner().Train(start, input, progress, cancelled);
  };
  Start();
  server_->Inject(1);
  RunNow();

  ASSERT_TRUE(server_->AwaitState(1, kCommitted));
  EXPECT_EQ(server_->Jobs()[0].attempt(), 1);
}

TEST_F(UpdaterFailureTest, EngineThatIsGoneIsNobodysFault) {
  Start();
  const int64_t sequence = server_->Inject(1)[0];
  server_->engine_.FailWith(absl::UnavailableError("draining"));
  RunNow();

  EXPECT_THAT(AwaitStoppedReason(), HasSubstr("draining"));
  server_->engine_.FailWith(absl::OkStatus());

  ASSERT_TRUE(server_->AwaitState(1, kCommitted));
  EXPECT_EQ(server_->StateOf(sequence), store::STORED_STATE_INTEGRATED);
  EXPECT_EQ(server_->Jobs().size(), 1u);
}

TEST_F(UpdaterFailureTest, VersionThatCannotBeSavedIsTriedAgainWhileServingGoesOn) {
  Start();
  const int64_t sequence = server_->Inject(1)[0];
  const std::filesystem::path directory = temp_ / "data" / "versions";
  const std::filesystem::path away = temp_ / "data" / "away";
  server_->on_job = [&, moved = false](const store::JobRecord& job) mutable {
    if (job.state() != store::STORED_JOB_STATE_PUBLISHING || moved) return;
    moved = true;
    std::filesystem::rename(directory, away);
    std::ofstream(directory) << "in the way";
  };
  RunNow();

  EXPECT_THAT(AwaitStoppedReason(), HasSubstr("jobs/1"));
  EXPECT_EQ(versions().current()->number, 0);
  EXPECT_EQ(server_->engine_.current()->number, 0);
  EXPECT_EQ(server_->StateOf(sequence), store::STORED_STATE_READY);
  std::filesystem::remove(directory);
  std::filesystem::rename(away, directory);

  ASSERT_TRUE(server_->AwaitState(1, kCommitted));
  EXPECT_EQ(server_->StateOf(sequence), store::STORED_STATE_INTEGRATED);
  EXPECT_EQ(server_->Jobs().size(), 1u);
}

TEST_F(UpdaterFailureTest, RunIsRefusedWhileUpdatesStandStill) {
  server_->options_.min_backoff = absl::Hours(1);
  server_->options_.max_backoff = absl::Hours(1);
  Start();
  server_->Inject(1);
  server_->engine_.FailWith(absl::UnavailableError("gone"));
  RunNow();
  AwaitStoppedReason();

  EXPECT_THAT(updater().RunNow(), HasCode(absl::StatusCode::kFailedPrecondition));

  server_->engine_.FailWith(absl::OkStatus());
  IMPRINT_ASSERT_OK(updater().Resume());  // tries again at once
  EXPECT_TRUE(server_->AwaitState(1, kCommitted));
}

class UpdaterWriteFaultTest : public UpdaterFailureTest,
                              public ::testing::WithParamInterface<fakes::Fault> {};

TEST_P(UpdaterWriteFaultTest, FailedCommitEndsInExactlyOne) {
  Start();
  const int64_t sequence = server_->Inject(1)[0];
  server_->on_job = [this, failed = false](const store::JobRecord& job) mutable {
    if (job.state() != store::STORED_JOB_STATE_PUBLISHING || failed) return;
    failed = true;
    file_system_->Fail(GetParam());
  };
  RunNow();

  // Where the store can tell at once, nothing stands still.
  const auto committed = [this] {
    const auto job = server_->store_->GetJob(1);  // an error while the store is opened again
    return job.ok() && job->state() == kCommitted;
  };
  ASSERT_TRUE(Eventually([&] { return committed() || !updater().stopped_reason().empty(); }));
  file_system_->Heal();

  ASSERT_TRUE(Eventually(committed));
  ASSERT_TRUE(Eventually([this] { return server_->engine_.current()->number == 1; }));
  ASSERT_TRUE(Eventually(
      [this, sequence] { return server_->StateOf(sequence) == store::STORED_STATE_INTEGRATED; }));
  EXPECT_EQ(server_->Versions().size(), 1u);
  Reopen();
  EXPECT_EQ(versions().current()->number, 1);
  EXPECT_THAT(versions().Contained(), ElementsAre(sequence));
}

INSTANTIATE_TEST_SUITE_P(Faults, UpdaterWriteFaultTest,
                         ::testing::Values(fakes::Fault::kWrites, fakes::Fault::kLogSyncs,
                                           fakes::Fault::kHalfLogWrites));

}  // namespace
}  // namespace imprint::update
