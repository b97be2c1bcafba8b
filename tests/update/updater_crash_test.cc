// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// A crash at each step of a job: what is on disk at that moment is opened by another server.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/update/updater.h"
#include "tests/update/updater_fixture.h"

namespace imprint::update {
namespace {

using ::testing::ElementsAre;

constexpr auto kCommitted = store::STORED_JOB_STATE_COMMITTED;

class UpdaterCrashTest : public UpdaterFixture {
 protected:
  // The disk as it is now, which is what a crash would leave: every row is synced.
  void Crash() { std::filesystem::copy(temp_ / "data", crashed_, kAll); }

  // Ends the server that did not crash, and opens what the crash left.
  void OpenCrashed() {
    server_.reset();
    server_ = std::make_unique<Server>(crashed_, base_);
    Start();
  }

  // A job that was training when the server ended.
  void PutJobInTraining(int64_t sequence, int attempt, int crashes) {
    IMPRINT_ASSERT_OK(server_->store_->Transact([&](store::Transaction& transaction) {
      store::JobRecord job;
      job.set_id(transaction.NextJob());
      job.set_version(transaction.NextVersion());
      job.set_state(store::STORED_JOB_STATE_TRAINING);
      job.set_attempt(attempt);
      job.set_crashes(crashes);
      job.add_sequences(sequence);
      transaction.PutJob(job);
      return absl::OkStatus();
    }));
  }

  static constexpr auto kAll = std::filesystem::copy_options::recursive;
  const std::filesystem::path crashed_ = temp_ / "crashed";
};

class CrashInStateTest : public UpdaterCrashTest,
                         public ::testing::WithParamInterface<store::StoredJobState> {};

TEST_P(CrashInStateTest, JobIsCommittedExactlyOnce) {
  Start();
  const int64_t earlier = server_->Inject(1)[0];
  RunNow();
  ASSERT_TRUE(server_->AwaitState(1, kCommitted));
  const std::vector<int64_t> sequences = server_->Inject(2);
  server_->on_job = [this](const store::JobRecord& job) {
    if (job.id() == 2 && job.state() == GetParam()) Crash();
  };
  RunNow();
  ASSERT_TRUE(server_->AwaitState(2, kCommitted));

  OpenCrashed();

  const bool committed = GetParam() == kCommitted;
  if (!committed) {
    ASSERT_TRUE(server_->AwaitState(2, kCommitted));
  }
  EXPECT_EQ(versions().current()->number, 2);
  EXPECT_THAT(versions().Contained(), ElementsAre(earlier, sequences[0], sequences[1]));
  EXPECT_EQ(server_->Versions().size(), 2u);
  EXPECT_EQ(server_->Jobs().size(), 2u);
  // It was begun in each state but PLANNED, where nothing had been done yet.
  const bool begun_twice = !committed && GetParam() != store::STORED_JOB_STATE_PLANNED;
  EXPECT_EQ(server_->Jobs()[1].attempt(), begun_twice ? 2 : 1);
  for (const int64_t sequence : sequences) {
    EXPECT_EQ(server_->StateOf(sequence), store::STORED_STATE_INTEGRATED);
  }
}

INSTANTIATE_TEST_SUITE_P(States, CrashInStateTest,
                         ::testing::Values(store::STORED_JOB_STATE_PLANNED,
                                           store::STORED_JOB_STATE_TRAINING,
                                           store::STORED_JOB_STATE_GATING,
                                           store::STORED_JOB_STATE_PUBLISHING, kCommitted),
                         [](const auto& state) { return StateName(state.param); });

TEST_F(UpdaterCrashTest, CrashBetweenTheCommitAndTheSwitchOfTheEngine) {
  Start();
  const int64_t sequence = server_->Inject(1)[0];
  versions().AddListener([this](const store::VersionRecord&, bool) { Crash(); });
  RunNow();
  ASSERT_TRUE(server_->AwaitState(1, kCommitted));

  OpenCrashed();

  EXPECT_EQ(server_->engine_.current()->number, 1);
  EXPECT_EQ(server_->StateOf(sequence), store::STORED_STATE_INTEGRATED);
  EXPECT_EQ(server_->Jobs()[0].state(), kCommitted);
  EXPECT_EQ(server_->Jobs()[0].attempt(), 1);
}

// A cancel was answered with OK, and then lost with the step that was to end first.
TEST_F(UpdaterCrashTest, AcknowledgedCancelOfARunningJobSurvivesACrash) {
  absl::Notification cancelled;
  server_->train_ = [&cancelled](const model::Adapter*, const DistillInput&, const auto&,
                                 const auto&) -> absl::StatusOr<DistillResult> {
    cancelled.WaitForNotification();
    return absl::CancelledError("a long step is over");
  };
  Start();
  const int64_t sequence = server_->Inject(1)[0];
  RunNow();
  ASSERT_TRUE(server_->AwaitState(1, store::STORED_JOB_STATE_TRAINING));

  IMPRINT_ASSERT_OK(updater().Cancel(1));
  Crash();
  cancelled.Notify();
  OpenCrashed();

  EXPECT_EQ(server_->Jobs()[0].state(), store::STORED_JOB_STATE_CANCELLED);
  EXPECT_EQ(server_->StateOf(sequence), store::STORED_STATE_HELD);
  EXPECT_EQ(versions().current()->number, 0);
}

TEST_F(UpdaterCrashTest, CrashAfterARejectionStillEndsWithThePoisonAlone) {
  Start();
  const std::vector<int64_t> sequences = server_->Inject(4);
  const int64_t poison = sequences[3];
  learner().LoseRetentionFrom({poison});
  server_->on_job = [this](const store::JobRecord& job) {
    if (job.id() == 1 && job.state() == store::STORED_JOB_STATE_REJECTED) Crash();
  };
  RunNow();
  ASSERT_TRUE(server_->AwaitState(2, kCommitted));

  server_.reset();
  server_ = std::make_unique<Server>(crashed_, base_);
  learner().LoseRetentionFrom({poison});
  Start();

  ASSERT_TRUE(server_->Await([poison](const store::JobRecord& job) {
    return job.state() == store::STORED_JOB_STATE_REJECTED && job.sequences_size() == 1 &&
           job.sequences(0) == poison;
  }));
  server_->updater_.reset();
  EXPECT_THAT(versions().Contained(), ElementsAre(sequences[0], sequences[1], sequences[2]));
  EXPECT_EQ(server_->StateOf(poison), store::STORED_STATE_QUARANTINED);
}

TEST_F(UpdaterCrashTest, CrashAfterARollbackComesUpRolledBack) {
  Start();
  const int64_t sequence = server_->Inject(1)[0];
  RunNow();
  ASSERT_TRUE(server_->AwaitState(1, kCommitted));
  versions().AddListener([this](const store::VersionRecord&, bool) { Crash(); });
  IMPRINT_ASSERT_OK(updater().Rollback(0));

  OpenCrashed();

  EXPECT_EQ(server_->engine_.current()->number, 0);
  EXPECT_EQ(server_->StateOf(sequence), store::STORED_STATE_HELD);
}

TEST_F(UpdaterCrashTest, JobThatEndsTheServerEachTimeIsSetAside) {
  const std::vector<int64_t> sequences = server_->Inject(2);
  PutJobInTraining(sequences[0], /*attempt=*/10, /*crashes=*/9);

  Reopen();

  EXPECT_EQ(server_->Jobs()[0].state(), store::STORED_JOB_STATE_FAILED);
  EXPECT_EQ(server_->StateOf(sequences[0]), store::STORED_STATE_QUARANTINED);
  EXPECT_EQ(server_->StateOf(sequences[1]), store::STORED_STATE_READY);
}

TEST_F(UpdaterCrashTest, JobThatWasInterruptedOftenIsNotBlamedForOneCrash) {
  const std::vector<int64_t> sequences = server_->Inject(1);
  PutJobInTraining(sequences[0], /*attempt=*/30, /*crashes=*/0);

  Reopen();

  ASSERT_TRUE(server_->AwaitState(1, kCommitted));
  EXPECT_EQ(server_->StateOf(sequences[0]), store::STORED_STATE_INTEGRATED);
}

TEST_F(UpdaterCrashTest, ExperiencesThatAreNotReadyAnyMoreLeaveTheJob) {
  const std::vector<int64_t> sequences = server_->Inject(2);
  IMPRINT_ASSERT_OK(server_->store_->Transact([&](store::Transaction& transaction) {
    store::JobRecord job;
    job.set_id(transaction.NextJob());
    job.set_version(transaction.NextVersion());
    job.set_state(store::STORED_JOB_STATE_GATING);
    job.set_attempt(1);
    job.mutable_sequences()->Add(sequences.begin(), sequences.end());
    transaction.PutJob(job);
    job.set_id(transaction.NextJob());
    job.set_version(transaction.NextVersion());
    job.mutable_sequences()->Assign(sequences.begin(), sequences.begin() + 1);
    transaction.PutJob(job);
    return absl::OkStatus();
  }));
  IMPRINT_ASSERT_OK(server_->log_->Quarantine(sequences[0], "by hand"));

  Reopen();

  ASSERT_TRUE(server_->AwaitState(1, kCommitted));
  EXPECT_THAT(server_->Jobs()[0].sequences(), ElementsAre(sequences[1]));
  ASSERT_TRUE(server_->AwaitState(2, store::STORED_JOB_STATE_CANCELLED));
}

TEST_F(UpdaterCrashTest, VersionThatWasGoneBackFromIsLeftByItsExperiencesToo) {
  Start();
  const int64_t sequence = server_->Inject(1)[0];
  RunNow();
  ASSERT_TRUE(server_->AwaitState(1, kCommitted));
  server_.reset();
  std::filesystem::remove_all(temp_ / "data" / "versions" / "00000001");

  version_options_.rollback_when_broken = true;
  Reopen();

  EXPECT_EQ(server_->engine_.current()->number, 0);
  EXPECT_EQ(server_->StateOf(sequence), store::STORED_STATE_HELD);
}

}  // namespace
}  // namespace imprint::update
