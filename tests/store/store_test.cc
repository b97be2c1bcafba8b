// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/store/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "tests/store/store_fixture.h"

namespace imprint::store {
namespace {

using ::testing::ElementsAre;
using testing::HasCode;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsError;

class StoreTest : public StoreFixture {
 protected:
  void SetUp() override { IMPRINT_ASSERT_OK(Open()); }

  absl::Status Transact(absl::FunctionRef<void(Transaction&)> stage) {
    return store_->Transact([&](Transaction& transaction) {
      stage(transaction);
      return absl::OkStatus();
    });
  }

  std::vector<int64_t> InState(StoredState state) {
    absl::StatusOr<std::vector<int64_t>> sequences = store_->ListByState(state, 0, 1000);
    EXPECT_THAT(sequences, testing::IsOk());
    return sequences.value_or(std::vector<int64_t>{-1});
  }
};

TargetRecord Target(const std::string& text) {
  TargetRecord target;
  target.set_text(text);
  return target;
}

std::vector<std::string> Texts(const std::vector<TargetRecord>& targets) {
  std::vector<std::string> texts;
  for (const TargetRecord& target : targets) texts.push_back(target.text());
  return texts;
}

TEST_F(StoreTest, ANewStoreIsEmpty) {
  EXPECT_EQ(store_->GetCounters(), Counters());
  IMPRINT_ASSERT_OK_AND_ASSIGN(int64_t current, store_->GetCurrentVersion());
  EXPECT_EQ(current, 0);
  IMPRINT_ASSERT_OK_AND_ASSIGN(std::string setting, store_->GetSetting("updates_paused"));
  EXPECT_EQ(setting, "");
  IMPRINT_ASSERT_OK_AND_ASSIGN(auto experiences, store_->ListExperiences(0, 10));
  EXPECT_THAT(experiences, IsEmpty());
  EXPECT_THAT(store_->GetExperience(1),
              IsError(absl::StatusCode::kNotFound, HasSubstr("experiences/1")));
  EXPECT_THAT(store_->GetExperience(-1), HasCode(absl::StatusCode::kNotFound));
  EXPECT_THAT(store_->GetJob(1), IsError(absl::StatusCode::kNotFound, HasSubstr("jobs/1")));
  EXPECT_THAT(store_->GetVersion(0), HasCode(absl::StatusCode::kNotFound));
  EXPECT_THAT(store_->GetProbe(1), HasCode(absl::StatusCode::kNotFound));
}

TEST_F(StoreTest, NumbersAdvanceOnlyWithSuccess) {
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

TEST_F(StoreTest, EverythingSurvivesAnOrderlyEnd) {
  Add(STORED_STATE_READY, "first", "request-1");
  IMPRINT_ASSERT_OK(Transact([](Transaction& transaction) {
    transaction.PutTargets(1, {Target("a"), Target("b")});
    ProbeRecord probe;
    probe.set_id(transaction.NextProbe());
    probe.set_sequence(1);
    transaction.PutProbe(probe);
    JobRecord job;
    job.set_id(transaction.NextJob());
    transaction.PutJob(job);
    VersionRecord version;
    version.set_number(transaction.NextVersion());
    transaction.PutVersion(version);
    transaction.SetCurrentVersion(1);
    transaction.PutSetting("updates_paused", "1");
  }));

  IMPRINT_ASSERT_OK(Open());

  IMPRINT_ASSERT_OK_AND_ASSIGN(ExperienceRecord experience, store_->GetExperience(1));
  EXPECT_EQ(experience.text(), "first");
  EXPECT_EQ(experience.state(), STORED_STATE_READY);
  IMPRINT_ASSERT_OK_AND_ASSIGN(auto found, store_->FindRequest("request-1"));
  EXPECT_EQ(found, 1);
  IMPRINT_ASSERT_OK_AND_ASSIGN(auto targets, store_->GetTargets(1));
  EXPECT_THAT(Texts(targets), ElementsAre("a", "b"));
  IMPRINT_ASSERT_OK_AND_ASSIGN(auto probes, store_->GetProbes(1));
  EXPECT_EQ(probes.size(), 1u);
  IMPRINT_EXPECT_OK(store_->GetJob(1));
  IMPRINT_EXPECT_OK(store_->GetVersion(1));
  IMPRINT_ASSERT_OK_AND_ASSIGN(int64_t current, store_->GetCurrentVersion());
  EXPECT_EQ(current, 1);
  IMPRINT_ASSERT_OK_AND_ASSIGN(std::string setting, store_->GetSetting("updates_paused"));
  EXPECT_EQ(setting, "1");
}

TEST_F(StoreTest, AllPartsOfAnExperienceAreReadBack) {
  ExperienceRecord record;
  record.set_sequence(1);
  record.set_state(STORED_STATE_QUEUED);
  auto* message = record.add_messages();
  message->set_role("user");
  message->set_content("hello");
  (*record.mutable_labels())["team"] = "blue";
  record.set_request_id("r");
  record.set_body_digest(std::string("\0\1", 2));
  record.add_caller_targets()->set_answer("target");
  record.add_caller_probes()->set_question("probe?");
  record.set_efficacy(0.5);
  IMPRINT_ASSERT_OK(Transact([&](Transaction& transaction) {
    transaction.NextSequence();
    transaction.PutExperience(record);
  }));

  IMPRINT_ASSERT_OK_AND_ASSIGN(ExperienceRecord alone, store_->GetExperience(1));
  IMPRINT_ASSERT_OK_AND_ASSIGN(auto listed, store_->ListExperiences(0, 10));
  EXPECT_EQ(alone.SerializeAsString(), record.SerializeAsString());
  EXPECT_EQ(listed.at(0).SerializeAsString(), record.SerializeAsString());
}

TEST_F(StoreTest, TheIndexByStateFollowsTheRow) {
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

TEST_F(StoreTest, AStateWithoutItsContentIsWrittenCheaply) {
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

TEST_F(StoreTest, AChangedContentIsWritten) {
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

TEST_F(StoreTest, ATombstoneKeepsItsPlaceAndNothingElse) {
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

TEST_F(StoreTest, RowsWithoutNumberOrStateAreRefusedAsAWhole) {
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

TEST_F(StoreTest, ReadsOfATransactionSeeTheStoreNotTheBatch) {
  IMPRINT_ASSERT_OK(store_->Transact([&](Transaction& transaction) {
    transaction.PutSetting("name", "value");
    EXPECT_EQ(store_->GetSetting("name").value(), "");
    return absl::OkStatus();
  }));
  EXPECT_EQ(store_->GetSetting("name").value(), "value");
}

TEST_F(StoreTest, ListsArePagedInOrder) {
  for (int i = 0; i < 300; ++i) Add(i % 3 == 0 ? STORED_STATE_READY : STORED_STATE_QUEUED);

  IMPRINT_ASSERT_OK_AND_ASSIGN(auto page, store_->ListExperiences(254, 3));
  ASSERT_EQ(page.size(), 3u);
  EXPECT_EQ(page[0].sequence(), 255);
  EXPECT_EQ(page[2].sequence(), 257);
  IMPRINT_ASSERT_OK_AND_ASSIGN(auto last, store_->ListExperiences(299, 3));
  EXPECT_EQ(last.size(), 1u);
  IMPRINT_ASSERT_OK_AND_ASSIGN(auto none, store_->ListExperiences(0, 0));
  EXPECT_THAT(none, IsEmpty());
  IMPRINT_ASSERT_OK_AND_ASSIGN(auto ready, store_->ListByState(STORED_STATE_READY, 250, 2));
  EXPECT_THAT(ready, ElementsAre(253, 256));
}

TEST_F(StoreTest, SeveralAreReadTogetherInTheOrderAsked) {
  Add(STORED_STATE_QUEUED, "one");
  Add(STORED_STATE_QUEUED, "two");
  IMPRINT_ASSERT_OK_AND_ASSIGN(auto records, store_->GetExperiences({2, 1, 2}));
  EXPECT_EQ(records.at(0).text(), "two");
  EXPECT_EQ(records.at(1).text(), "one");
  EXPECT_EQ(records.at(2).text(), "two");
  EXPECT_THAT(store_->GetExperiences({1, 3}),
              IsError(absl::StatusCode::kNotFound, HasSubstr("experiences/3")));
}

TEST_F(StoreTest, PutTargetsReplacesAllOfOneExperienceAlone) {
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

TEST_F(StoreTest, ManyTargetsKeepTheirOrder) {
  std::vector<TargetRecord> targets;
  for (int i = 0; i < 300; ++i) targets.push_back(Target(std::to_string(i)));
  IMPRINT_ASSERT_OK(
      Transact([&](Transaction& transaction) { transaction.PutTargets(1, targets); }));
  IMPRINT_ASSERT_OK_AND_ASSIGN(auto read, store_->GetTargets(1));
  EXPECT_EQ(Texts(read), Texts(targets));
}

TEST_F(StoreTest, ProbesAreFoundByExperienceAndById) {
  ProbeRecord second;
  IMPRINT_ASSERT_OK(Transact([&](Transaction& transaction) {
    for (int64_t sequence : {7, 0, 7}) {
      ProbeRecord probe;
      probe.set_id(transaction.NextProbe());
      probe.set_sequence(sequence);
      transaction.PutProbe(probe);
      if (probe.id() == 3) second = probe;
    }
  }));

  IMPRINT_ASSERT_OK_AND_ASSIGN(auto of_seven, store_->GetProbes(7));
  ASSERT_EQ(of_seven.size(), 2u);
  EXPECT_EQ(of_seven[0].id(), 1);
  EXPECT_EQ(of_seven[1].id(), 3);
  IMPRINT_ASSERT_OK_AND_ASSIGN(auto retention, store_->GetProbes(0));
  ASSERT_EQ(retention.size(), 1u);
  EXPECT_EQ(retention[0].id(), 2);
  IMPRINT_ASSERT_OK_AND_ASSIGN(auto after_one, store_->ListProbes(1, 10));
  EXPECT_EQ(after_one.size(), 2u);

  IMPRINT_ASSERT_OK(Transact([&](Transaction& transaction) { transaction.DeleteProbe(second); }));
  IMPRINT_ASSERT_OK_AND_ASSIGN(auto left, store_->GetProbes(7));
  EXPECT_EQ(left.size(), 1u);
  EXPECT_THAT(store_->GetProbe(3), HasCode(absl::StatusCode::kNotFound));
}

TEST_F(StoreTest, JobsAreListedNewestFirst) {
  IMPRINT_ASSERT_OK(Transact([](Transaction& transaction) {
    for (int i = 0; i < 4; ++i) {
      JobRecord job;
      job.set_id(transaction.NextJob());
      transaction.PutJob(job);
    }
  }));
  const auto ids = [](const std::vector<JobRecord>& jobs) {
    std::vector<int64_t> result;
    for (const JobRecord& job : jobs) result.push_back(job.id());
    return result;
  };

  IMPRINT_ASSERT_OK_AND_ASSIGN(auto newest, store_->ListJobs(0, 3));
  EXPECT_THAT(ids(newest), ElementsAre(4, 3, 2));
  IMPRINT_ASSERT_OK_AND_ASSIGN(auto older, store_->ListJobs(2, 3));
  EXPECT_THAT(ids(older), ElementsAre(1));
}

TEST_F(StoreTest, ANumberThatItsCallerChoseIsNotGivenOutAgain) {
  IMPRINT_ASSERT_OK(Transact([](Transaction& transaction) {
    VersionRecord version;
    version.set_number(5);
    transaction.PutVersion(version);
  }));
  IMPRINT_ASSERT_OK(
      Transact([](Transaction& transaction) { EXPECT_EQ(transaction.NextVersion(), 6); }));
}

TEST_F(StoreTest, AnEmptyTransactionWritesNothing) {
  const int64_t before = fs_->log_bytes();
  IMPRINT_ASSERT_OK(Transact([](Transaction&) {}));
  EXPECT_EQ(fs_->log_bytes(), before);
}

TEST_F(StoreTest, ATransactionIsOneSync) {
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

TEST_F(StoreTest, TransactionsComeOneAfterAnotherBesideReaders) {
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

TEST_F(StoreTest, StatisticsAreThereByName) {
  Add(STORED_STATE_QUEUED);
  EXPECT_GT(store_->GetIntProperty("rocksdb.cur-size-all-mem-tables").value_or(0), 0u);
  EXPECT_EQ(store_->GetIntProperty("rocksdb.no-such-thing"), std::nullopt);
}

}  // namespace
}  // namespace imprint::store
