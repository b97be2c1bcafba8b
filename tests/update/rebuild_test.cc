// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Making a version again: on command, and against drift.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/update/updater.h"
#include "tests/update/updater_fixture.h"

namespace imprint::update {
namespace {

using ::imprint::testing::HasCode;
using ::imprint::testing::IsError;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr auto kCommitted = store::STORED_JOB_STATE_COMMITTED;
constexpr auto kRejected = store::STORED_JOB_STATE_REJECTED;

class RebuildTest : public UpdaterFixture {
 protected:
  // Jobs 1 to `count` of one new experience each.
  std::vector<int64_t> Learn(int count) {
    std::vector<int64_t> sequences;
    for (int job = 1; job <= count; ++job) {
      sequences.push_back(server_->Inject(1)[0]);
      EXPECT_TRUE(updater().RunNow().ok());
      EXPECT_TRUE(server_->AwaitState(job, kCommitted));
    }
    return sequences;
  }

  void SetDrift(int64_t version, double retention_kl) {
    IMPRINT_EXPECT_OK(server_->store_->Transact([&](store::Transaction& transaction) {
      store::VersionRecord row = *server_->store_->GetVersion(version);
      row.set_retention_kl(retention_kl);
      transaction.PutVersion(row);
      return absl::OkStatus();
    }));
  }
};

TEST_F(RebuildTest, CostIsToldBeforeItStarts) {
  Start();
  Learn(3);

  IMPRINT_ASSERT_OK_AND_ASSIGN(const auto planned, updater().Rebuild(1, /*dry_run=*/true));

  EXPECT_EQ(planned.job, 0);
  EXPECT_EQ(planned.cost.anchor, 1);
  EXPECT_EQ(planned.cost.experiences, 2);
  EXPECT_EQ(planned.cost.target_tokens, 4);
  // Each job so far took 2 steps and 20 tokens for 2 target tokens.
  EXPECT_EQ(planned.cost.steps, 4);
  EXPECT_EQ(planned.cost.trained_tokens, 40);
  EXPECT_TRUE(planned.cost.seconds.has_value());
  EXPECT_EQ(server_->Jobs().size(), 3u);
}

TEST_F(RebuildTest, WantedAnchorIsTheParent) {
  Start();
  const std::vector<int64_t> sequences = Learn(3);

  IMPRINT_ASSERT_OK_AND_ASSIGN(const auto planned, updater().Rebuild(1, /*dry_run=*/false));

  EXPECT_EQ(planned.job, 4);
  ASSERT_TRUE(server_->AwaitState(4, kCommitted));
  EXPECT_EQ(server_->Jobs()[3].trigger(), store::STORED_TRIGGER_COMMAND);
  EXPECT_EQ(versions().current()->number, 4);
  EXPECT_EQ(versions().current()->parent, 1);
  EXPECT_EQ(versions().Contained(), sequences);
  const auto trainings = learner().trainings();
  EXPECT_THAT(trainings.back().targets, ElementsAre(sequences[1], sequences[2]));
  EXPECT_THAT(trainings.back().replayed, ElementsAre(sequences[0]));
  for (const int64_t sequence : sequences) {
    EXPECT_NEAR(fakes::Knowledge(*versions().current(), sequence), 1, 1e-6);
    EXPECT_EQ(server_->StateOf(sequence), store::STORED_STATE_INTEGRATED);
    EXPECT_EQ(server_->log_->Get(sequence)->version(), sequence);  // the first that had it
  }
}

TEST_F(RebuildTest, WithoutAnAnchorItIsTheNewestOfLittleDrift) {
  Start();
  const std::vector<int64_t> sequences = Learn(3);
  SetDrift(2, 0.09);

  IMPRINT_ASSERT_OK(updater().Rebuild(std::nullopt, /*dry_run=*/false));

  ASSERT_TRUE(server_->AwaitState(4, kCommitted));
  EXPECT_EQ(versions().current()->parent, 1);
  EXPECT_EQ(versions().Contained(), sequences);
}

TEST_F(RebuildTest, AnchorMustBeThereAndHoldNothingElse) {
  Start();
  Learn(2);

  EXPECT_THAT(updater().Rebuild(9, true), HasCode(absl::StatusCode::kNotFound));
  IMPRINT_ASSERT_OK(updater().Rollback(1));
  EXPECT_THAT(updater().Rebuild(2, true),
              IsError(absl::StatusCode::kFailedPrecondition, HasSubstr("versions/2")));
  IMPRINT_ASSERT_OK(updater().Rollback(0));
  EXPECT_THAT(updater().Rebuild(std::nullopt, true),
              IsError(absl::StatusCode::kFailedPrecondition, HasSubstr("nothing to rebuild")));
}

TEST_F(RebuildTest, RejectedRebuildChangesNothing) {
  Start();
  const std::vector<int64_t> sequences = Learn(2);
  learner().LoseRetentionFrom({sequences[1]});

  IMPRINT_ASSERT_OK(updater().Rebuild(1, /*dry_run=*/false));

  ASSERT_TRUE(server_->AwaitState(3, kRejected));
  EXPECT_EQ(versions().current()->number, 2);
  EXPECT_EQ(server_->StateOf(sequences[1]), store::STORED_STATE_INTEGRATED);
  EXPECT_EQ(server_->Jobs().size(), 3u);
}

TEST_F(RebuildTest, RollbackInterruptsItAndItBeginsAgainOnWhatIsCurrent) {
  Start();
  const std::vector<int64_t> sequences = Learn(3);
  learner().Block();
  IMPRINT_ASSERT_OK(updater().Rebuild(0, /*dry_run=*/false));
  ASSERT_TRUE(server_->AwaitState(4, store::STORED_JOB_STATE_TRAINING));

  IMPRINT_ASSERT_OK(updater().Rollback(2));
  learner().Release();

  ASSERT_TRUE(server_->AwaitState(4, kCommitted));
  EXPECT_THAT(server_->Jobs()[3].rebuilt(), ElementsAre(sequences[0], sequences[1]));
  EXPECT_THAT(versions().Contained(), ElementsAre(sequences[0], sequences[1]));
}

TEST_F(RebuildTest, BrokenAnchorGivesWayToAnOlderOne) {
  Start();
  const std::vector<int64_t> sequences = Learn(3);
  Reopen();
  std::filesystem::remove_all(temp_ / "data" / "versions" / "00000001");

  IMPRINT_ASSERT_OK(updater().Rebuild(1, /*dry_run=*/false));

  ASSERT_TRUE(server_->AwaitState(4, kCommitted));
  EXPECT_EQ(versions().current()->parent, 0);
  EXPECT_EQ(versions().Contained(), sequences);
}

TEST_F(RebuildTest, JobThatFailsForDriftIsTriedOnceFromAnOlderVersion) {
  Start();
  const std::vector<int64_t> sequences = Learn(2);
  SetDrift(1, 0.01);
  SetDrift(2, 0.09);
  const int64_t newer = server_->Inject(1)[0];
  learner().LoseRetentionFrom({newer});
  server_->on_job = [this](const store::JobRecord& job) {
    if (job.state() == kRejected) learner().LoseRetentionFrom({});
  };

  RunNow();

  ASSERT_TRUE(server_->AwaitState(4, kCommitted));
  EXPECT_EQ(server_->Jobs()[2].state(), kRejected);
  EXPECT_EQ(server_->Jobs()[3].trigger(), store::STORED_TRIGGER_RETENTION);
  EXPECT_EQ(server_->Jobs()[3].parent_version(), 1);
  EXPECT_THAT(versions().Contained(), ElementsAre(sequences[0], sequences[1], newer));
}

TEST_F(RebuildTest, JobThatFailsAgainIsSplitAndItsPoisonQuarantined) {
  Start();
  Learn(1);
  SetDrift(1, 0.09);
  const std::vector<int64_t> batch = server_->Inject(2);
  learner().LoseRetentionFrom({batch[1]});

  RunNow();

  ASSERT_TRUE(
      Eventually([&] { return server_->StateOf(batch[1]) == store::STORED_STATE_QUARANTINED; }));
  EXPECT_EQ(server_->StateOf(batch[0]), store::STORED_STATE_INTEGRATED);
  int rebuilds = 0;
  for (const store::JobRecord& job : server_->Jobs()) {
    rebuilds += job.kind() == store::STORED_JOB_KIND_REBUILD ? 1 : 0;
  }
  EXPECT_EQ(rebuilds, 1);
}

}  // namespace
}  // namespace imprint::update
