// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "common/json.h"

#include <gtest/gtest.h>

#include <string>

namespace imprint {
namespace {

std::string Lists(int depth) {
  return std::string(static_cast<size_t>(depth), '[') +
         std::string(static_cast<size_t>(depth), ']');
}

TEST(JsonTest, WhatIsNoJsonIsDiscarded) {
  EXPECT_EQ(ParseJson(R"({"a": [1, 2]})").at("a").size(), 2U);
  EXPECT_TRUE(ParseJson("").is_discarded());
  EXPECT_TRUE(ParseJson("{").is_discarded());
  EXPECT_TRUE(ParseJson("]]").is_discarded());
  EXPECT_TRUE(ParseJson("\"\xff\"").is_discarded());
  EXPECT_TRUE(ParseJson<nlohmann::ordered_json>("{").is_discarded());
}

TEST(JsonTest, NestingIsBounded) {
  EXPECT_TRUE(ParseJson(Lists(kMaxJsonDepth)).is_array());
  EXPECT_TRUE(ParseJson(Lists(kMaxJsonDepth + 1)).is_discarded());
  EXPECT_TRUE(ParseJson(Lists(1'000'000)).is_discarded());
  std::string objects;
  for (int i = 0; i < kMaxJsonDepth; ++i) objects += R"({"a":)";
  EXPECT_TRUE(ParseJson(objects + "1" + std::string(kMaxJsonDepth, '}')).is_object());
  EXPECT_TRUE(ParseJson(objects + "[]" + std::string(kMaxJsonDepth, '}')).is_discarded());
}

TEST(JsonTest, BracketsOneAfterAnotherAndInStringsAreNoNesting) {
  std::string many = "[";
  for (int i = 0; i < 1000; ++i) many += "[],{},";
  EXPECT_EQ(ParseJson(many + "0]").size(), 2001U);
  const std::string brackets(1000, '[');
  EXPECT_EQ(ParseJson(R"(["\"\\)" + brackets + R"("])").at(0), "\"\\" + brackets);
}

}  // namespace
}  // namespace imprint
