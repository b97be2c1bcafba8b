// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// What a transaction promises.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "tests/store/store_fixture.h"

namespace imprint::store {
namespace {

using ::testing::ElementsAre;
using testing::HasCode;
using ::testing::IsEmpty;

class TransactionTest : public StoreFixture {
 protected:
  void SetUp() override { IMPRINT_ASSERT_OK(Open()); }
};

TEST_F(TransactionTest, NumbersAdvanceOnlyWithSuccess) {
  absl::Status failed = store_->Transact([](Transaction& transaction) {
    EXPECT_EQ(transaction.NextSequence(), 1);
    EXPECT_EQ(transaction.NextJob(), 1);
    transaction.PutSetting("name", "value");
    return absl::CancelledError("changed my mind");
  });
  EXPECT_THAT(failed, HasCode(absl::StatusCode::kCancelled));
  EXPECT_EQ(store_->GetCounters(), Counters());
  IMPRINT_ASSERT_OK_AND_ASSIGN(std::string setting, store_->GetSetting("name"));
  EXPECT_EQ(setting, "");

  IMPRINT_ASSERT_OK(Transact([](Transaction& transaction) {
    EXPECT_EQ(transaction.NextVersion(), 1);
    EXPECT_EQ(transaction.NextVersion(), 2);
    EXPECT_EQ(transaction.NextProbe(), 1);
  }));

  // Numbers that no row carries were given out all the same.
  EXPECT_EQ(store_->GetCounters(), (Counters{.last_version = 2, .last_probe = 1}));
  IMPRINT_ASSERT_OK(Open());
  EXPECT_EQ(store_->GetCounters(), (Counters{.last_version = 2, .last_probe = 1}));
}

TEST_F(TransactionTest, TheIndexByStateFollowsTheRow) {
  Add(STORED_STATE_QUEUED);
  Add(STORED_STATE_QUEUED);
  IMPRINT_ASSERT_OK(store_->Transact([](Transaction& transaction) -> absl::Status {
    absl::StatusOr<ExperienceRecord> record = transaction.GetExperience(1);
    record->set_state(STORED_STATE_READY);
    transaction.PutExperience(*record);
    // A second change in the same transaction starts from the first.
    record = transaction.GetExperience(1);
    EXPECT_EQ(record->state(), STORED_STATE_READY);
    record->set_state(STORED_STATE_INTEGRATED);
    transaction.PutExperience(*record);
    return absl::OkStatus();
  }));

  EXPECT_THAT(InState(STORED_STATE_QUEUED), ElementsAre(2));
  EXPECT_THAT(InState(STORED_STATE_READY), IsEmpty());
  EXPECT_THAT(InState(STORED_STATE_INTEGRATED), ElementsAre(1));
}

TEST_F(TransactionTest, AStateWithoutItsContentIsWrittenCheaply) {
  Add(STORED_STATE_QUEUED, std::string(1 << 20, 'x'));
  const int64_t before = fs_->log_bytes();

  IMPRINT_ASSERT_OK(store_->Transact([](Transaction& transaction) -> absl::Status {
    absl::StatusOr<ExperienceRecord> record = transaction.GetExperience(1);
    record->set_state(STORED_STATE_READY);
    transaction.PutExperience(*record);
    return absl::OkStatus();
  }));

  EXPECT_LT(fs_->log_bytes() - before, 4096);
  IMPRINT_ASSERT_OK_AND_ASSIGN(ExperienceRecord record, store_->GetExperience(1));
  EXPECT_EQ(record.text().size(), size_t{1 << 20});
}

TEST_F(TransactionTest, AChangedContentIsWritten) {
  Add(STORED_STATE_QUEUED, "old");
  IMPRINT_ASSERT_OK(store_->Transact([](Transaction& transaction) -> absl::Status {
    absl::StatusOr<ExperienceRecord> record = transaction.GetExperience(1);
    record->set_text("new");
    transaction.PutExperience(*record);
    return absl::OkStatus();
  }));
  IMPRINT_ASSERT_OK_AND_ASSIGN(ExperienceRecord record, store_->GetExperience(1));
  EXPECT_EQ(record.text(), "new");
}

TEST_F(TransactionTest, ATombstoneKeepsItsPlaceAndNothingElse) {
  Add(STORED_STATE_QUEUED, "secret", "request-1");
  IMPRINT_ASSERT_OK(Transact([](Transaction& transaction) {
    ExperienceRecord tombstone;
    tombstone.set_sequence(1);
    tombstone.set_state(STORED_STATE_FORGOTTEN);
    transaction.PutExperience(tombstone);
  }));

  IMPRINT_ASSERT_OK_AND_ASSIGN(ExperienceRecord record, store_->GetExperience(1));
  EXPECT_EQ(record.text(), "");
  EXPECT_THAT(InState(STORED_STATE_FORGOTTEN), ElementsAre(1));
  IMPRINT_ASSERT_OK_AND_ASSIGN(auto found, store_->FindRequest("request-1"));
  EXPECT_EQ(found, std::nullopt);
}

TEST_F(TransactionTest, RowsWithoutNumberOrStateAreRefusedAsAWhole) {
  const absl::Status no_number = Transact([](Transaction& transaction) {
    ExperienceRecord record;
    record.set_sequence(1);
    record.set_state(STORED_STATE_QUEUED);
    transaction.PutExperience(record);
    transaction.PutSetting("name", "value");
  });
  const absl::Status no_state = Transact([](Transaction& transaction) {
    ExperienceRecord record;
    record.set_sequence(transaction.NextSequence());
    transaction.PutExperience(record);
  });

  EXPECT_THAT(no_number, HasCode(absl::StatusCode::kInternal));
  EXPECT_THAT(no_state, HasCode(absl::StatusCode::kInternal));
  IMPRINT_ASSERT_OK_AND_ASSIGN(std::string setting, store_->GetSetting("name"));
  EXPECT_EQ(setting, "");
  EXPECT_EQ(store_->GetCounters().last_sequence, 0);
}

TEST_F(TransactionTest, ReadsOfATransactionSeeTheStoreNotTheBatch) {
  IMPRINT_ASSERT_OK(store_->Transact([&](Transaction& transaction) {
    transaction.PutSetting("name", "value");
    EXPECT_EQ(store_->GetSetting("name").value(), "");
    return absl::OkStatus();
  }));
  EXPECT_EQ(store_->GetSetting("name").value(), "value");
}

TEST_F(TransactionTest, PutTargetsReplacesAllOfOneExperienceAlone) {
  IMPRINT_ASSERT_OK(Transact([](Transaction& transaction) {
    transaction.PutTargets(1, {Target("a"), Target("b"), Target("c")});
    transaction.PutTargets(2, {Target("other")});
  }));
  IMPRINT_ASSERT_OK(Transact([](Transaction& transaction) {
    transaction.PutTargets(1, {Target("w"), Target("x"), Target("y"), Target("z")});
    transaction.PutTargets(1, {Target("new")});
  }));
  IMPRINT_ASSERT_OK_AND_ASSIGN(auto replaced, store_->GetTargets(1));
  EXPECT_THAT(Texts(replaced), ElementsAre("new"));

  IMPRINT_ASSERT_OK(Transact([](Transaction& transaction) { transaction.DeleteTargets(1); }));
  IMPRINT_ASSERT_OK_AND_ASSIGN(auto deleted, store_->GetTargets(1));
  EXPECT_THAT(deleted, IsEmpty());
  IMPRINT_ASSERT_OK_AND_ASSIGN(auto other, store_->GetTargets(2));
  EXPECT_THAT(Texts(other), ElementsAre("other"));
}

TEST_F(TransactionTest, ANumberThatItsCallerChoseIsNotGivenOutAgain) {
  IMPRINT_ASSERT_OK(Transact([](Transaction& transaction) {
    VersionRecord version;
    version.set_number(5);
    transaction.PutVersion(version);
  }));
  IMPRINT_ASSERT_OK(
      Transact([](Transaction& transaction) { EXPECT_EQ(transaction.NextVersion(), 6); }));
}

TEST_F(TransactionTest, AnEmptyTransactionWritesNothing) {
  const int64_t before = fs_->log_bytes();
  IMPRINT_ASSERT_OK(Transact([](Transaction&) {}));
  EXPECT_EQ(fs_->log_bytes(), before);
}

TEST_F(TransactionTest, ATransactionIsOneSync) {
  const int64_t before = fs_->log_syncs();
  IMPRINT_ASSERT_OK(Transact([](Transaction& transaction) {
    for (int i = 0; i < 100; ++i) {
      ExperienceRecord record;
      record.set_sequence(transaction.NextSequence());
      record.set_state(STORED_STATE_QUEUED);
      transaction.PutExperience(record);
    }
    transaction.SetCurrentVersion(3);
  }));
  EXPECT_EQ(fs_->log_syncs() - before, 1);
}

TEST_F(TransactionTest, TransactionsComeOneAfterAnotherBesideReaders) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) {
        // Reads and writes the same setting: a lost update would show.
        EXPECT_THAT(store_->Transact([&](Transaction& transaction) {
          const std::string old = store_->GetSetting("count").value();
          transaction.PutSetting("count", std::to_string(old.empty() ? 1 : std::stoi(old) + 1));
          return absl::OkStatus();
        }),
                    testing::IsOk());
      }
    });
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) EXPECT_THAT(store_->GetSetting("count"), testing::IsOk());
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(store_->GetSetting("count").value(), "200");
}

}  // namespace
}  // namespace imprint::store
