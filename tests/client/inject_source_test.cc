// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/cli/inject_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/testing/temp_dir.h"

namespace imprint::client {
namespace {

using ::testing::HasSubstr;

// A folder in `root` that this process may not read, even as root: then it is somebody else
// for as long as this lives.
class WithoutReading {
 public:
  WithoutReading(const std::filesystem::path& root, const std::string& folder)
      : folder_(root / folder) {
    constexpr uid_t kNobody = 65534;
    std::filesystem::permissions(folder_, std::filesystem::perms::none);
    if (::geteuid() != 0) return;
    EXPECT_EQ(::chown(root.c_str(), kNobody, kNobody), 0);
    EXPECT_EQ(::seteuid(kNobody), 0);
    was_root_ = true;
  }
  ~WithoutReading() {
    if (was_root_) {
      EXPECT_EQ(::seteuid(0), 0);
    }
    std::filesystem::permissions(folder_, std::filesystem::perms::owner_all);
  }

  WithoutReading(const WithoutReading&) = delete;
  WithoutReading& operator=(const WithoutReading&) = delete;

 private:
  const std::filesystem::path folder_;
  bool was_root_ = false;
};

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
  EXPECT_EQ(requests->front().request.content().text(), "The boat is yellow.");
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
  const v1::InjectContextRequest& first = requests->front().request;
  EXPECT_EQ(first.request_id(), "r1");
  EXPECT_EQ(first.labels().at("k"), "v");
  EXPECT_EQ(first.targets(0).question_answer().answer(), "a");
  EXPECT_EQ(first.targets(1).text(), "s");
  EXPECT_EQ(first.probes(0).expected_answer(), "e");
  EXPECT_EQ(requests->back().request.content().conversation().messages(0).role(), "user");
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
  EXPECT_EQ(requests->front().request.content().text(), "one");
}

TEST_F(InjectSourceTest, AnUnreadableSubfolderIsSkippedAndNamed) {
  Write("d/1.txt", "one");
  Write("d/locked/2.txt", "two");
  Write("d/z/3.txt", "three");
  const WithoutReading locked(dir_.path(), "d/locked");

  ::testing::internal::CaptureStderr();
  const auto requests = ReadSources({(dir_.path() / "d").string()}, "");
  const std::string said = ::testing::internal::GetCapturedStderr();

  ASSERT_TRUE(requests.ok()) << requests.status();
  ASSERT_EQ(requests->size(), 2U);
  EXPECT_EQ(requests->back().request.content().text(), "three");
  EXPECT_THAT(said, HasSubstr("skipped " + (dir_.path() / "d/locked").string()));
}

TEST_F(InjectSourceTest, ALinkThatLeadsNowhereIsSkippedAndNamed) {
  Write("d/1.txt", "one");
  const auto loop = dir_.path() / "d" / "loop.txt";
  std::filesystem::create_symlink(loop, loop);

  ::testing::internal::CaptureStderr();
  const auto requests = ReadSources({(dir_.path() / "d").string()}, "");
  const std::string said = ::testing::internal::GetCapturedStderr();

  ASSERT_TRUE(requests.ok()) << requests.status();
  EXPECT_EQ(requests->size(), 1U);
  EXPECT_THAT(said, HasSubstr(loop.string()));
}

TEST_F(InjectSourceTest, AFolderOfNothingReadableIsAnError) {
  Write("d/locked/2.txt", "two");
  const WithoutReading locked(dir_.path(), "d/locked");

  ::testing::internal::CaptureStderr();
  EXPECT_FALSE(ReadSources({(dir_.path() / "d").string()}, "").ok());
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("d/locked"));
}

TEST_F(InjectSourceTest, EachItemSaysWhereItCameFrom) {
  const std::string lines = Write("d/1.jsonl", "{\"text\":\"one\"}\n\n{\"text\":\"two\"}\n");
  const std::string file = Write("d/2.txt", "three");
  const auto items = ReadSources({(dir_.path() / "d").string(), "four"}, "");
  ASSERT_TRUE(items.ok()) << items.status();
  ASSERT_EQ(items->size(), 4U);
  EXPECT_EQ((*items)[0].origin, lines + ":1");
  EXPECT_EQ((*items)[1].origin, lines + ":3");
  EXPECT_EQ((*items)[2].origin, file);
  EXPECT_EQ((*items)[3].origin, "");
}

// The server refused it after what came before had been sent, and no file was named.
TEST_F(InjectSourceTest, WhatNoServerTakesIsNamedBeforeAnythingIsSent) {
  Write("d/1.txt", "one");
  const std::string bad = Write("d/2.txt", "caf\xe9");
  for (const std::string& source : {(dir_.path() / "d").string(), bad}) {
    const auto items = ReadSources({source}, "");
    EXPECT_EQ(items.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(items.status().message()), HasSubstr(bad + " is not valid UTF-8"));
  }
  const auto line = ReadSources({Write("e.jsonl", "{\"text\":\"caf\xe9\"}")}, "");
  EXPECT_THAT(std::string(line.status().message()), HasSubstr("e.jsonl:1: is not valid UTF-8"));
  const auto blank = ReadSources({Write("f.jsonl", "{\"text\":\" \"}")}, "");
  EXPECT_THAT(std::string(blank.status().message()), HasSubstr("f.jsonl:1: \"text\" is empty"));
  const auto empty = ReadSources({Write("e.txt", " \n")}, "");
  EXPECT_THAT(std::string(empty.status().message()), HasSubstr("e.txt is empty"));
}

TEST_F(InjectSourceTest, AnEmptyFileOfAFolderIsSkippedAndNamed) {
  Write("d/1.txt", "one");
  const std::string empty = Write("d/2.txt", "\n");

  ::testing::internal::CaptureStderr();
  const auto items = ReadSources({(dir_.path() / "d").string()}, "");
  const std::string said = ::testing::internal::GetCapturedStderr();

  ASSERT_TRUE(items.ok()) << items.status();
  EXPECT_EQ(items->size(), 1U);
  EXPECT_THAT(said, HasSubstr("skipped: " + empty + " is empty"));
}

TEST_F(InjectSourceTest, NothingToInjectIsAnError) { EXPECT_FALSE(ReadSources({}, "").ok()); }

// What nobody read was lost without a word: a "ttl" for ever, the text beside messages.
TEST_F(InjectSourceTest, UnknownAndContradictoryKeysAreRefused) {
  for (const char* line : {R"({"text":"a","ttl":"720h"})", R"({"text":"a","lables":{"k":"v"}})",
                           R"({"text":"a","messages":[{"role":"user","content":"b"}]})",
                           R"({"text":"a","probes":[{"question":"b","answer":"c"}]})",
                           R"({"text":"a","ttl_seconds":0})"}) {
    const auto requests = ReadSources({Write("slip.jsonl", line)}, "");
    EXPECT_EQ(requests.status().code(), absl::StatusCode::kInvalidArgument) << line;
    EXPECT_THAT(std::string(requests.status().message()), HasSubstr("slip.jsonl:1")) << line;
  }
}

TEST_F(InjectSourceTest, ALabelWithAZeroByteInItsNameKeepsItsValue) {
  const auto item = ParseItem(R"({"text":"a","labels":{"k":"short","k\u0000x":"whole"}})");
  ASSERT_TRUE(item.ok()) << item.status();
  EXPECT_EQ(item->labels().at("k"), "short");
  EXPECT_EQ(item->labels().at(std::string("k\0x", 3)), "whole");
  EXPECT_FALSE(ParseItem(R"({"text":"a","labels":{"k\u0000x":1}})").ok());
}

TEST_F(InjectSourceTest, DeepNestingIsAnErrorAndNoCrash) {
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  const auto requests =
      ReadSources({Write("deep.jsonl", R"({"messages":[{"role":)" + deep + "}]}")}, "");
  EXPECT_EQ(requests.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(requests.status().message()), HasSubstr("deep.jsonl:1"));
}

}  // namespace
}  // namespace imprint::client
