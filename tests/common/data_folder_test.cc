// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "common/data_folder.h"

#include <gtest/gtest.h>

#include <optional>

namespace imprint {
namespace {

TEST(DataFolderTest, VersionsHaveNamesThatAreRead) {
  EXPECT_EQ(VersionsOf("data"), "data/versions/default");
  EXPECT_EQ(VersionFolderName(7), "00000007");
  EXPECT_EQ(ParseVersionFolderName("00000007"), 7);
  EXPECT_EQ(ParseVersionFolderName(VersionFolderName(1'234'567'890)), 1'234'567'890);
}

TEST(DataFolderTest, OtherNamesAreNoVersions) {
  for (const char* name : {"", "7", "0000007", "00000000", "-0000007", "+0000007", "00000007.tmp",
                           " 0000007", "000000007", "base"}) {
    EXPECT_EQ(ParseVersionFolderName(name), std::nullopt) << name;
  }
}

}  // namespace
}  // namespace imprint
