// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/update/rebuild_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace imprint::update {
namespace {

using ::testing::ElementsAre;

store::VersionRecord Version(int64_t number, int64_t parent, const std::vector<int64_t>& added,
                             double retention_kl = 0) {
  store::VersionRecord row;
  row.set_number(number);
  row.set_parent(parent);
  row.mutable_added()->Add(added.begin(), added.end());
  row.set_retention_kl(retention_kl);
  return row;
}

TEST(RebuildPolicyTest, AnchorsContainNothingButWhatIsKept) {
  const std::vector<store::VersionRecord> rows = {Version(1, 0, {1}), Version(2, 1, {2}),
                                                  Version(3, 2, {3}), Version(4, 1, {4})};

  EXPECT_THAT(Anchors(rows, {1, 2, 3}), ElementsAre(3, 2, 1, 0));
  EXPECT_THAT(Anchors(rows, {1, 3, 4}), ElementsAre(4, 1, 0));
  EXPECT_THAT(Anchors(rows, {2, 3}), ElementsAre(0));
}

TEST(RebuildPolicyTest, DroppedVersionsAreNoAnchorsButTheirChildrenAre) {
  std::vector<store::VersionRecord> rows = {Version(1, 0, {1}), Version(2, 1, {2})};
  rows[0].set_dropped(true);

  EXPECT_THAT(Anchors(rows, {1, 2}), ElementsAre(2, 0));
}

TEST(RebuildPolicyTest, AnchorsAgainstDriftHaveLittleOfIt) {
  const RebuildOptions options{.anchor_drift = 0.25, .max_retention_kl = 0.1};
  const std::vector<store::VersionRecord> rows = {
      Version(1, 0, {1}, 0.01), Version(2, 1, {2}, 0.03), Version(3, 2, {3}, 0.02)};

  EXPECT_THAT(AnchorsAgainstDrift(options, {3, 2, 1, 0}, rows, 3), ElementsAre(1, 0));
  // The base has none, also where it is current.
  EXPECT_THAT(AnchorsAgainstDrift(options, {0}, rows, 0), ElementsAre(0));
}

TEST(RebuildPolicyTest, DriftIsToBlameOnceAndOnlyWhereThereIsSome) {
  RebuildOptions options{.anchor_drift = 0.25, .max_retention_kl = 0.1};
  store::JobRecord job;

  EXPECT_FALSE(DriftIsToBlame(options, job, std::nullopt));
  EXPECT_FALSE(DriftIsToBlame(options, job, Version(1, 0, {}, 0.02)));
  EXPECT_TRUE(DriftIsToBlame(options, job, Version(1, 0, {}, 0.03)));
  job.set_rebuild_tried(true);
  EXPECT_FALSE(DriftIsToBlame(options, job, Version(1, 0, {}, 0.03)));
  job.set_rebuild_tried(false);
  options.on_retention = false;
  EXPECT_FALSE(DriftIsToBlame(options, job, Version(1, 0, {}, 0.03)));
}

}  // namespace
}  // namespace imprint::update
