// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// States that follow the current version, and what listeners and waiters hear.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/experience/log_fixture.h"

namespace imprint::experience {
namespace {

using ::testing::ElementsAre;
using testing::HasCode;
using ::testing::HasSubstr;
using testing::IsError;
using testing::IsOk;

constexpr store::StoredState kQueued = store::STORED_STATE_QUEUED;
constexpr store::StoredState kReady = store::STORED_STATE_READY;
constexpr store::StoredState kIntegrated = store::STORED_STATE_INTEGRATED;
constexpr store::StoredState kHeld = store::STORED_STATE_HELD;

class MembershipTest : public LogFixture {};

TEST_F(MembershipTest, IntegratedTogetherWithTheVersion) {
  const int64_t first = AppendInState(kReady);
  const int64_t second = AppendInState(kReady);
  log_->SetTraining({first, second});

  IMPRINT_ASSERT_OK(store_->Transact([&](store::Transaction& transaction) {
    transaction.SetCurrentVersion(3);
    return log_->StageIntegrated(transaction, {first, second}, 3, {{first, 0.9}});
  }));
  IMPRINT_ASSERT_OK(log_->Refresh());

  IMPRINT_ASSERT_OK_AND_ASSIGN(store::ExperienceRecord record, log_->Get(first));
  EXPECT_EQ(record.state(), kIntegrated);
  EXPECT_EQ(record.version(), 3);
  EXPECT_EQ(record.efficacy(), 0.9);
  EXPECT_EQ(record.efficacy_version(), 3);
  EXPECT_FALSE(log_->Get(second)->has_efficacy());
  EXPECT_EQ(store_->GetCurrentVersion().value(), 3);
  EXPECT_EQ(log_->Counts().integrated, 2);
  EXPECT_EQ(log_->Counts().training, 0);
  EXPECT_TRUE(log_->Ready().empty());
}

TEST_F(MembershipTest, OneThatIsNotReadyStopsTheWholeCommit) {
  const int64_t ready = AppendInState(kReady);
  const int64_t queued = AppendInState(kQueued);

  EXPECT_THAT(store_->Transact([&](store::Transaction& transaction) {
    transaction.SetCurrentVersion(3);
    return log_->StageIntegrated(transaction, {ready, queued}, 3, {});
  }),
              IsError(absl::StatusCode::kFailedPrecondition, HasSubstr("QUEUED")));
  IMPRINT_ASSERT_OK(log_->Refresh());

  EXPECT_EQ(StateOf(ready), kReady);
  EXPECT_EQ(log_->Ready().size(), 1u);
  EXPECT_EQ(store_->GetCurrentVersion().value(), 0);
}

TEST_F(MembershipTest, RollbackHoldsWhatTheOlderVersionLacksAndBack) {
  const int64_t first = AppendInState(kReady);
  Commit({first}, 1);
  const int64_t second = AppendInState(kReady);
  Commit({second}, 2);
  const int64_t waiting = AppendInState(kReady);

  EXPECT_EQ(MoveCurrent(1, [&](int64_t sequence) { return sequence == first; }), 1);

  EXPECT_EQ(StateOf(first), kIntegrated);
  EXPECT_EQ(StateOf(second), kHeld);
  EXPECT_NE(log_->Get(second)->state_reason(), "");
  EXPECT_EQ(StateOf(waiting), kReady);
  EXPECT_EQ(log_->Counts().held, 1);

  EXPECT_EQ(MoveCurrent(2, [&](int64_t sequence) { return sequence <= second; }), 0);

  EXPECT_EQ(StateOf(second), kIntegrated);
  EXPECT_EQ(log_->Get(second)->state_reason(), "");
  EXPECT_EQ(log_->Counts().integrated, 2);
  EXPECT_EQ(log_->Counts().held, 0);
}

TEST_F(MembershipTest, ReleasedAndContainedAgainIsIntegrated) {
  const int64_t sequence = AppendInState(kHeld);
  IMPRINT_ASSERT_OK(log_->Release(sequence));
  EXPECT_EQ(log_->Ready().size(), 1u);

  MoveCurrent(1, [](int64_t) { return true; });

  EXPECT_EQ(StateOf(sequence), kIntegrated);
  EXPECT_TRUE(log_->Ready().empty());
}

TEST_F(MembershipTest, SetAsideWithTheEndOfTheirJob) {
  const int64_t ready = AppendInState(kReady);
  const int64_t other = AppendInState(kReady);
  const int64_t integrated = AppendInState(kIntegrated);

  IMPRINT_ASSERT_OK(store_->Transact([&](store::Transaction& transaction) {
    return log_->StageSetAside(transaction, {ready, integrated}, kHeld, "job 4 was cancelled");
  }));
  IMPRINT_ASSERT_OK(log_->Refresh());

  EXPECT_EQ(StateOf(ready), kHeld);
  EXPECT_EQ(log_->Get(ready)->state_reason(), "job 4 was cancelled");
  EXPECT_EQ(StateOf(integrated), kIntegrated);
  EXPECT_EQ(StateOf(other), kReady);
  EXPECT_EQ(log_->Ready().size(), 1u);
  IMPRINT_ASSERT_OK(log_->Release(ready));
  EXPECT_EQ(log_->Ready().size(), 2u);
}

TEST_F(MembershipTest, BothStagedIntoOneTransactionAgree) {
  const int64_t earlier = AppendInState(kIntegrated);
  const int64_t trained = AppendInState(kReady);

  IMPRINT_ASSERT_OK(store_->Transact([&](store::Transaction& transaction) {
    transaction.SetCurrentVersion(7);
    absl::Status staged = log_->StageIntegrated(transaction, {trained}, 7, {{trained, 0.8}});
    if (!staged.ok()) return staged;
    return log_->StageMembership(transaction, [&](int64_t sequence) { return sequence == trained; })
        .status();
  }));
  IMPRINT_ASSERT_OK(log_->Refresh());

  EXPECT_EQ(StateOf(earlier), kHeld);
  EXPECT_EQ(StateOf(trained), kIntegrated);
  EXPECT_EQ(log_->Get(trained)->version(), 7);
  EXPECT_EQ(log_->Get(trained)->efficacy(), 0.8);
  EXPECT_EQ(store_->GetCurrentVersion().value(), 7);
}

TEST_F(MembershipTest, StatesAndCurrentVersionAreNeverPartedByACrash) {
  const int64_t sequence = AppendInState(kReady);
  fs_->Fail(fakes::Fault::kHalfLogWrites);
  EXPECT_THAT(store_->Transact([&](store::Transaction& transaction) {
    transaction.SetCurrentVersion(1);
    return log_->StageIntegrated(transaction, {sequence}, 1, {});
  }),
              HasCode(absl::StatusCode::kUnavailable));
  CrashLog();
  IMPRINT_ASSERT_OK(OpenLog());
  EXPECT_EQ(StateOf(sequence), kReady);
  EXPECT_EQ(store_->GetCurrentVersion().value(), 0);

  Commit({sequence}, 1);
  CrashLog();
  IMPRINT_ASSERT_OK(OpenLog());
  EXPECT_EQ(StateOf(sequence), kIntegrated);
  EXPECT_EQ(store_->GetCurrentVersion().value(), 1);
}

// A commit that failed for good leaves the experience to the next job.
TEST_F(MembershipTest, RefreshAfterAFailedCommitChangesNothing) {
  const int64_t sequence = AppendInState(kReady);
  fs_->Fail(fakes::Fault::kWrites);
  EXPECT_FALSE(store_
                   ->Transact([&](store::Transaction& transaction) {
                     return log_->StageIntegrated(transaction, {sequence}, 1, {});
                   })
                   .ok());
  EXPECT_FALSE(log_->Refresh().ok());
  fs_->Heal();
  IMPRINT_ASSERT_OK(log_->Refresh());

  EXPECT_EQ(log_->Ready().size(), 1u);
  Commit({sequence}, 1);
  EXPECT_EQ(log_->Counts().integrated, 1);
  EXPECT_TRUE(log_->Ready().empty());
}

// The commit's outcome was unknown, and it turns out to have happened.
TEST_F(MembershipTest, ACommitThatIsFoundAgainReachesIndexAndListeners) {
  const int64_t sequence = AppendInState(kReady);
  std::vector<store::StoredState> heard;
  log_->AddListener(
      [&](const store::ExperienceRecord& record) { heard.push_back(record.state()); });
  fs_->Fail(fakes::Fault::kLogSyncThenWrites);
  EXPECT_FALSE(store_
                   ->Transact([&](store::Transaction& transaction) {
                     return log_->StageIntegrated(transaction, {sequence}, 1, {});
                   })
                   .ok());
  fs_->Heal();
  IMPRINT_ASSERT_OK(store_->Settle());
  IMPRINT_ASSERT_OK(log_->Refresh());

  EXPECT_EQ(log_->Counts().integrated, 1);
  EXPECT_TRUE(log_->Ready().empty());
  EXPECT_THAT(heard, ElementsAre(kIntegrated));
}

TEST_F(MembershipTest, ListenersHearEveryChangeInOrder) {
  std::vector<std::pair<int64_t, store::StoredState>> heard;
  log_->AddListener([&](const store::ExperienceRecord& record) {
    heard.emplace_back(record.sequence(), record.state());
    // Outside the log's locks: it can be asked.
    EXPECT_GE(log_->last_sequence(), record.sequence());
  });
  const int64_t first = AppendInState(kReady);
  const int64_t second = AppendInState(kReady);
  Commit({second, first}, 1);
  MoveCurrent(0, [](int64_t) { return false; });
  IMPRINT_ASSERT_OK(log_->RecordEfficacy({{first, 0.5}}, 1));

  using Heard = std::pair<int64_t, store::StoredState>;
  EXPECT_THAT(heard, ElementsAre(Heard(1, kQueued), Heard(1, kReady), Heard(2, kQueued),
                                 Heard(2, kReady), Heard(1, kIntegrated), Heard(2, kIntegrated),
                                 Heard(1, kHeld), Heard(2, kHeld), Heard(1, kHeld)));
}

TEST_F(MembershipTest, ConcurrentChangesAreToldOneAtATimeAndInOrder) {
  std::atomic<int> inside = 0;
  std::map<int64_t, std::vector<store::StoredState>> heard;
  log_->AddListener([&](const store::ExperienceRecord& record) {
    EXPECT_EQ(inside.fetch_add(1), 0);
    heard[record.sequence()].push_back(record.state());
    inside.fetch_sub(1);
  });
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10; ++i) {
        AppendResult appended = Append(*log_, MakeRecord("x"));
        ASSERT_THAT(appended, IsOk());
        EXPECT_THAT(log_->StoreTargets(appended->sequence(), MakeTargets(), {}), IsOk());
        EXPECT_THAT(log_->Quarantine(appended->sequence(), "x"), IsOk());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  log_.reset();

  EXPECT_EQ(heard.size(), 40u);
  for (const auto& [sequence, states] : heard) {
    EXPECT_THAT(states, ElementsAre(kQueued, kReady, store::STORED_STATE_QUARANTINED));
  }
}

TEST_F(MembershipTest, AwaitQueuedReturnsForANewExperience) {
  AppendInState(kReady);
  std::thread waiter([&] {
    while (log_->NextQueued(0) == std::nullopt) log_->AwaitQueued(0, absl::InfiniteFuture());
  });
  AppendInState(kQueued);
  waiter.join();
}

TEST_F(MembershipTest, AwaitQueuedReturnsAtItsDeadline) {
  const int64_t sequence = AppendInState(kQueued);
  log_->AwaitQueued(sequence, absl::Now() - absl::Seconds(1));
  log_->AwaitQueued(0, absl::InfiniteFuture());
}

// A worker that looked, and is about to wait, must not sleep through the wake.
TEST_F(MembershipTest, AWakeBeforeTheWaitIsNotMissed) {
  log_->WakeWaiters();
  log_->AwaitQueued(0, absl::InfiniteFuture());
}

TEST_F(MembershipTest, AWakeEndsTheWait) {
  std::thread waiter([&] { log_->AwaitQueued(0, absl::InfiniteFuture()); });
  log_->WakeWaiters();
  waiter.join();
}

}  // namespace
}  // namespace imprint::experience
