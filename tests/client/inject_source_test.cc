// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/cli/inject_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "tests/testing/temp_dir.h"

namespace imprint::client {
namespace {

using ::testing::HasSubstr;

class InjectSourceTest : public ::testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& content) {
    const auto path = dir_.path() / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << content;
    return path.string();
  }

  imprint::testing::TempDir dir_;
};

TEST_F(InjectSourceTest, AWordThatNamesNoFileIsAText) {
  const auto requests = ReadSources({"The boat is yellow."}, "");
  ASSERT_TRUE(requests.ok()) << requests.status();
  ASSERT_EQ(requests->size(), 1U);
  EXPECT_EQ(requests->front().content().text(), "The boat is yellow.");
}

TEST_F(InjectSourceTest, AMissingFileIsNotAText) {
  const auto requests = ReadSources({"notes/missing.txt"}, "");
  ASSERT_FALSE(requests.ok());
  EXPECT_THAT(std::string(requests.status().message()), HasSubstr("notes/missing.txt"));
}

TEST_F(InjectSourceTest, JsonLinesTakeAllFields) {
  const std::string file = Write(
      "a.jsonl",
      R"({"request_id":"r1","text":"T","labels":{"k":"v"},"targets":[{"question":"q","answer":"a"},{"text":"s"}],"probes":[{"question":"p","expected_answer":"e"}]})"
      "\n\n"
      R"({"messages":[{"role":"user","content":"hi"}]})"
      "\n");

  const auto requests = ReadSources({file}, "");

  ASSERT_TRUE(requests.ok()) << requests.status();
  ASSERT_EQ(requests->size(), 2U);
  const v1::InjectContextRequest& first = requests->front();
  EXPECT_EQ(first.request_id(), "r1");
  EXPECT_EQ(first.labels().at("k"), "v");
  EXPECT_EQ(first.targets(0).question_answer().answer(), "a");
  EXPECT_EQ(first.targets(1).text(), "s");
  EXPECT_EQ(first.probes(0).expected_answer(), "e");
  EXPECT_EQ(requests->back().content().conversation().messages(0).role(), "user");
}

TEST_F(InjectSourceTest, ABadLineIsNamed) {
  const auto requests = ReadSources({Write("b.jsonl", "{\"text\":\"ok\"}\n{\"text\":3}\n")}, "");
  ASSERT_FALSE(requests.ok());
  EXPECT_THAT(std::string(requests.status().message()), HasSubstr("b.jsonl:2"));
}

TEST_F(InjectSourceTest, AFolderIsReadInOrderOfNames) {
  Write("d/2.txt", "two");
  Write("d/1.md", "one");
  Write("d/3.bin", "no");
  const auto requests = ReadSources({(dir_.path() / "d").string()}, "");
  ASSERT_TRUE(requests.ok()) << requests.status();
  ASSERT_EQ(requests->size(), 2U);
  EXPECT_EQ(requests->front().content().text(), "one");
}

TEST_F(InjectSourceTest, NothingToInjectIsAnError) { EXPECT_FALSE(ReadSources({}, "").ok()); }

}  // namespace
}  // namespace imprint::client
