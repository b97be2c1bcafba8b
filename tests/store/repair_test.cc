// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// What a repair saves of a damaged store, and what it says of the rest.

#include "server/store/repair.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/file_util.h"
#include "tests/store/store_fixture.h"

namespace imprint::store {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using testing::HasCode;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsError;
using testing::IsOk;
using ::testing::SizeIs;

constexpr int kExperiences = 40;

class RepairTest : public StoreFixture {
 protected:
  // Forty experiences of a thousand bytes with two target sentences and a probe each, the first
  // ten in version 1, which job 1 made; the third is forgotten. All of it is in tables.
  void SetUp() override {
    IMPRINT_ASSERT_OK(Open());
    for (int i = 1; i <= kExperiences; ++i) {
      Add(i <= 10 ? STORED_STATE_INTEGRATED : STORED_STATE_READY, Words(i), Request(i));
      IMPRINT_ASSERT_OK(Transact([&](Transaction& transaction) {
        transaction.PutTargets(i, {Target(Words(i)), Target("second")});
        ExperienceRecord record = *transaction.GetExperience(i);
        record.set_target_count(2);
        (*record.mutable_labels())["n"] = std::to_string(i);
        transaction.PutExperience(record);
        ProbeRecord probe;
        probe.set_id(transaction.NextProbe());
        probe.set_sequence(i);
        transaction.PutProbe(probe);
      }));
    }
    IMPRINT_ASSERT_OK(Transact([](Transaction& transaction) {
      JobRecord job;
      job.set_id(transaction.NextJob());
      job.set_version(transaction.NextVersion());
      job.set_state(STORED_JOB_STATE_COMMITTED);
      VersionRecord version;
      version.set_number(job.version());
      version.set_job(job.id());
      for (int i = 1; i <= 10; ++i) {
        job.add_sequences(i);
        version.add_added(i);
      }
      version.set_experience_count(10);
      transaction.PutJob(job);
      transaction.PutVersion(version);
      transaction.SetCurrentVersion(1);
      transaction.PutSetting("updates_paused", "1");
      ExperienceRecord forgotten;
      forgotten.set_sequence(3);
      forgotten.set_state(STORED_STATE_FORGOTTEN);
      forgotten.set_request_id(Request(3));
      transaction.DeleteTargets(3);
      transaction.PutExperience(forgotten);
    }));
    IMPRINT_ASSERT_OK(Open());  // opening writes tables
    store_.reset();
  }

  static std::string Words(int i) { return std::string(1000, static_cast<char>('a' + i % 26)); }
  static std::string Request(int i) { return "request-" + std::to_string(i); }

  absl::StatusOr<RepairReport> Repair(bool write) {
    store_.reset();
    return RepairStore({.path = path(), .write = write, .has_files = [this](int64_t number) {
                          return !without_files_.has_value() || number != *without_files_;
                        }});
  }

  // The contents of every file below a folder, by its path; but for LOCK, which looking takes.
  static std::map<std::string, std::string> FilesOf(const std::filesystem::path& folder) {
    std::map<std::string, std::string> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
      if (!entry.is_regular_file() || entry.path().filename() == "LOCK") continue;
      files[entry.path().string()] = ReadFile(entry.path()).value();
    }
    return files;
  }

  // Repairs, opens, and gives how many experiences have all that they had.
  int RepairAndCountWhole() {
    absl::StatusOr<RepairReport> report = Repair(/*write=*/true);
    EXPECT_THAT(report, IsOk());
    if (!report.ok()) return -1;
    report_ = *std::move(report);
    EXPECT_THAT(report_.losses, ::testing::Not(IsEmpty()));
    EXPECT_TRUE(std::filesystem::exists(report_.damaged_path / "CURRENT") ||
                std::filesystem::exists(report_.damaged_path / "LOCK"));
    const absl::Status opened = Open();
    EXPECT_THAT(opened, IsOk());
    if (!opened.ok()) return -1;
    int whole = 0;
    for (int i = 1; i <= kExperiences; ++i) {
      const auto record = store_->GetExperience(i);  // a hole would be NOT_FOUND
      EXPECT_THAT(record, IsOk()) << i;
      const auto targets = store_->GetTargets(i);
      EXPECT_THAT(targets, IsOk()) << i;
      if (!record.ok() || !targets.ok() || i == 3) continue;
      // What was kept is what was told, and agrees with the index.
      if (record->state() != STORED_STATE_FORGOTTEN) {
        EXPECT_EQ(record->text(), Words(i));
        EXPECT_THAT(InState(record->state()), Contains(i));
      }
      EXPECT_EQ(static_cast<int>(targets->size()), record->target_count());
      const bool has_state =
          record->state() == (i <= 10 ? STORED_STATE_INTEGRATED : STORED_STATE_READY);
      if (has_state && targets->size() == 2 && record->labels().count("n") == 1) ++whole;
    }
    // Nothing that was given out is given out again.
    EXPECT_EQ(Add(STORED_STATE_QUEUED, "new"), kExperiences + 1);
    return whole;
  }

  std::optional<int64_t> without_files_;
  RepairReport report_;
};

TEST_F(RepairTest, AWholeStoreIsLeftAlone) {
  IMPRINT_ASSERT_OK_AND_ASSIGN(const RepairReport report, Repair(/*write=*/true));

  EXPECT_THAT(report.losses, IsEmpty());
  EXPECT_EQ(report.experiences, kExperiences);
  EXPECT_EQ(report.targets, 2 * (kExperiences - 1));
  EXPECT_EQ(report.probes, kExperiences);
  EXPECT_EQ(report.current_version, 1);
  EXPECT_TRUE(report.damaged_path.empty());
  EXPECT_FALSE(std::filesystem::exists(path().string() + ".repaired"));
  IMPRINT_EXPECT_OK(Open());
}

TEST_F(RepairTest, LookingChangesNothing) {
  Flip(LargestTable(), 100);
  const auto before = FilesOf(path().parent_path());
  IMPRINT_ASSERT_OK_AND_ASSIGN(const RepairReport report, Repair(/*write=*/false));

  EXPECT_EQ(FilesOf(path().parent_path()), before);
  EXPECT_THAT(report.losses, ::testing::Not(IsEmpty()));
  EXPECT_TRUE(report.damaged_path.empty());
}

TEST_F(RepairTest, WhatARepairThatWasCutShortLeftIsRemoved) {
  for (const char* suffix : {".scratch", ".repaired"}) {
    const std::filesystem::path left = path().string() + suffix;
    IMPRINT_ASSERT_OK(MakePrivateDirectories(left));
    IMPRINT_ASSERT_OK(WriteFileAtomically(left / "000007.sst", "what was forgotten since"));
  }
  const auto before = FilesOf(path());

  IMPRINT_ASSERT_OK(RemoveUnfinishedRepair(path()));

  EXPECT_EQ(FilesOf(path().parent_path()).size(), before.size());
  EXPECT_EQ(FilesOf(path()), before);
}

TEST_F(RepairTest, AStoreInUseIsRefused) {
  IMPRINT_ASSERT_OK(Open());
  EXPECT_THAT(
      RepairStore({.path = path(), .write = true, .has_files = [](int64_t) { return true; }}),
      IsError(absl::StatusCode::kFailedPrecondition, HasSubstr("in use")));
}

TEST_F(RepairTest, WhatLiesBehindADamagedBlockIsSaved) {
  Flip(LargestTable(), 100);  // contents or targets, a block of a few rows

  const int whole = RepairAndCountWhole();

  EXPECT_GE(whole, kExperiences - 1 - 8);
  EXPECT_LT(whole, kExperiences - 1);
  EXPECT_EQ(report_.current_version, 1);
}

TEST_F(RepairTest, EveryTableMayHaveADamagedBlock) {
  std::vector<std::filesystem::path> tables;
  for (const auto& entry : std::filesystem::directory_iterator(path())) {
    if (entry.path().extension() == ".sst") tables.push_back(entry.path());
  }
  for (const auto& table : tables) Flip(table, 30);

  ASSERT_NE(RepairAndCountWhole(), -1);  // every one has lost something: a label, a sentence
  EXPECT_LE(report_.lost_experiences.size(), 8u);  // a block of words
}

// The repair went round and round: a scan looks into every table of the newest level at once, and
// Get into those that may have the row.
TEST_F(RepairTest, RowsInASecondTableAboveADamagedOneAreSavedOnce) {
  for (int round = 0; round < 2; ++round) {
    IMPRINT_ASSERT_OK(Open());
    for (int i = 11; i <= 13; ++i) {
      IMPRINT_ASSERT_OK(Transact([&](Transaction& transaction) {
        ExperienceRecord record = *transaction.GetExperience(i);
        record.set_update_time_micros(round + 1);
        transaction.PutExperience(record);
      }));
    }
    IMPRINT_ASSERT_OK(Open());  // another table
    store_.reset();
  }
  std::vector<std::filesystem::path> tables;
  for (const auto& entry : std::filesystem::directory_iterator(path())) {
    if (entry.path().extension() == ".sst") tables.push_back(entry.path());
  }
  std::sort(tables.begin(), tables.end());
  ASSERT_GT(tables.size(), 10u);
  for (size_t i = 0; i < tables.size() / 2; ++i) Flip(tables[i], 30);

  RepairAndCountWhole();

  EXPECT_THAT(report_.losses, ::testing::Not(IsEmpty()));
}

TEST_F(RepairTest, AMissingTableCostsWhatItHeld) {
  std::filesystem::remove(LargestTable());
  ASSERT_NE(RepairAndCountWhole(), -1);
  // Target sentences, all of them; they are written again, of all the words.
  EXPECT_EQ(report_.targets, 0);
  EXPECT_THAT(report_.lost_experiences, IsEmpty());
  EXPECT_THAT(InState(STORED_STATE_QUEUED), SizeIs(kExperiences));  // not 3, and a new one
}

TEST_F(RepairTest, AMissingManifestCostsNothing) {
  std::filesystem::remove(Newest("MANIFEST-", ""));
  EXPECT_EQ(RepairAndCountWhole(), kExperiences - 1);
  EXPECT_EQ(store_->GetSetting("updates_paused").value(), "1");
}

TEST_F(RepairTest, AMissingCurrentFileCostsNothing) {
  std::filesystem::remove(path() / "CURRENT");
  EXPECT_EQ(RepairAndCountWhole(), kExperiences - 1);
}

TEST_F(RepairTest, ADamagedLogCostsTheRecordsThatItHits) {
  IMPRINT_ASSERT_OK(Open());
  for (int i = 0; i < 50; ++i) Add(STORED_STATE_QUEUED, std::string(1000, 'x'));
  store_.reset();
  Flip(Newest("", ".log"), 20'000);
  ASSERT_THAT(Open(), HasCode(absl::StatusCode::kDataLoss));

  IMPRINT_ASSERT_OK_AND_ASSIGN(const RepairReport report, Repair(/*write=*/true));

  EXPECT_EQ(report.experiences, kExperiences + 50);
  EXPECT_GE(report.lost_experiences.size(), 1u);
  EXPECT_LE(report.lost_experiences.size(), 40u);  // a block of 32 KiB
  IMPRINT_ASSERT_OK(Open());
  EXPECT_EQ(store_->GetExperience(kExperiences + 50)->text(), std::string(1000, 'x'));
  for (const int64_t lost : report.lost_experiences) {
    EXPECT_EQ(store_->GetExperience(lost)->state(), STORED_STATE_FORGOTTEN);
  }
}

TEST_F(RepairTest, AnExperienceWithoutWordsBecomesATombstone) {
  ChangeRow(Family::kContents, NumberKey(7), std::nullopt);

  EXPECT_EQ(RepairAndCountWhole(), kExperiences - 2);

  EXPECT_THAT(report_.lost_experiences, ElementsAre(7));
  EXPECT_EQ(store_->GetExperience(7)->state(), STORED_STATE_FORGOTTEN);
  // A late retry still finds it.
  EXPECT_EQ(store_->FindRequest(Request(7)).value(), 7);
  EXPECT_THAT(store_->GetTargets(7).value(), IsEmpty());
}

TEST_F(RepairTest, AnExperienceWithoutItsHeadKeepsAllButItsLabels) {
  ChangeRow(Family::kExperiences, NumberKey(20), "no record");

  EXPECT_EQ(RepairAndCountWhole(), kExperiences - 2);

  IMPRINT_ASSERT_OK_AND_ASSIGN(const ExperienceRecord record, store_->GetExperience(20));
  EXPECT_EQ(record.state(), STORED_STATE_READY);
  EXPECT_EQ(record.target_count(), 2);
  EXPECT_EQ(record.text(), Words(20));
  EXPECT_EQ(store_->FindRequest(Request(20)).value(), 20);
}

TEST_F(RepairTest, AForgottenOneWithoutItsHeadStaysForgotten) {
  ChangeRow(Family::kExperiences, NumberKey(3), std::nullopt);
  EXPECT_EQ(RepairAndCountWhole(), kExperiences - 1);
  EXPECT_EQ(store_->GetExperience(3)->state(), STORED_STATE_FORGOTTEN);
  EXPECT_THAT(report_.lost_experiences, IsEmpty());
}

TEST_F(RepairTest, LostSentencesAreWrittenAgain) {
  ChangeRow(Family::kTargets, TargetKey(5, 0), std::nullopt);
  ChangeRow(Family::kTargets, TargetKey(25, 1), "no record");

  EXPECT_EQ(RepairAndCountWhole(), kExperiences - 3);

  EXPECT_EQ(store_->GetExperience(5)->state(), STORED_STATE_QUEUED);
  EXPECT_EQ(store_->GetExperience(25)->state(), STORED_STATE_QUEUED);
}

TEST_F(RepairTest, ALostVersionRowIsMadeOfItsJob) {
  ChangeRow(Family::kVersions, NumberKey(1), std::nullopt);

  EXPECT_EQ(RepairAndCountWhole(), kExperiences - 1);

  IMPRINT_ASSERT_OK_AND_ASSIGN(const VersionRecord version, store_->GetVersion(1));
  EXPECT_EQ(version.added_size(), 10);
  EXPECT_EQ(version.experience_count(), 10);
  EXPECT_EQ(store_->GetCurrentVersion().value(), 1);
}

// Of more than one transaction.
TEST_F(RepairTest, ManyLargeProbesAreAllThere) {
  constexpr int kLarge = 40;
  const std::string question(1 << 20, 'q');
  IMPRINT_ASSERT_OK(Open());
  for (int i = 0; i < kLarge; ++i) {
    IMPRINT_ASSERT_OK(Transact([&](Transaction& transaction) {
      ProbeRecord probe;
      probe.set_id(transaction.NextProbe());
      probe.set_sequence(1);
      probe.set_question(question);
      transaction.PutProbe(probe);
    }));
  }
  IMPRINT_ASSERT_OK(Open());  // opening writes tables
  store_.reset();
  ChangeRow(Family::kRequests, RequestKey(Request(21)), std::nullopt);
  IMPRINT_ASSERT_OK_AND_ASSIGN(const RepairReport report, Repair(/*write=*/true));
  EXPECT_EQ(report.probes, kExperiences + kLarge);
  IMPRINT_ASSERT_OK(Open());
  EXPECT_EQ(store_->GetCounters().last_probe, kExperiences + kLarge);
  int found = 0;
  for (int id = 1; id <= kExperiences + kLarge; ++id) {
    if (store_->GetProbe(id).ok()) ++found;
  }
  EXPECT_EQ(found, kExperiences + kLarge);
}

TEST_F(RepairTest, ACurrentVersionWithoutFilesGivesWayToTheNewestThatHasThem) {
  without_files_ = 1;
  EXPECT_EQ(RepairAndCountWhole(), kExperiences - 1);
  EXPECT_EQ(store_->GetCurrentVersion().value(), 0);
  EXPECT_TRUE(store_->GetVersion(1)->dropped());
}

TEST_F(RepairTest, LostCountersNeverGiveANumberTwice) {
  ChangeRow(Family::kMeta, CountersKey(), std::nullopt);
  RepairAndCountWhole();
  EXPECT_EQ(store_->GetCounters().last_version, 1);
  EXPECT_EQ(store_->GetCounters().last_probe, kExperiences);
}

TEST_F(RepairTest, ADamagedIndexIsMadeAgain) {
  ChangeRow(Family::kStates, StateKey(STORED_STATE_READY, 20), std::nullopt);
  ChangeRow(Family::kRequests, RequestKey(Request(21)), std::nullopt);
  ChangeRow(Family::kExperienceProbes, ExperienceProbeKey(22, 22), std::nullopt);

  EXPECT_EQ(RepairAndCountWhole(), kExperiences - 1);

  EXPECT_THAT(report_.losses, SizeIs(3));
  EXPECT_EQ(store_->FindRequest(Request(21)).value(), 21);
  EXPECT_EQ(store_->GetProbes(22)->size(), 1u);
}

TEST_F(RepairTest, AStoreThatForgotItsModelTakesTheNextOne) {
  ChangeRow(Family::kMeta, MetaKey(), std::nullopt);
  ASSERT_THAT(Open(), HasCode(absl::StatusCode::kDataLoss));

  EXPECT_EQ(RepairAndCountWhole(), kExperiences - 1);

  EXPECT_TRUE(report_.owner_unknown);
  store_.reset();
  StoreOptions another = Options();
  another.model_fingerprint = "model-b";
  EXPECT_THAT(Store::Open(another), HasCode(absl::StatusCode::kFailedPrecondition));
}

TEST_F(RepairTest, AForgottenOneStaysForgotten) {
  ChangeRow(Family::kContents, NumberKey(7), std::nullopt);
  RepairAndCountWhole();
  EXPECT_EQ(store_->GetExperience(3)->state(), STORED_STATE_FORGOTTEN);
  EXPECT_EQ(store_->GetExperience(3)->text(), "");
}

TEST_F(RepairTest, ANewerFormatIsRefused) {
  MetaRecord meta;
  meta.set_format_version(kFormatVersion + 1);
  ChangeRow(Family::kMeta, MetaKey(), meta.SerializeAsString());
  EXPECT_THAT(Repair(/*write=*/true),
              IsError(absl::StatusCode::kFailedPrecondition, HasSubstr("newer")));
}

TEST_F(RepairTest, AFolderWithoutAStoreIsNotOne) {
  EXPECT_THAT(RepairStore({.path = dir_ / "none", .has_files = nullptr}),
              HasCode(absl::StatusCode::kNotFound));
}

}  // namespace
}  // namespace imprint::store
