// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Versions made from an older one, and versions that hold what was forgotten.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/version/version_fixture.h"

namespace imprint::version {
namespace {

using ::imprint::testing::HasCode;
using ::imprint::testing::IsError;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class VersionForgettingTest : public VersionFixture {
 protected:
  void Forget(int64_t sequence) {
    IMPRINT_EXPECT_OK(store_->Transact([sequence](store::Transaction& transaction) {
      while (transaction.NextSequence() < sequence) {
      }
      store::ExperienceRecord tombstone;
      tombstone.set_sequence(sequence);
      tombstone.set_state(store::STORED_STATE_FORGOTTEN);
      transaction.PutExperience(tombstone);
      return absl::OkStatus();
    }));
  }

  // A version of `anchor` in place of the current one; gives its number.
  int64_t Rebuild(int64_t anchor, const std::vector<int64_t>& added) {
    const auto candidate = MakeCandidate(anchor);
    IMPRINT_EXPECT_OK(manager_->Save(*candidate));
    store::VersionRecord record;
    record.mutable_added()->Add(added.begin(), added.end());
    IMPRINT_EXPECT_OK(
        manager_->Commit(candidate, manager_->current()->number, record, StageNothing));
    return candidate->number;
  }
};

TEST_F(VersionForgettingTest, RebuiltVersionContainsItsAnchorsAndItsOwn) {
  const int64_t first = Publish({1});
  Publish({2});
  Publish({3});

  const int64_t rebuilt = Rebuild(first, {3});

  EXPECT_EQ(manager_->current()->number, rebuilt);
  EXPECT_THAT(manager_->Contained(), ElementsAre(1, 3));
  EXPECT_EQ(store_->GetVersion(rebuilt)->parent(), first);
  EXPECT_EQ(store_->GetVersion(rebuilt)->experience_count(), 2);
  IMPRINT_ASSERT_OK(Open());
  EXPECT_THAT(manager_->Contained(), ElementsAre(1, 3));
}

TEST_F(VersionForgettingTest, RebuildIsAbortedWhenAnotherVersionBecameCurrent) {
  const int64_t first = Publish({1});
  const int64_t second = Publish({2});
  const auto candidate = MakeCandidate(first);
  IMPRINT_ASSERT_OK(manager_->Save(*candidate));
  const int64_t third = Publish({3});

  EXPECT_THAT(manager_->Commit(candidate, second, {}, StageNothing),
              HasCode(absl::StatusCode::kAborted));

  EXPECT_EQ(manager_->current()->number, third);
}

TEST_F(VersionForgettingTest, HoldersAreDroppedButTheCurrentOne) {
  const int64_t first = Publish({1});
  const int64_t second = Publish({2});
  const int64_t third = Publish({3});
  Forget(2);

  IMPRINT_ASSERT_OK(manager_->DropForgotten({2}));

  EXPECT_TRUE(std::filesystem::exists(DirectoryOf(first)));
  EXPECT_FALSE(std::filesystem::exists(DirectoryOf(second)));
  EXPECT_TRUE(std::filesystem::exists(DirectoryOf(third)));
  EXPECT_TRUE(store_->GetVersion(second)->holds_forgotten());
  EXPECT_THAT(manager_->Rollback(second, StageNothing),
              IsError(absl::StatusCode::kFailedPrecondition, HasSubstr("forgotten")));

  Rebuild(first, {3});
  IMPRINT_ASSERT_OK(manager_->DropForgotten({2}));

  EXPECT_FALSE(std::filesystem::exists(DirectoryOf(third)));
  IMPRINT_ASSERT_OK(Open());
  EXPECT_THAT(manager_->Contained(), ElementsAre(1, 3));
}

// The row says dropped before the files go; files that withstood were never looked at again.
TEST_F(VersionForgettingTest, FilesOfADroppedHolderThatWithstoodAreRemovedByTheNextCall) {
  Publish({1});
  const int64_t second = Publish({2});
  Publish({3});
  Forget(2);
  IMPRINT_ASSERT_OK(manager_->DropForgotten({2}));
  std::filesystem::create_directory(DirectoryOf(second));

  IMPRINT_ASSERT_OK(manager_->DropForgotten({2}));

  EXPECT_FALSE(std::filesystem::exists(DirectoryOf(second)));
}

TEST_F(VersionForgettingTest, HolderThatIsStillStoredCannotBeRolledBackTo) {
  const int64_t first = Publish({1});
  Publish({2});
  const int64_t third = Publish({3});
  IMPRINT_ASSERT_OK(manager_->Rollback(first, StageNothing));
  Forget(3);

  EXPECT_THAT(manager_->Rollback(third, StageNothing),
              IsError(absl::StatusCode::kFailedPrecondition, HasSubstr("forgotten")));

  EXPECT_EQ(manager_->current()->number, first);
}

TEST_F(VersionForgettingTest, HolderInUseIsNotGivenToOthers) {
  Publish({1});
  const int64_t second = Publish({2});
  const auto in_use = manager_->current();
  Rebuild(1, {});
  Forget(2);

  IMPRINT_ASSERT_OK(manager_->DropForgotten({2}));

  EXPECT_EQ(in_use->number, second);
  EXPECT_THAT(manager_->Acquire(second), HasCode(absl::StatusCode::kFailedPrecondition));
}

TEST_F(VersionForgettingTest, DeltasOfAStoredVersionComeFromItsFiles) {
  const int64_t first = Publish({1});
  Publish({2});
  IMPRINT_ASSERT_OK(Open());

  IMPRINT_ASSERT_OK_AND_ASSIGN(const auto deltas, manager_->Deltas(first));

  EXPECT_EQ(deltas.size(), 1u);
  EXPECT_THAT(manager_->Live(), ElementsAre(0, 2));
  EXPECT_TRUE(manager_->Deltas(0)->empty());
  EXPECT_THAT(manager_->Deltas(9), HasCode(absl::StatusCode::kNotFound));
}

}  // namespace
}  // namespace imprint::version
