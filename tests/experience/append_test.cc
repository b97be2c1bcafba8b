// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// What an append promises: order, no holes, each request once.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <thread>

#include "absl/synchronization/notification.h"
#include "tests/experience/log_fixture.h"

namespace imprint::experience {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::HasCode;
using ::testing::HasSubstr;
using testing::IsError;
using testing::IsOk;

class AppendTest : public LogFixture {};

TEST_F(AppendTest, GivesTheRecordAsStored) {
  IMPRINT_ASSERT_OK_AND_ASSIGN(
      store::ExperienceRecord record,
      Append(*log_, MakeRecord("Ada lives in Bern.", "r1", {{"team", "blue"}})));

  EXPECT_EQ(record.sequence(), 1);
  EXPECT_EQ(record.state(), store::STORED_STATE_QUEUED);
  EXPECT_EQ(record.request_id(), "r1");
  EXPECT_EQ(record.create_time_micros(), absl::ToUnixMicros(clock_.Now()));
  EXPECT_EQ(record.update_time_micros(), record.create_time_micros());
  IMPRINT_ASSERT_OK_AND_ASSIGN(store::ExperienceRecord stored, log_->Get(1));
  EXPECT_EQ(stored.SerializeAsString(), record.SerializeAsString());
}

TEST_F(AppendTest, NumbersAreInOrderWithoutAHole) {
  std::vector<std::future<AppendResult>> appends;
  for (int i = 0; i < 1000; ++i) {
    appends.push_back(BeginAppend(*log_, MakeRecord(std::to_string(i))));
  }
  for (int i = 0; i < 1000; ++i) {
    IMPRINT_ASSERT_OK_AND_ASSIGN(store::ExperienceRecord record, appends[i].get());
    EXPECT_EQ(record.sequence(), i + 1);
    EXPECT_EQ(record.text(), std::to_string(i));
  }
  EXPECT_EQ(log_->last_sequence(), 1000);
  EXPECT_EQ(log_->Counts().queued, 1000);
}

TEST_F(AppendTest, RequestIdsAreMadeWhereNoneIsGiven) {
  IMPRINT_ASSERT_OK_AND_ASSIGN(store::ExperienceRecord first, Append(*log_, MakeRecord("same")));
  IMPRINT_ASSERT_OK_AND_ASSIGN(store::ExperienceRecord second, Append(*log_, MakeRecord("same")));
  EXPECT_EQ(first.request_id().size(), 32u);
  EXPECT_NE(first.request_id(), second.request_id());
  EXPECT_EQ(second.sequence(), 2);
}

TEST_F(AppendTest, SameIdAndBodyGiveTheSameAnswer) {
  IMPRINT_ASSERT_OK(Append(*log_, MakeRecord("body", "r1")));
  clock_.Advance(absl::Hours(1));

  IMPRINT_ASSERT_OK_AND_ASSIGN(store::ExperienceRecord again,
                               Append(*log_, MakeRecord("body", "r1")));

  EXPECT_EQ(again.sequence(), 1);
  EXPECT_EQ(again.create_time_micros(), absl::ToUnixMicros(clock_.Now() - absl::Hours(1)));
  EXPECT_EQ(log_->last_sequence(), 1);
}

TEST_F(AppendTest, ARepetitionGivesTheRecordAsItIsByThen) {
  const int64_t sequence = AppendInState(store::STORED_STATE_QUARANTINED);
  const std::string id = log_->Get(sequence)->request_id();

  IMPRINT_ASSERT_OK_AND_ASSIGN(store::ExperienceRecord again,
                               Append(*log_, MakeRecord("text", id)));

  EXPECT_EQ(again.state(), store::STORED_STATE_QUARANTINED);
}

TEST_F(AppendTest, SameIdAndAnotherBodyAlreadyExists) {
  IMPRINT_ASSERT_OK(Append(*log_, MakeRecord("body", "r1")));
  EXPECT_THAT(Append(*log_, MakeRecord("other", "r1")),
              IsError(absl::StatusCode::kAlreadyExists,
                      AllOf(HasSubstr("r1"), HasSubstr("experiences/1"))));
  EXPECT_EQ(log_->last_sequence(), 1);
}

TEST_F(AppendTest, RepetitionsAreKnownAfterARestart) {
  IMPRINT_ASSERT_OK(Append(*log_, MakeRecord("body", "r1")));
  IMPRINT_ASSERT_OK(OpenLog());

  IMPRINT_ASSERT_OK_AND_ASSIGN(store::ExperienceRecord again,
                               Append(*log_, MakeRecord("body", "r1")));
  EXPECT_EQ(again.sequence(), 1);
  EXPECT_THAT(Append(*log_, MakeRecord("other", "r1")), HasCode(absl::StatusCode::kAlreadyExists));
  IMPRINT_ASSERT_OK_AND_ASSIGN(store::ExperienceRecord next, Append(*log_, MakeRecord("next")));
  EXPECT_EQ(next.sequence(), 2);
}

TEST_F(AppendTest, ConcurrentRepetitionsBecomeOneExperience) {
  std::vector<std::future<AppendResult>> same;
  std::vector<std::future<AppendResult>> other;
  // While the first one is answered nothing is written: those behind it are written together.
  absl::Notification all_there;
  log_->Append(MakeRecord("first of all"),
               [&all_there](const AppendResult&) { all_there.WaitForNotification(); });
  for (int i = 0; i < 200; ++i) {
    same.push_back(BeginAppend(*log_, MakeRecord("body", "r1")));
    other.push_back(BeginAppend(*log_, MakeRecord("another body", "r1")));
  }
  all_there.Notify();
  for (auto& append : same) {
    IMPRINT_ASSERT_OK_AND_ASSIGN(store::ExperienceRecord record, append.get());
    EXPECT_EQ(record.sequence(), 2);
    EXPECT_EQ(record.text(), "body");
  }
  for (auto& append : other) {
    EXPECT_THAT(append.get(), HasCode(absl::StatusCode::kAlreadyExists));
  }
  EXPECT_EQ(log_->last_sequence(), 2);
}

TEST_F(AppendTest, ConcurrentAppendsShareSyncs) {
  constexpr int kThreads = 64;
  constexpr int kAppends = 20;
  const int64_t before = fs_->log_syncs();
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::vector<std::future<AppendResult>> appends;
      for (int i = 0; i < kAppends; ++i) {
        appends.push_back(
            BeginAppend(*log_, MakeRecord("x", std::to_string(t) + "/" + std::to_string(i))));
      }
      for (auto& append : appends) EXPECT_THAT(append.get(), IsOk());
    });
  }
  for (std::thread& thread : threads) thread.join();

  EXPECT_EQ(log_->last_sequence(), kThreads * kAppends);
  EXPECT_LT(fs_->log_syncs() - before, kThreads * kAppends / 4);
}

TEST_F(AppendTest, TheLimitOfWaitingExperiencesIsNamed) {
  options_.max_waiting = 2;
  IMPRINT_ASSERT_OK(OpenLog());
  IMPRINT_ASSERT_OK(Append(*log_, MakeRecord("1", "r1")));
  IMPRINT_ASSERT_OK(Append(*log_, MakeRecord("2")));

  EXPECT_THAT(Append(*log_, MakeRecord("3")),
              IsError(absl::StatusCode::kResourceExhausted,
                      AllOf(HasSubstr("limit is 2"), HasSubstr("--inject.max_waiting"))));
  // A repetition takes no room.
  IMPRINT_EXPECT_OK(Append(*log_, MakeRecord("1", "r1")));
  // Room comes back when something is done.
  IMPRINT_ASSERT_OK(log_->Quarantine(1, "test"));
  IMPRINT_EXPECT_OK(Append(*log_, MakeRecord("3")));
}

TEST_F(AppendTest, TheLimitOfPendingAppendsIsNamed) {
  options_.max_pending_appends = 0;
  IMPRINT_ASSERT_OK(OpenLog());
  EXPECT_THAT(Append(*log_, MakeRecord("x")), IsError(absl::StatusCode::kResourceExhausted,
                                                      HasSubstr("--inject.max_pending_appends")));
}

TEST_F(AppendTest, TheLimitOfPendingBytesIsNamedAndOneAlwaysFits) {
  options_.max_pending_bytes = 10;
  IMPRINT_ASSERT_OK(OpenLog());
  IMPRINT_EXPECT_OK(Append(*log_, MakeRecord(std::string(1000, 'x'))));
  // While the store is held, one is on its way to it and one waits; the others are refused.
  absl::Notification held, go_on;
  std::thread writing([&] {
    IMPRINT_EXPECT_OK(store_->Transact([&](store::Transaction&) {
      held.Notify();
      go_on.WaitForNotification();
      return absl::OkStatus();
    }));
  });
  held.WaitForNotification();
  std::vector<std::future<AppendResult>> appends;
  for (int i = 0; i < 100; ++i) appends.push_back(BeginAppend(*log_, MakeRecord("text")));
  go_on.Notify();
  writing.join();
  int refused = 0;
  for (auto& append : appends) {
    const AppendResult result = append.get();
    if (result.ok()) continue;
    ++refused;
    EXPECT_THAT(result, IsError(absl::StatusCode::kResourceExhausted,
                                HasSubstr("--inject.max_pending_bytes")));
  }
  EXPECT_GT(refused, 0);
  EXPECT_LT(refused, 100);
  // Nothing is left of what waited.
  IMPRINT_EXPECT_OK(Append(*log_, MakeRecord("after")));
}

TEST_F(AppendTest, AlmostFullDiskIsNamed) {
  options_.disk = dir_.path();
  options_.min_free_bytes = std::numeric_limits<int64_t>::max();
  IMPRINT_ASSERT_OK(OpenLog());
  EXPECT_THAT(Append(*log_, MakeRecord("x")),
              IsError(absl::StatusCode::kResourceExhausted, HasSubstr("--inject.min_free_bytes")));
  options_.min_free_bytes = 1;
  IMPRINT_ASSERT_OK(OpenLog());
  IMPRINT_EXPECT_OK(Append(*log_, MakeRecord("x")));
}

// It was refused, though it is there: its caller could not learn so while the disk stayed full.
TEST_F(AppendTest, ARepetitionNeedsNoRoomOnTheDisk) {
  IMPRINT_ASSERT_OK(Append(*log_, MakeRecord("x", "r0")));
  options_.disk = dir_.path();
  options_.min_free_bytes = std::numeric_limits<int64_t>::max();
  IMPRINT_ASSERT_OK(OpenLog());
  IMPRINT_ASSERT_OK_AND_ASSIGN(const store::ExperienceRecord repeated,
                               Append(*log_, MakeRecord("x", "r0")));
  EXPECT_EQ(repeated.sequence(), 1);
  EXPECT_THAT(Append(*log_, MakeRecord("y", "r1")), HasCode(absl::StatusCode::kResourceExhausted));
}

// The flag was not named while the store could not settle a write that had failed before.
TEST_F(AppendTest, AlmostFullDiskIsNamedAfterAFailedWrite) {
  options_.disk = dir_.path();
  options_.min_free_bytes = std::numeric_limits<int64_t>::max();
  IMPRINT_ASSERT_OK(OpenLog());
  fs_->Fail(fakes::Fault::kWrites, rocksdb::IOStatus::NoSpace("injected"));
  EXPECT_FALSE(store_
                   ->Transact([](store::Transaction& transaction) {
                     transaction.PutSetting("a", "b");
                     return absl::OkStatus();
                   })
                   .ok());
  EXPECT_THAT(Append(*log_, MakeRecord("x")),
              IsError(absl::StatusCode::kResourceExhausted, HasSubstr("--inject.min_free_bytes")));
}

TEST_F(AppendTest, EveryAppendIsAnsweredWhenTheLogCloses) {
  std::vector<std::future<AppendResult>> appends;
  for (int i = 0; i < 2000; ++i) appends.push_back(BeginAppend(*log_, MakeRecord("x")));

  log_.reset();

  int64_t accepted = 0;
  for (auto& append : appends) {
    AppendResult result = append.get();
    if (result.ok()) {
      EXPECT_EQ(result->sequence(), ++accepted);
    } else {
      EXPECT_THAT(result, HasCode(absl::StatusCode::kUnavailable));
    }
  }
  EXPECT_EQ(store_->GetCounters().last_sequence, accepted);
}

TEST_F(AppendTest, AFullDiskFailsAppendsAndNothingElse) {
  IMPRINT_ASSERT_OK(Append(*log_, MakeRecord("before", "r0")));
  fs_->Fail(fakes::Fault::kWrites, rocksdb::IOStatus::NoSpace("injected"));

  EXPECT_THAT(Append(*log_, MakeRecord("lost", "r1")),
              IsError(absl::StatusCode::kResourceExhausted, HasSubstr("disk")));
  EXPECT_THAT(log_->Quarantine(1, "x"), HasCode(absl::StatusCode::kResourceExhausted));

  EXPECT_EQ(log_->last_sequence(), 1);
  EXPECT_EQ(log_->Counts().queued, 1);
  IMPRINT_EXPECT_OK(log_->Get(1));
  fs_->Heal();
  IMPRINT_ASSERT_OK_AND_ASSIGN(store::ExperienceRecord record,
                               Append(*log_, MakeRecord("lost", "r1")));
  EXPECT_EQ(record.sequence(), 2);
  EXPECT_EQ(log_->Counts().queued, 2);
}

// A failed append may be on the disk all the same. Sent again, it must not be there twice;
// never sent again, it must not be lost from the index.
TEST_F(AppendTest, AnAppendWhoseOutcomeWasUnknownIsThereOnce) {
  IMPRINT_ASSERT_OK(Append(*log_, MakeRecord("before")));
  // Only the sync fails, and the disk then fails for as long as it takes to answer.
  fs_->Fail(fakes::Fault::kLogSyncThenWrites);
  EXPECT_THAT(Append(*log_, MakeRecord("doubtful", "r1")), HasCode(absl::StatusCode::kUnavailable));
  EXPECT_EQ(log_->last_sequence(), 1);
  fs_->Heal();

  IMPRINT_ASSERT_OK_AND_ASSIGN(store::ExperienceRecord other,
                               Append(*log_, MakeRecord("other", "r2")));
  IMPRINT_ASSERT_OK_AND_ASSIGN(store::ExperienceRecord again,
                               Append(*log_, MakeRecord("doubtful", "r1")));

  EXPECT_EQ(again.sequence(), 2);
  EXPECT_EQ(other.sequence(), 3);
  EXPECT_EQ(log_->Counts().queued, 3);
  EXPECT_EQ(log_->CountQueued(100), 3);
  EXPECT_EQ(log_->last_sequence(), 3);
}

}  // namespace
}  // namespace imprint::experience
