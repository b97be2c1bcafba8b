// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/store/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
};

TEST_F(StoreTest, ANewStoreIsEmpty) {
  EXPECT_EQ(store_->GetCounters(), Counters());
  IMPRINT_ASSERT_OK_AND_ASSIGN(int64_t current, store_->GetCurrentVersion());
  EXPECT_EQ(current, 0);
  IMPRINT_ASSERT_OK_AND_ASSIGN(std::string setting, store_->GetSetting("updates_paused"));
  EXPECT_EQ(setting, "");
  IMPRINT_ASSERT_OK_AND_ASSIGN(auto heads, store_->ListHeads(0, 10));
  EXPECT_THAT(heads, IsEmpty());
  EXPECT_THAT(store_->GetExperience(1),
              IsError(absl::StatusCode::kNotFound, HasSubstr("experiences/1")));
  EXPECT_THAT(store_->GetExperience(-1), HasCode(absl::StatusCode::kNotFound));
  EXPECT_THAT(store_->GetJob(1), IsError(absl::StatusCode::kNotFound, HasSubstr("jobs/1")));
  EXPECT_THAT(store_->GetVersion(0), HasCode(absl::StatusCode::kNotFound));
  EXPECT_THAT(store_->GetProbe(1), HasCode(absl::StatusCode::kNotFound));
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
  IMPRINT_ASSERT_OK_AND_ASSIGN(auto listed, store_->ListHeads(0, 10));
  EXPECT_EQ(alone.SerializeAsString(), record.SerializeAsString());
  ExperienceRecord head = record;
  head.clear_messages();
  head.clear_caller_targets();
  head.clear_caller_probes();
  EXPECT_EQ(listed.at(0).SerializeAsString(), head.SerializeAsString());
  EXPECT_EQ(store_->GetHeads({1})->at(0).SerializeAsString(), head.SerializeAsString());
}

TEST_F(StoreTest, ListsArePagedInOrder) {
  for (int i = 0; i < 300; ++i) Add(i % 3 == 0 ? STORED_STATE_READY : STORED_STATE_QUEUED);

  IMPRINT_ASSERT_OK_AND_ASSIGN(auto page, store_->ListHeads(254, 3));
  ASSERT_EQ(page.size(), 3u);
  EXPECT_EQ(page[0].sequence(), 255);
  EXPECT_EQ(page[2].sequence(), 257);
  IMPRINT_ASSERT_OK_AND_ASSIGN(auto last, store_->ListHeads(299, 3));
  EXPECT_EQ(last.size(), 1u);
  IMPRINT_ASSERT_OK_AND_ASSIGN(auto none, store_->ListHeads(0, 0));
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

TEST_F(StoreTest, StatisticsAreThereByName) {
  Add(STORED_STATE_QUEUED);
  EXPECT_GT(store_->GetIntProperty("rocksdb.cur-size-all-mem-tables").value_or(0), 0u);
  EXPECT_EQ(store_->GetIntProperty("rocksdb.no-such-thing"), std::nullopt);
}

}  // namespace
}  // namespace imprint::store
