// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/store/keys.h"

#include <gtest/gtest.h>

#include <limits>
#include <set>
#include <string>

namespace imprint::store {
namespace {

constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

TEST(KeysTest, EveryKeyBeginsWithTheNamespace) {
  for (const std::string& key : {MetaKey(), CountersKey(), CurrentVersionKey(), SettingKey("x"),
                                 NumberKey(7), StateKey(STORED_STATE_READY, 7), RequestKey("r"),
                                 TargetKey(7, 0), ExperienceProbeKey(7, 1)}) {
    EXPECT_EQ(key.substr(0, 8), "default/");
  }
}

// What is on disk must never change: the bytes themselves.
TEST(KeysTest, NumbersAreEightBytesMostSignificantFirst) {
  EXPECT_EQ(NumberKey(0x0102), std::string("default/\0\0\0\0\0\0\1\2", 16));
  EXPECT_EQ(StateKey(STORED_STATE_READY, 3), std::string("default/\2\0\0\0\0\0\0\0\3", 17));
  EXPECT_EQ(TargetKey(1, 2), std::string("default/\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\2", 24));
}

TEST(KeysTest, OrderOfBytesIsOrderOfNumbers) {
  int64_t previous = 0;
  for (int64_t number :
       {int64_t{1}, int64_t{255}, int64_t{256}, int64_t{65536}, int64_t{1} << 40, kMax}) {
    EXPECT_LT(NumberKey(previous), NumberKey(number));
    previous = number;
  }
}

TEST(KeysTest, NumbersAreReadBack) {
  for (int64_t number : {int64_t{0}, int64_t{1}, int64_t{1} << 40, kMax}) {
    EXPECT_EQ(DecodeNumber(EncodeNumber(number)), number);
    EXPECT_EQ(NumberAfter(StatePrefix(STORED_STATE_HELD), StateKey(STORED_STATE_HELD, number)),
              number);
  }
}

TEST(KeysTest, MalformedKeysAreNoNumbers) {
  EXPECT_EQ(DecodeNumber(""), std::nullopt);
  EXPECT_EQ(DecodeNumber("1234567"), std::nullopt);
  EXPECT_EQ(DecodeNumber("123456789"), std::nullopt);
  EXPECT_EQ(DecodeNumber("\xff\xff\xff\xff\xff\xff\xff\xff"), std::nullopt);
  EXPECT_EQ(NumberAfter("default/", "other/\0\0\0\0\0\0\0\1"), std::nullopt);
}

TEST(KeysTest, EndOfPrefixIsRightAfterIt) {
  EXPECT_EQ(EndOfPrefix("default/"), "default0");
  EXPECT_EQ(EndOfPrefix("a\xff\xff"), "b");
  EXPECT_LT(TargetKey(5, kMax), EndOfPrefix(TargetPrefix(5)));
  EXPECT_LE(EndOfPrefix(TargetPrefix(5)), TargetPrefix(6));
}

TEST(KeysTest, FamiliesHaveNamesOfTheirOwn) {
  std::set<std::string> names;
  for (int i = 0; i < kFamilyCount; ++i) names.insert(FamilyName(static_cast<Family>(i)));
  EXPECT_EQ(names.size(), static_cast<size_t>(kFamilyCount));
  EXPECT_FALSE(names.contains(""));
}

}  // namespace
}  // namespace imprint::store
