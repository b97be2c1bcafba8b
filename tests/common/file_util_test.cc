// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "common/file_util.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdint>
#include <string>

#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace imprint {
namespace {

using testing::HasCode;
using ::testing::HasSubstr;
using testing::IsError;
using testing::TempDir;

mode_t ModeOf(const std::filesystem::path& path) {
  struct stat info = {};
  ::stat(path.c_str(), &info);
  return info.st_mode & 0777;
}

TEST(FileUtilTest, ReadsBackWhatWasWrittenZeroBytesIncluded) {
  TempDir dir;
  const std::string contents("a\0b\n\xff", 5);

  IMPRINT_ASSERT_OK(WriteFileAtomically(dir / "file", contents));

  IMPRINT_ASSERT_OK_AND_ASSIGN(std::string read, ReadFile(dir / "file"));
  EXPECT_EQ(read, contents);
  EXPECT_EQ(ModeOf(dir / "file"), 0600u);
}

TEST(FileUtilTest, WritingReplacesAndLeavesNothingBeside) {
  TempDir dir;
  IMPRINT_ASSERT_OK(WriteFileAtomically(dir / "file", "an older and longer text"));

  IMPRINT_ASSERT_OK(WriteFileAtomically(dir / "file", "new"));

  IMPRINT_ASSERT_OK_AND_ASSIGN(std::string read, ReadFile(dir / "file"));
  EXPECT_EQ(read, "new");
  EXPECT_FALSE(std::filesystem::exists(dir / "file.tmp"));
}

TEST(FileUtilTest, FailedWriteLeavesTheOldFile) {
  TempDir dir;
  IMPRINT_ASSERT_OK(WriteFileAtomically(dir / "file", "old"));
  // The name that is written first is taken by a folder.
  std::filesystem::create_directory(dir / "file.tmp");

  EXPECT_FALSE(WriteFileAtomically(dir / "file", "new").ok());

  IMPRINT_ASSERT_OK_AND_ASSIGN(std::string read, ReadFile(dir / "file"));
  EXPECT_EQ(read, "old");
}

TEST(FileUtilTest, ErrorsNameThePath) {
  TempDir dir;
  EXPECT_THAT(ReadFile(dir / "none"), IsError(absl::StatusCode::kNotFound, HasSubstr("none")));
  EXPECT_THAT(WriteFileAtomically(dir / "no/folder", "x"),
              IsError(absl::StatusCode::kNotFound, HasSubstr("no/folder")));
  EXPECT_THAT(SyncDirectory(dir / "none"), HasCode(absl::StatusCode::kNotFound));
  EXPECT_THAT(SyncFile(dir / "none"), HasCode(absl::StatusCode::kNotFound));
}

TEST(FileUtilTest, MakesPrivateFoldersAndLeavesThoseThatAreThere) {
  TempDir dir;
  std::filesystem::create_directory(dir / "open");
  ::chmod((dir / "open").c_str(), 0755);

  IMPRINT_ASSERT_OK(MakePrivateDirectories(dir / "open/a/b/"));

  EXPECT_EQ(ModeOf(dir / "open"), 0755u);
  EXPECT_EQ(ModeOf(dir / "open/a"), 0700u);
  EXPECT_EQ(ModeOf(dir / "open/a/b"), 0700u);
  IMPRINT_EXPECT_OK(MakePrivateDirectories(dir / "open/a/b"));
}

TEST(FileUtilTest, AFolderIsClosedToOthersAndKeepsItsGroup) {
  TempDir dir;
  for (const mode_t mode : {0755U, 0777U, 0750U, 0700U}) {
    ASSERT_EQ(::chmod(dir.path().c_str(), mode), 0);
    IMPRINT_EXPECT_OK(CloseToOthers(dir.path()));
    EXPECT_EQ(ModeOf(dir.path()), mode & 0770U);
  }
}

TEST(FileUtilTest, ASecretThatOthersMayUseIsNamed) {
  TempDir dir;
  const std::filesystem::path file = dir / "secret";
  EXPECT_THAT(ReadSecret(file), HasCode(absl::StatusCode::kNotFound));
  IMPRINT_ASSERT_OK(WriteFileAtomically(file, "x"));
  for (const mode_t mode : {0604U, 0602U, 0660U}) {
    ASSERT_EQ(::chmod(file.c_str(), mode), 0);
    EXPECT_THAT(ReadSecret(file),
                IsError(absl::StatusCode::kFailedPrecondition,
                        ::testing::AllOf(HasSubstr(file.string()), HasSubstr("chmod"))));
  }
  ASSERT_EQ(::chmod(file.c_str(), 0640), 0);
  IMPRINT_ASSERT_OK_AND_ASSIGN(const std::string read, ReadSecret(file));
  EXPECT_EQ(read, "x");
}

TEST(FileUtilTest, ASecretIsAShortRegularFile) {
  TempDir dir;
  IMPRINT_ASSERT_OK(WriteFileAtomically(dir / "secret", std::string(kMaxSecretBytes, 'x')));
  EXPECT_TRUE(ReadSecret(dir / "secret").ok());
  // Sparse: no memory would hold it.
  std::filesystem::resize_file(dir / "secret", uintmax_t{1} << 40);
  EXPECT_THAT(ReadSecret(dir / "secret"), HasCode(absl::StatusCode::kFailedPrecondition));
  ASSERT_EQ(::mkfifo((dir / "pipe").c_str(), 0600), 0);
  for (const char* name : {"pipe", "."}) {
    EXPECT_THAT(ReadSecret(dir / name),
                IsError(absl::StatusCode::kFailedPrecondition, HasSubstr("no regular file")));
  }
}

TEST(FileUtilTest, ANewSecretReplacesNothingAndFollowsNoLink) {
  TempDir dir;
  IMPRINT_ASSERT_OK(WriteNewSecret(dir / "secret", "x"));
  EXPECT_EQ(ModeOf(dir / "secret"), 0600u);
  EXPECT_THAT(WriteNewSecret(dir / "secret", "y"), HasCode(absl::StatusCode::kAlreadyExists));
  IMPRINT_ASSERT_OK_AND_ASSIGN(const std::string read, ReadSecret(dir / "secret"));
  EXPECT_EQ(read, "x");
  std::filesystem::create_symlink(dir / "elsewhere", dir / "link");
  EXPECT_THAT(WriteNewSecret(dir / "link", "y"), HasCode(absl::StatusCode::kAlreadyExists));
  EXPECT_FALSE(std::filesystem::exists(dir / "elsewhere"));
  EXPECT_THAT(WriteNewSecret(dir / "no/folder", "x"), HasCode(absl::StatusCode::kNotFound));
}

TEST(FileUtilTest, AFileIsNotAFolder) {
  TempDir dir;
  IMPRINT_ASSERT_OK(WriteFileAtomically(dir / "file", "x"));

  EXPECT_THAT(MakePrivateDirectories(dir / "file"),
              IsError(absl::StatusCode::kFailedPrecondition, HasSubstr("not a folder")));
  EXPECT_FALSE(MakePrivateDirectories(dir / "file/below").ok());
}

TEST(FileUtilTest, RemovesATreeAndNotWhatALinkPointsTo) {
  TempDir dir;
  IMPRINT_ASSERT_OK(MakePrivateDirectories(dir / "tree/deep"));
  IMPRINT_ASSERT_OK(MakePrivateDirectories(dir / "kept"));
  IMPRINT_ASSERT_OK(WriteFileAtomically(dir / "kept/file", "x"));
  std::filesystem::create_directory_symlink(dir / "kept", dir / "tree/deep/link");

  IMPRINT_ASSERT_OK(RemoveTree(dir / "tree"));

  EXPECT_FALSE(std::filesystem::exists(dir / "tree"));
  EXPECT_TRUE(std::filesystem::exists(dir / "kept/file"));
  IMPRINT_EXPECT_OK(RemoveTree(dir / "tree"));
}

}  // namespace
}  // namespace imprint
