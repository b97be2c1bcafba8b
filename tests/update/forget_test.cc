// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Forgetting, from the tombstone to the version that never held it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/update/updater.h"
#include "tests/fakes/fake_clock.h"
#include "tests/update/updater_fixture.h"

namespace imprint::update {
namespace {

using ::imprint::testing::HasCode;
using ::imprint::testing::IsError;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr auto kCommitted = store::STORED_JOB_STATE_COMMITTED;
constexpr auto kTraining = store::STORED_JOB_STATE_TRAINING;
constexpr auto kForgotten = store::STORED_STATE_FORGOTTEN;

class ForgetTest : public UpdaterFixture {
 protected:
  void TearDown() override { server_.reset(); }

  // One job for each of `count` new experiences.
  std::vector<int64_t> Learn(int count) {
    std::vector<int64_t> sequences;
    for (int i = 0; i < count; ++i) {
      sequences.push_back(server_->Inject(1)[0]);
      EXPECT_TRUE(updater().RunNow().ok());
      EXPECT_TRUE(Eventually([&] {
        return server_->StateOf(sequences.back()) == store::STORED_STATE_INTEGRATED &&
               !updater().running().has_value();
      }));
    }
    return sequences;
  }

  bool Forget(int64_t sequence) {
    const auto forgotten = updater().Forget({.sequence = sequence});
    IMPRINT_EXPECT_OK(forgotten);
    return forgotten.ok() && forgotten->rebuild;
  }

  // Nothing is left of what was forgotten.
  ::testing::AssertionResult AwaitGone() {
    return Eventually([this] {
      const auto forgetting = updater().forgetting();
      return forgetting.ok() && forgetting->in_weights == 0 && !forgetting->in_files;
    });
  }

  fakes::FakeClock fake_clock_;

  bool Dropped(int64_t version) { return server_->store_->GetVersion(version)->dropped(); }
};

TEST_F(ForgetTest, VersionIsMadeAgainWithoutIt) {
  Start();
  const std::vector<int64_t> sequences = Learn(3);

  EXPECT_TRUE(Forget(sequences[1]));

  ASSERT_TRUE(AwaitGone());
  const store::JobRecord job = server_->Jobs().back();
  EXPECT_EQ(job.state(), kCommitted);
  EXPECT_EQ(job.kind(), store::STORED_JOB_KIND_REBUILD);
  EXPECT_EQ(job.trigger(), store::STORED_TRIGGER_FORGET);
  EXPECT_EQ(job.parent_version(), 1);
  EXPECT_THAT(job.rebuilt(), ElementsAre(sequences[2]));
  EXPECT_NEAR(job.report().forgotten_efficacy(), 0, 1e-3);
  EXPECT_EQ(versions().current()->number, 4);
  EXPECT_EQ(server_->engine_.current()->number, 4);
  EXPECT_THAT(versions().Contained(), ElementsAre(sequences[0], sequences[2]));
  EXPECT_NEAR(fakes::Knowledge(*versions().current(), sequences[0]), 1, 1e-6);
  EXPECT_EQ(fakes::Knowledge(*versions().current(), sequences[1]), 0);
  EXPECT_NEAR(fakes::Knowledge(*versions().current(), sequences[2]), 1, 1e-6);
  EXPECT_EQ(server_->StateOf(sequences[1]), kForgotten);
  EXPECT_EQ(server_->StateOf(sequences[2]), store::STORED_STATE_INTEGRATED);
}

TEST_F(ForgetTest, TargetsAndProbesAreGone) {
  Start();
  const int64_t sequence = Learn(1)[0];

  Forget(sequence);

  ASSERT_TRUE(AwaitGone());
  EXPECT_THAT(*server_->store_->GetTargets(sequence), IsEmpty());
  EXPECT_THAT(*server_->store_->GetProbes(sequence), IsEmpty());
  EXPECT_EQ(server_->log_->Get(sequence)->text(), "");
}

TEST_F(ForgetTest, VersionsThatHoldItAreDroppedAndCannotBeRolledBackTo) {
  Start();
  const std::vector<int64_t> sequences = Learn(3);

  Forget(sequences[1]);

  ASSERT_TRUE(AwaitGone());
  EXPECT_FALSE(Dropped(1));
  EXPECT_TRUE(Dropped(2));
  EXPECT_TRUE(Dropped(3));
  EXPECT_FALSE(Dropped(4));
  EXPECT_FALSE(std::filesystem::exists(temp_ / "data" / "versions" / "00000003"));
  EXPECT_THAT(updater().Rollback(3),
              IsError(absl::StatusCode::kFailedPrecondition, HasSubstr("forgotten")));
  EXPECT_THAT(versions().Acquire(3), HasCode(absl::StatusCode::kFailedPrecondition));
  IMPRINT_EXPECT_OK(updater().Rollback(1));
}

TEST_F(ForgetTest, WhatWasLearnedLastLeavesTheAnchorAsItWas) {
  Start();
  const std::vector<int64_t> sequences = Learn(2);

  Forget(sequences[1]);

  ASSERT_TRUE(AwaitGone());
  EXPECT_EQ(versions().current()->number, 3);
  EXPECT_EQ(versions().current()->parent, 1);
  EXPECT_THAT(versions().Contained(), ElementsAre(sequences[0]));
  EXPECT_EQ(learner().trainings().size(), 2u);
  // And goes on from there.
  const std::vector<int64_t> more = Learn(1);
  EXPECT_THAT(versions().Contained(), ElementsAre(sequences[0], more[0]));
}

TEST_F(ForgetTest, TheOnlyOneLeavesTheBase) {
  Start();
  const int64_t sequence = Learn(1)[0];

  Forget(sequence);

  ASSERT_TRUE(AwaitGone());
  EXPECT_THAT(versions().Contained(), IsEmpty());
  EXPECT_EQ(versions().current()->weights, versions().base()->weights);
  Reopen();
  EXPECT_EQ(versions().current()->number, 2);
}

TEST_F(ForgetTest, WhatIsNotInTheWeightsNeedsNoJob) {
  Start();
  const std::vector<int64_t> sequences = server_->Inject(2);

  EXPECT_FALSE(Forget(sequences[0]));

  RunNow();
  ASSERT_TRUE(server_->AwaitState(1, kCommitted));
  EXPECT_THAT(server_->Jobs()[0].sequences(), ElementsAre(sequences[1]));
  ASSERT_TRUE(AwaitGone());
  EXPECT_THAT(*server_->store_->GetProbes(sequences[0]), IsEmpty());
  EXPECT_EQ(server_->Jobs().size(), 1u);
}

TEST_F(ForgetTest, JobInFlightBeginsAgainWithoutIt) {
  Start();
  learner().Block();
  const std::vector<int64_t> sequences = server_->Inject(2);
  RunNow();
  ASSERT_TRUE(server_->AwaitState(1, kTraining));

  Forget(sequences[0]);
  learner().Release();

  ASSERT_TRUE(server_->AwaitState(1, kCommitted));
  EXPECT_THAT(server_->Jobs()[0].sequences(), ElementsAre(sequences[1]));
  EXPECT_EQ(server_->Jobs()[0].attempt(), 2);
  EXPECT_EQ(fakes::Knowledge(*versions().current(), sequences[0]), 0);
}

TEST_F(ForgetTest, RebuildGoesBeforeTheJobInFlightWhichThenGoesOn) {
  Start();
  const std::vector<int64_t> sequences = Learn(2);
  learner().Block();
  const int64_t later = server_->Inject(1)[0];
  RunNow();
  ASSERT_TRUE(server_->AwaitState(3, kTraining));

  EXPECT_TRUE(Forget(sequences[0]));
  learner().Release();

  ASSERT_TRUE(server_->AwaitState(3, kCommitted));
  ASSERT_TRUE(AwaitGone());
  EXPECT_EQ(server_->Jobs()[3].kind(), store::STORED_JOB_KIND_REBUILD);
  EXPECT_EQ(server_->Jobs()[2].parent_version(), server_->Jobs()[3].version());
  EXPECT_THAT(versions().Contained(), ElementsAre(sequences[1], later));
  // It was planned first and is the later version all the same: the folder can be opened.
  EXPECT_GT(server_->Jobs()[2].version(), server_->Jobs()[3].version());
  Reopen();
  EXPECT_THAT(versions().Contained(), ElementsAre(sequences[1], later));
}

TEST_F(ForgetTest, ForgettingDuringARebuildIsPartOfIt) {
  Start();
  const std::vector<int64_t> sequences = Learn(3);
  learner().Block();
  Forget(sequences[0]);
  ASSERT_TRUE(server_->AwaitState(4, kTraining));

  Forget(sequences[1]);
  learner().Release();

  ASSERT_TRUE(AwaitGone());
  EXPECT_THAT(versions().Contained(), ElementsAre(sequences[2]));
  EXPECT_EQ(server_->Jobs().size(), 4u);
  EXPECT_THAT(server_->Jobs()[3].rebuilt(), ElementsAre(sequences[2]));
}

TEST_F(ForgetTest, RollbackInterruptsTheRebuild) {
  Start();
  const std::vector<int64_t> sequences = Learn(3);
  learner().Block();
  Forget(sequences[1]);
  ASSERT_TRUE(server_->AwaitState(4, kTraining));

  IMPRINT_ASSERT_OK(updater().Rollback(1));
  learner().Release();

  ASSERT_TRUE(AwaitGone());
  EXPECT_THAT(versions().Contained(), ElementsAre(sequences[0]));
  ASSERT_TRUE(server_->AwaitState(4, store::STORED_JOB_STATE_CANCELLED));
  EXPECT_TRUE(Dropped(3));
}

TEST_F(ForgetTest, HeldOneTakesItsVersionsWithIt) {
  Start();
  const std::vector<int64_t> sequences = Learn(2);
  IMPRINT_ASSERT_OK(updater().Rollback(1));

  EXPECT_FALSE(Forget(sequences[1]));

  ASSERT_TRUE(AwaitGone());
  EXPECT_TRUE(Dropped(2));
  EXPECT_EQ(versions().current()->number, 1);
}

TEST_F(ForgetTest, WhatCannotBePublishedFallsBackToTheAnchor) {
  std::vector<int64_t> sequences;
  // As they are when the next job begins, which may be at once.
  int64_t current = -1;
  int64_t served = -1;
  store::StoredState left_out = store::STORED_STATE_UNSPECIFIED;
  server_->on_job = [&](const store::JobRecord& job) {
    if (job.id() != 5 || job.state() != store::STORED_JOB_STATE_PLANNED) return;
    current = versions().current()->number;
    served = server_->engine_.current()->number;
    left_out = server_->StateOf(sequences[2]);
    learner().LoseRetentionFrom({});
  };
  Start();
  sequences = Learn(3);
  learner().LoseRetentionFrom({sequences[2]});

  Forget(sequences[1]);

  ASSERT_TRUE(server_->AwaitState(4, store::STORED_JOB_STATE_REJECTED));
  ASSERT_TRUE(AwaitGone());
  RunNow();
  ASSERT_TRUE(server_->AwaitState(5, kCommitted));
  EXPECT_EQ(current, 1);
  EXPECT_EQ(served, 1);
  EXPECT_EQ(left_out, store::STORED_STATE_READY);
  EXPECT_EQ(server_->StateOf(sequences[0]), store::STORED_STATE_INTEGRATED);
  EXPECT_THAT(versions().Contained(), ElementsAre(sequences[0], sequences[2]));
}

TEST_F(ForgetTest, ByRequestIdAndByLabels) {
  store::ExperienceRecord record;
  record.set_request_id("mine");
  (*record.mutable_labels())["user"] = "ada";
  const int64_t by_request = server_->Append(record);
  record.set_request_id("another");
  const int64_t by_label = server_->Append(record);
  const int64_t other = server_->Append();
  Start();

  IMPRINT_ASSERT_OK_AND_ASSIGN(const auto first, updater().Forget({.request_id = "mine"}));
  IMPRINT_ASSERT_OK_AND_ASSIGN(const auto second, updater().Forget({.labels = {{"user", "ada"}}}));

  ASSERT_EQ(first.experiences.size(), 1u);
  EXPECT_EQ(first.experiences[0].sequence(), by_request);
  ASSERT_EQ(second.experiences.size(), 1u);
  EXPECT_EQ(second.experiences[0].sequence(), by_label);
  EXPECT_EQ(server_->StateOf(other), store::STORED_STATE_QUEUED);
  EXPECT_THAT(updater().Forget({.request_id = "nobody's"}), HasCode(absl::StatusCode::kNotFound));
  EXPECT_THAT(updater().Forget({.sequence = 77}), HasCode(absl::StatusCode::kNotFound));
}

TEST_F(ForgetTest, ForgottenOneIsForgottenStill) {
  Start();
  const int64_t sequence = server_->Inject(1)[0];
  Forget(sequence);

  IMPRINT_ASSERT_OK_AND_ASSIGN(const auto again, updater().Forget({.sequence = sequence}));

  EXPECT_EQ(again.experiences.size(), 1u);
  EXPECT_FALSE(again.rebuild);
}

// Each GetStatus, sweep and commit went over all that was ever forgotten.
TEST_F(ForgetTest, WhatIsGoneIsLookedAtNoMore) {
  Start();
  const std::vector<int64_t> sequences = Learn(2);
  const int64_t waiting = server_->Inject(1)[0];
  learner().Block();

  Forget(waiting);
  Forget(sequences[0]);
  EXPECT_THAT(server_->log_->OpenTombstones(), Contains(sequences[0]));
  learner().Release();
  ASSERT_TRUE(AwaitGone());

  EXPECT_TRUE(Eventually([&] { return server_->log_->OpenTombstones().empty(); }));
  // A start looks at all of them once.
  Open();
  EXPECT_THAT(server_->log_->OpenTombstones(), ElementsAre(sequences[0], waiting));
  Start();
  EXPECT_TRUE(Eventually([&] { return server_->log_->OpenTombstones().empty(); }));
}

// No interruption tells the job: its own transaction has to see it.
TEST_F(ForgetTest, WhatIsForgottenAtTheLastMomentIsNotCommitted) {
  Start();
  const std::vector<int64_t> sequences = server_->Inject(2);
  bool forgotten = false;
  server_->on_job = [&](const store::JobRecord& job) {
    if (job.state() != store::STORED_JOB_STATE_PUBLISHING || forgotten) return;
    forgotten = true;
    IMPRINT_EXPECT_OK(server_->log_->Forget({sequences[0]}, "", [](int64_t) { return false; }));
  };
  RunNow();

  ASSERT_TRUE(server_->AwaitState(1, kCommitted));
  EXPECT_EQ(server_->Jobs()[0].attempt(), 2);
  EXPECT_THAT(versions().Contained(), ElementsAre(sequences[1]));
}

// The version that the job goes on from holds it.
TEST_F(ForgetTest, WhatIsForgottenAtTheLastMomentIsNotCarriedOn) {
  Start();
  const int64_t earlier = Learn(1)[0];
  const int64_t later = server_->Inject(1)[0];
  bool forgotten = false;
  server_->on_job = [&](const store::JobRecord& job) {
    if (job.state() != store::STORED_JOB_STATE_PUBLISHING || forgotten) return;
    forgotten = true;
    IMPRINT_EXPECT_OK(server_->log_->Forget({earlier}, "", [](int64_t) { return false; }));
  };
  RunNow();

  ASSERT_TRUE(server_->AwaitState(2, kCommitted));
  EXPECT_EQ(server_->Jobs()[1].attempt(), 2);
  EXPECT_THAT(versions().ContainedIn(server_->Jobs()[1].version()).value(), ElementsAre(later));
}

TEST_F(ForgetTest, ExpiredOneIsForgottenAlsoAfterARestart) {
  clock_ = &fake_clock_;
  Open();
  Start();
  store::ExperienceRecord record;
  record.set_ttl_micros(absl::ToInt64Microseconds(absl::Hours(1)));
  const int64_t mortal = server_->Append(record);
  server_->Generate(mortal);
  const int64_t other = server_->Inject(1)[0];
  RunNow();
  ASSERT_TRUE(server_->AwaitState(1, kCommitted));

  fake_clock_.Advance(absl::Minutes(59));
  Reopen();
  ASSERT_TRUE(AwaitGone());
  EXPECT_EQ(server_->StateOf(mortal), store::STORED_STATE_INTEGRATED);
  fake_clock_.Advance(absl::Minutes(2));
  Reopen();

  ASSERT_TRUE(Eventually([&] { return server_->StateOf(mortal) == kForgotten; }));
  ASSERT_TRUE(AwaitGone());
  EXPECT_THAT(versions().Contained(), ElementsAre(other));
  EXPECT_EQ(server_->Jobs()[1].trigger(), store::STORED_TRIGGER_FORGET);
}

TEST_F(ForgetTest, ExpiryWakesTheUpdaterByItself) {
  Start();
  store::ExperienceRecord record;
  record.set_ttl_micros(absl::ToInt64Microseconds(absl::Milliseconds(200)));

  const int64_t mortal = server_->Append(record);

  EXPECT_TRUE(Eventually([&] { return server_->StateOf(mortal) == kForgotten; }));
}

// --- crashes: what is on disk at that moment is opened by another server ---

class ForgetCrashTest : public ForgetTest {
 protected:
  void Crash() { std::filesystem::copy(temp_ / "data", crashed_, kAll); }
  void OpenCrashed() {
    server_.reset();
    server_ = std::make_unique<Server>(crashed_, base_);
    Start();
  }

  static constexpr auto kAll = std::filesystem::copy_options::recursive;
  const std::filesystem::path crashed_ = temp_ / "crashed";
};

TEST_F(ForgetCrashTest, CrashBetweenTombstoneAndJobPlansTheJobAtTheNextStart) {
  Start();
  const std::vector<int64_t> sequences = Learn(2);
  server_->updater_.reset();
  // The tombstone alone is durable.
  IMPRINT_ASSERT_OK(server_->log_->Forget({sequences[0]}, "", [](int64_t) { return true; }));
  Crash();

  OpenCrashed();

  ASSERT_TRUE(AwaitGone());
  EXPECT_THAT(versions().Contained(), ElementsAre(sequences[1]));
  EXPECT_THAT(*server_->store_->GetProbes(sequences[0]), IsEmpty());
}

class CrashInRebuildTest : public ForgetCrashTest,
                           public ::testing::WithParamInterface<store::StoredJobState> {};

TEST_P(CrashInRebuildTest, RebuildIsCommittedExactlyOnce) {
  Start();
  const std::vector<int64_t> sequences = Learn(3);
  bool crashed = false;
  server_->on_job = [&](const store::JobRecord& job) {
    if (job.id() == 4 && job.state() == GetParam() && !crashed) {
      crashed = true;
      Crash();
    }
  };
  Forget(sequences[1]);
  ASSERT_TRUE(server_->AwaitState(4, kCommitted));

  OpenCrashed();

  ASSERT_TRUE(AwaitGone());
  EXPECT_EQ(versions().current()->number, 4);
  EXPECT_EQ(server_->Jobs().size(), 4u);
  EXPECT_EQ(server_->Versions().size(), 4u);
  EXPECT_THAT(versions().Contained(), ElementsAre(sequences[0], sequences[2]));
  EXPECT_TRUE(Dropped(2));
  EXPECT_TRUE(Dropped(3));
  EXPECT_THAT(*server_->store_->GetProbes(sequences[1]), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(States, CrashInRebuildTest,
                         ::testing::Values(store::STORED_JOB_STATE_PLANNED, kTraining,
                                           store::STORED_JOB_STATE_GATING,
                                           store::STORED_JOB_STATE_PUBLISHING, kCommitted),
                         [](const auto& state) { return StateName(state.param); });

}  // namespace
}  // namespace imprint::update
