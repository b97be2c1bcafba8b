// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Disks that fill up, fail and forget.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/store/store_fixture.h"

namespace imprint::store {
namespace {

using fakes::Fault;
using ::testing::AllOf;
using testing::HasCode;
using ::testing::HasSubstr;
using testing::IsError;
using testing::IsOk;

class StoreFaultTest : public StoreFixture {
 protected:
  void SetUp() override { IMPRINT_ASSERT_OK(Open()); }

  absl::Status Put(const std::string& name, const std::string& value) {
    return store_->Transact([&](Transaction& transaction) {
      transaction.NextSequence();
      ExperienceRecord record;
      record.set_sequence(store_->GetCounters().last_sequence + 1);
      record.set_state(STORED_STATE_QUEUED);
      record.set_text(value);
      transaction.PutExperience(record);
      transaction.PutSetting(name, value);
      return absl::OkStatus();
    });
  }
};

TEST_F(StoreFaultTest, AFullDiskIsSaidAndRecoversByItself) {
  IMPRINT_ASSERT_OK(Put("name", "before"));
  fs_->Fail(Fault::kWrites, rocksdb::IOStatus::NoSpace("injected"));

  EXPECT_THAT(Put("name", "lost"), IsError(absl::StatusCode::kResourceExhausted,
                                           AllOf(HasSubstr("full"), HasSubstr("store"))));

  // Reads go on, and nothing half-happened.
  EXPECT_EQ(store_->GetSetting("name").value(), "before");
  EXPECT_EQ(store_->GetCounters().last_sequence, 1);
  EXPECT_THAT(store_->GetExperience(2), HasCode(absl::StatusCode::kNotFound));
  EXPECT_THAT(Put("name", "lost"), HasCode(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(store_->Settle(), HasCode(absl::StatusCode::kResourceExhausted));

  fs_->Heal();
  IMPRINT_ASSERT_OK(Put("name", "after"));
  EXPECT_EQ(store_->GetSetting("name").value(), "after");
  EXPECT_EQ(store_->GetCounters().last_sequence, 2);
  IMPRINT_ASSERT_OK(Open());
  EXPECT_EQ(store_->GetSetting("name").value(), "after");
  EXPECT_EQ(store_->GetExperience(2)->text(), "after");
}

TEST_F(StoreFaultTest, AnErrorOfTheDiskIsSaidAndRecoversByItself) {
  IMPRINT_ASSERT_OK(Put("name", "before"));
  fs_->Fail(Fault::kWrites, rocksdb::IOStatus::IOError("injected"));

  EXPECT_THAT(Put("name", "lost"), HasCode(absl::StatusCode::kUnavailable));
  EXPECT_EQ(store_->GetSetting("name").value(), "before");

  fs_->Heal();
  IMPRINT_ASSERT_OK(Put("name", "after"));
  Crash();
  IMPRINT_ASSERT_OK(Open());
  EXPECT_EQ(store_->GetSetting("name").value(), "after");
  EXPECT_EQ(store_->GetCounters().last_sequence, 2);
}

TEST_F(StoreFaultTest, AWriteThatFailedHalfwayHasNotHappened) {
  IMPRINT_ASSERT_OK(Put("name", "before"));
  fs_->Fail(Fault::kHalfLogWrites, rocksdb::IOStatus::NoSpace("injected"));

  EXPECT_THAT(Put("name", std::string(5000, 'x')), HasCode(absl::StatusCode::kResourceExhausted));

  fs_->Heal();
  IMPRINT_ASSERT_OK(store_->Settle());
  EXPECT_EQ(store_->GetSetting("name").value(), "before");
  IMPRINT_ASSERT_OK(Put("name", "after"));
  Crash();
  IMPRINT_ASSERT_OK(Open());
  EXPECT_EQ(store_->GetSetting("name").value(), "after");
  EXPECT_EQ(store_->GetCounters().last_sequence, 2);
}

// The bytes are there, only their sync failed: the store opens itself again, finds the
// transaction, and has made it durable by then.
TEST_F(StoreFaultTest, AWriteWhoseSyncFailedIsFoundAgain) {
  fs_->Fail(Fault::kLogSyncs);

  IMPRINT_EXPECT_OK(Put("name", "value"));

  EXPECT_EQ(store_->reopened(), 1);
  EXPECT_EQ(store_->GetSetting("name").value(), "value");
  EXPECT_EQ(store_->GetCounters().last_sequence, 1);
  Crash();
  IMPRINT_ASSERT_OK(Open());
  EXPECT_EQ(store_->GetSetting("name").value(), "value");
}

// RocksDB's own Resume keeps the log with the failed record. Written after it, and read
// again after a crash, the two must not mix.
TEST_F(StoreFaultTest, AFailedTransactionDoesNotComeBackBesideALaterOne) {
  fs_->Fail(Fault::kHalfLogWrites);
  EXPECT_FALSE(Put("first", std::string(100'000, 'x')).ok());
  fs_->Heal();

  IMPRINT_ASSERT_OK(Put("second", "value"));
  Crash();
  IMPRINT_ASSERT_OK(Open());

  EXPECT_EQ(store_->GetCounters().last_sequence, 1);
  EXPECT_EQ(store_->GetSetting("first").value(), "");
  EXPECT_EQ(store_->GetSetting("second").value(), "value");
  EXPECT_EQ(store_->GetExperience(1)->text(), "value");
  IMPRINT_ASSERT_OK_AND_ASSIGN(auto queued, store_->ListByState(STORED_STATE_QUEUED, 0, 10));
  EXPECT_EQ(queued.size(), 1u);
}

TEST_F(StoreFaultTest, ReadsGoOnWhereTheStoreCannotBeOpenedForWriting) {
  IMPRINT_ASSERT_OK(Put("name", "before"));
  // The log is broken by a first fault; then files can be made, but no tables.
  fs_->Fail(Fault::kWrites, rocksdb::IOStatus::NoSpace("injected"));
  EXPECT_THAT(Put("name", "lost"), HasCode(absl::StatusCode::kResourceExhausted));
  fs_->Fail(Fault::kTables, rocksdb::IOStatus::NoSpace("injected"));

  EXPECT_THAT(Put("name", "lost"), HasCode(absl::StatusCode::kResourceExhausted));

  EXPECT_EQ(store_->GetSetting("name").value(), "before");
  EXPECT_EQ(store_->GetExperience(1)->text(), "before");
  fs_->Heal();
  IMPRINT_ASSERT_OK(Put("name", "after"));
  EXPECT_EQ(store_->GetCounters().last_sequence, 2);
}

TEST_F(StoreFaultTest, WhatWasAcknowledgedSurvivesALossOfPower) {
  for (int round = 0; round < 5; ++round) {
    const std::string value = std::to_string(round);
    IMPRINT_ASSERT_OK(Put("name", value));
    Crash();
    IMPRINT_ASSERT_OK(Open());
    EXPECT_EQ(store_->GetSetting("name").value(), value);
    EXPECT_EQ(store_->GetCounters().last_sequence, round + 1);
  }
}

TEST_F(StoreFaultTest, ALossOfPowerWhileTheStoreIsMadeLeavesNothingInTheWay) {
  Crash();
  IMPRINT_ASSERT_OK(Open());
  IMPRINT_EXPECT_OK(Put("name", "value"));
}

}  // namespace
}  // namespace imprint::store
