// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/version/version_manager.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/version/version_fixture.h"

namespace imprint::version {
namespace {

using ::imprint::testing::HasCode;
using ::imprint::testing::IsError;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

using VersionManagerTest = VersionFixture;

TEST_F(VersionManagerTest, BaseIsCurrentWhenNothingWasPublished) {
  EXPECT_EQ(manager_->current(), manager_->base());
  EXPECT_EQ(manager_->current()->number, 0);
  EXPECT_EQ(manager_->current()->weights, base_);
  EXPECT_THAT(manager_->Live(), ElementsAre(0));
}

TEST_F(VersionManagerTest, PublishedVersionIsCurrentAndDurable) {
  const int64_t number = Publish({3, 5});
  const VersionManager::SharedVersion published = manager_->current();
  ASSERT_EQ(published->number, number);

  IMPRINT_ASSERT_OK(Open());

  EXPECT_NE(manager_->current(), published);
  EXPECT_EQ(manager_->current()->number, number);
  EXPECT_TRUE(SameWeights(*manager_->current()->weights, *published->weights));
  EXPECT_FALSE(SameWeights(*manager_->current()->weights, *base_));
  EXPECT_THAT(manager_->Contained(), ElementsAre(3, 5));
}

TEST_F(VersionManagerTest, RowSaysWhereTheVersionComesFrom) {
  Publish({1});
  const int64_t number = Publish({2, 3});

  IMPRINT_ASSERT_OK_AND_ASSIGN(const store::VersionRecord row, store_->GetVersion(number));

  EXPECT_EQ(row.parent(), 1);
  EXPECT_EQ(row.experience_count(), 3);
  EXPECT_EQ(row.create_time_micros(), absl::ToUnixMicros(clock_.Now()));
}

TEST_F(VersionManagerTest, SaveTellsTheSizeOfTheDirectory) {
  const auto candidate = MakeCandidate();

  IMPRINT_ASSERT_OK_AND_ASSIGN(const int64_t size_bytes, manager_->Save(*candidate));

  int64_t expected = 0;
  for (const auto& entry : std::filesystem::directory_iterator(DirectoryOf(candidate->number))) {
    expected += static_cast<int64_t>(entry.file_size());
  }
  EXPECT_EQ(size_bytes, expected);
  EXPECT_GT(size_bytes, 0);
}

TEST_F(VersionManagerTest, SaveMayBeRepeatedUntilTheCommit) {
  const auto candidate = MakeCandidate();
  IMPRINT_ASSERT_OK(manager_->Save(*candidate));

  IMPRINT_EXPECT_OK(manager_->Save(*candidate));

  IMPRINT_ASSERT_OK(Commit(candidate));
  EXPECT_THAT(manager_->Save(*candidate), HasCode(absl::StatusCode::kAlreadyExists));
}

TEST_F(VersionManagerTest, WhatWasSavedAndNotCommittedIsRemovedWithoutARestart) {
  const int64_t published = Publish({1});
  const auto candidate = MakeCandidate();
  IMPRINT_ASSERT_OK(manager_->Save(*candidate));

  IMPRINT_ASSERT_OK(manager_->RemoveOrphans());

  EXPECT_FALSE(std::filesystem::exists(DirectoryOf(candidate->number)));
  EXPECT_TRUE(std::filesystem::exists(DirectoryOf(published)));
  IMPRINT_ASSERT_OK(manager_->Save(*candidate));
  IMPRINT_EXPECT_OK(Commit(candidate));
}

TEST_F(VersionManagerTest, CandidateOfAnOlderVersionIsAborted) {
  const auto late = MakeCandidate();
  IMPRINT_ASSERT_OK(manager_->Save(*late));
  const int64_t first = Publish({1});

  EXPECT_THAT(Commit(late, {2}), HasCode(absl::StatusCode::kAborted));

  EXPECT_EQ(manager_->current()->number, first);
  EXPECT_THAT(store_->GetVersion(late->number), HasCode(absl::StatusCode::kNotFound));
  EXPECT_FALSE(manager_->Contains(2));
}

TEST_F(VersionManagerTest, NothingIsCommittedWhenStagingFails) {
  const auto candidate = MakeCandidate();
  IMPRINT_ASSERT_OK(manager_->Save(*candidate));

  EXPECT_THAT(manager_->Commit(candidate, candidate->parent, {},
                               [](store::Transaction&, absl::FunctionRef<bool(int64_t)>) {
                                 return absl::InternalError("no");
                               }),
              HasCode(absl::StatusCode::kInternal));

  EXPECT_EQ(manager_->current()->number, 0);
  EXPECT_THAT(store_->GetVersion(candidate->number), HasCode(absl::StatusCode::kNotFound));
}

TEST_F(VersionManagerTest, StagingSeesWhatTheNewVersionContains) {
  Publish({1});
  const auto candidate = MakeCandidate();
  IMPRINT_ASSERT_OK(manager_->Save(*candidate));
  store::VersionRecord record;
  record.add_added(2);
  std::vector<bool> seen;

  IMPRINT_ASSERT_OK(
      manager_->Commit(candidate, candidate->parent, record,
                       [&seen](store::Transaction&, absl::FunctionRef<bool(int64_t)> contained) {
                         seen = {contained(1), contained(2), contained(3)};
                         return absl::OkStatus();
                       }));

  EXPECT_THAT(seen, ElementsAre(true, true, false));
}

TEST_F(VersionManagerTest, RollbackSurvivesReopening) {
  const int64_t first = Publish({1});
  Publish({2});

  IMPRINT_ASSERT_OK(manager_->Rollback(first, StageNothing));

  EXPECT_EQ(manager_->current()->number, first);
  EXPECT_TRUE(manager_->Contains(1));
  EXPECT_FALSE(manager_->Contains(2));
  IMPRINT_ASSERT_OK(Open());
  EXPECT_EQ(manager_->current()->number, first);
  EXPECT_THAT(manager_->Contained(), ElementsAre(1));
}

TEST_F(VersionManagerTest, RollbackToTheBaseAndForwardAgain) {
  const int64_t number = Publish({1});

  IMPRINT_ASSERT_OK(manager_->Rollback(0, StageNothing));
  EXPECT_EQ(manager_->current(), manager_->base());
  EXPECT_TRUE(manager_->Contained().empty());

  IMPRINT_ASSERT_OK(manager_->Rollback(number, StageNothing));
  EXPECT_EQ(manager_->current()->number, number);
  EXPECT_THAT(manager_->Contained(), ElementsAre(1));
}

TEST_F(VersionManagerTest, VersionAfterARollbackContainsOnlyItsOwnLine) {
  const int64_t first = Publish({1});
  Publish({2});
  IMPRINT_ASSERT_OK(manager_->Rollback(first, StageNothing));

  const int64_t third = Publish({3});

  EXPECT_EQ(third, 3);
  EXPECT_EQ(manager_->current()->parent, first);
  EXPECT_THAT(manager_->Contained(), ElementsAre(1, 3));
}

TEST_F(VersionManagerTest, RollbackToAnUnknownVersionIsNotFound) {
  Publish();

  EXPECT_THAT(manager_->Rollback(7, StageNothing),
              IsError(absl::StatusCode::kNotFound, HasSubstr("versions/7")));
  EXPECT_THAT(manager_->Rollback(-1, StageNothing), HasCode(absl::StatusCode::kNotFound));
}

TEST_F(VersionManagerTest, AcquireGivesLiveVersionsAndNamesThemOtherwise) {
  const int64_t first = Publish();
  VersionManager::SharedVersion pinned = manager_->current();
  const int64_t second = Publish();

  IMPRINT_ASSERT_OK_AND_ASSIGN(const VersionManager::SharedVersion acquired,
                               manager_->Acquire(first));
  EXPECT_EQ(acquired, pinned);
  EXPECT_THAT(manager_->Live(), ElementsAre(0, first, second));
  EXPECT_THAT(manager_->Acquire(9), HasCode(absl::StatusCode::kNotFound));
}

TEST_F(VersionManagerTest, VersionIsGoneFromMemoryWhenItsLastUserLetsGo) {
  const int64_t first = Publish();
  const std::weak_ptr<const Version> watched = manager_->current();

  const int64_t second = Publish();

  EXPECT_TRUE(watched.expired());
  EXPECT_THAT(manager_->Live(), ElementsAre(0, second));
  EXPECT_THAT(manager_->Acquire(first),
              IsError(absl::StatusCode::kFailedPrecondition,
                      HasSubstr("live are 0, " + std::to_string(second))));
}

TEST_F(VersionManagerTest, FilesBeyondTheKeepWindowAreDropped) {
  options_.keep = 1;
  IMPRINT_ASSERT_OK(Open());
  for (int i = 0; i < 5; ++i) Publish({i + 1});

  // 5 is current, 4 its parent, 3 the one that is kept besides.
  EXPECT_FALSE(std::filesystem::exists(DirectoryOf(1)));
  EXPECT_FALSE(std::filesystem::exists(DirectoryOf(2)));
  EXPECT_TRUE(std::filesystem::exists(DirectoryOf(3)));
  EXPECT_TRUE(std::filesystem::exists(DirectoryOf(4)));
  IMPRINT_ASSERT_OK_AND_ASSIGN(const store::VersionRecord row, store_->GetVersion(1));
  EXPECT_TRUE(row.dropped());
  EXPECT_THAT(manager_->Rollback(1, StageNothing),
              IsError(absl::StatusCode::kFailedPrecondition, HasSubstr("--version.keep")));
  IMPRINT_ASSERT_OK(Open());
  EXPECT_THAT(manager_->Contained(), ElementsAre(1, 2, 3, 4, 5));
}

TEST_F(VersionManagerTest, LiveVersionIsNotDropped) {
  options_.keep = 0;
  IMPRINT_ASSERT_OK(Open());
  Publish();
  VersionManager::SharedVersion pinned = manager_->current();
  Publish();
  Publish();
  EXPECT_TRUE(std::filesystem::exists(DirectoryOf(1)));

  pinned.reset();
  Publish();

  EXPECT_FALSE(std::filesystem::exists(DirectoryOf(1)));
}

TEST_F(VersionManagerTest, ParentOfTheCurrentVersionIsNotDroppedAfterARollback) {
  options_.keep = 0;
  IMPRINT_ASSERT_OK(Open());
  Publish();
  Publish();

  IMPRINT_ASSERT_OK(manager_->Rollback(1, StageNothing));
  const int64_t third = Publish();

  EXPECT_EQ(third, 3);
  EXPECT_TRUE(std::filesystem::exists(DirectoryOf(1)));
  EXPECT_FALSE(std::filesystem::exists(DirectoryOf(2)));
}

TEST_F(VersionManagerTest, UnchangedDeltasAreHardLinksToTheParents) {
  const int64_t parent = Publish();
  const auto first_delta = manager_->current()->deltas[0];
  IMPRINT_ASSERT_OK_AND_ASSIGN(
      const auto candidate,
      manager_->MakeCandidate(ReserveNumber(), parent, {first_delta, MakeAdapter(9)}));

  IMPRINT_ASSERT_OK(manager_->Save(*candidate));
  IMPRINT_ASSERT_OK(Commit(candidate));

  EXPECT_TRUE(std::filesystem::equivalent(DirectoryOf(parent) / "delta-0.safetensors",
                                          DirectoryOf(2) / "delta-0.safetensors"));
  // Complete in itself: the parent's directory may go.
  std::filesystem::remove_all(DirectoryOf(parent));
  IMPRINT_ASSERT_OK(Open());
  EXPECT_EQ(manager_->current()->deltas.size(), 2u);
  EXPECT_TRUE(SameWeights(*manager_->current()->weights, *candidate->weights));
}

TEST_F(VersionManagerTest, ListenersAreToldOfSwitchesAndDrops) {
  options_.keep = 0;
  IMPRINT_ASSERT_OK(Open());
  std::vector<std::pair<int64_t, bool>> told;
  manager_->AddListener([&told](const store::VersionRecord& record, bool current) {
    told.emplace_back(record.number(), current);
  });

  Publish();
  Publish();
  IMPRINT_ASSERT_OK(manager_->Rollback(0, StageNothing));

  EXPECT_THAT(told, ElementsAre(Pair(1, true), Pair(2, true), Pair(0, true), Pair(2, false),
                                Pair(1, false)));
}

TEST_F(VersionManagerTest, ReadersSeeWholeVersionsWhileSwitching) {
  Publish({1});
  const VersionManager::SharedVersion pinned = manager_->current();
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0};
  std::thread reader([&] {
    while (!done) {
      const VersionManager::SharedVersion version = manager_->current();
      if ((version->number == 0) != version->deltas.empty()) ++wrong;
      if (!manager_->Acquire(version->number).ok()) ++wrong;
    }
  });

  for (int i = 0; i < 20; ++i) {
    IMPRINT_EXPECT_OK(manager_->Rollback(0, StageNothing));
    IMPRINT_EXPECT_OK(manager_->Rollback(1, StageNothing));
  }
  done = true;
  reader.join();

  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(manager_->current(), pinned);
}

}  // namespace
}  // namespace imprint::version
