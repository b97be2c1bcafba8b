// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/rpc/memory_file.h"

#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include "common/file_util.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/status_matchers.h"

namespace imprint::rpc {
namespace {

// All that is in it.
std::string ContentsOf(const MemoryFile& file) {
  absl::StatusOr<std::string> contents = ReadFile(file.path());
  IMPRINT_EXPECT_OK(contents);
  return contents.value_or("");
}

// In whole seconds, as gRPC looks at it.
time_t ModifiedAt(const std::string& path) {
  struct stat info = {};
  EXPECT_EQ(::stat(path.c_str(), &info), 0);
  return info.st_mtime;
}

void Write(MemoryFile& file, std::string_view contents) {
  IMPRINT_ASSERT_OK_AND_ASSIGN(MemoryFile::Draft draft, MemoryFile::Draft::Of(contents));
  IMPRINT_ASSERT_OK(file.Become(std::move(draft)));
}

TEST(MemoryFileTest, HoldsWhatWasWrittenLastUnderOneName) {
  MemoryFile file;
  EXPECT_EQ(file.path(), "");
  Write(file, "a key, and its certificates");
  const std::string path = file.path();
  EXPECT_EQ(ContentsOf(file), "a key, and its certificates");
  Write(file, "others");
  EXPECT_EQ(file.path(), path);
  EXPECT_EQ(ContentsOf(file), "others");
}

TEST(MemoryFileTest, ADraftChangesNothing) {
  MemoryFile file;
  Write(file, "one");
  IMPRINT_ASSERT_OK_AND_ASSIGN(const MemoryFile::Draft draft, MemoryFile::Draft::Of("two"));
  EXPECT_EQ(ContentsOf(file), "one");
}

// gRPC reads key and certificates one after the other, and again where the time has changed.
TEST(MemoryFileTest, TwoWritesOfOneSecondHaveTwoTimes) {
  MemoryFile file;
  Write(file, "one");
  const time_t first = ModifiedAt(file.path());
  Write(file, "two");
  const time_t second = ModifiedAt(file.path());
  Write(file, "three");
  EXPECT_LT(first, second);
  EXPECT_LT(second, ModifiedAt(file.path()));
}

TEST(MemoryFileTest, IsOnNoDisk) {
  MemoryFile file;
  Write(file, "a key");
  EXPECT_THAT(std::filesystem::read_symlink(file.path()).string(), ::testing::HasSubstr("memfd:"));
}

}  // namespace
}  // namespace imprint::rpc
