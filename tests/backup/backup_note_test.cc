// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/backup/backup_note.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tests/testing/status_matchers.h"

namespace imprint::backup {
namespace {

using ::testing::ElementsAre;
using testing::HasCode;
using ::testing::HasSubstr;
using testing::IsError;

const std::string kDigest(64, 'a');

BackupNote NoteWith(const std::string& files_sha256) {
  BackupNote note;
  note.files_sha256 = files_sha256;
  return note;
}

TEST(BackupNoteTest, IsReadAsItWasWritten) {
  const BackupNote note = {.current_version = 3,
                           .last_sequence = 17,
                           .model_fingerprint = "model",
                           .store_create_time_micros = 5,
                           .files_bytes = 1000,
                           .files_sha256 = kDigest};
  IMPRINT_ASSERT_OK_AND_ASSIGN(const BackupNote read, ParseNote(FormatNote(note)));
  EXPECT_EQ(read.current_version, 3);
  EXPECT_EQ(read.last_sequence, 17);
  EXPECT_EQ(read.model_fingerprint, "model");
  EXPECT_EQ(read.store_create_time_micros, 5);
  EXPECT_EQ(read.files_bytes, 1000);
  EXPECT_EQ(read.files_sha256, kDigest);
}

TEST(BackupNoteTest, ANewerFormatIsRefused) {
  const std::string newer = absl::StrReplaceAll(FormatNote(NoteWith(kDigest)),
                                                {{"\"format_version\":1", "\"format_version\":2"}});
  EXPECT_THAT(ParseNote(newer), IsError(absl::StatusCode::kFailedPrecondition, HasSubstr("newer")));
}

TEST(BackupNoteTest, WhatIsNoNoteIsDataLoss) {
  for (const char* text : {"", "{", "[]", "{\"format_version\":1}", "7", "null"}) {
    EXPECT_THAT(ParseNote(text), HasCode(absl::StatusCode::kDataLoss)) << text;
  }
  EXPECT_THAT(ParseNote(FormatNote(NoteWith("../x"))), HasCode(absl::StatusCode::kDataLoss));
}

TEST(BackupFilesTest, AreReadAsTheyWereWritten) {
  const BackupFile file = {
      .path = "versions/default/00000001/manifest.json", .sha256 = kDigest, .size_bytes = 12};
  IMPRINT_ASSERT_OK_AND_ASSIGN(const auto files, ParseFileList(FormatFileList({file})));
  EXPECT_THAT(files, ElementsAre(file));
}

TEST(BackupFilesTest, APathOutOfTheDataFolderIsRefused) {
  for (const char* path :
       {"/etc/passwd", "../db/CURRENT", "versions/../../x", "", "versions/", "./x", "."}) {
    const std::string list = FormatFileList({{.path = path, .sha256 = kDigest, .size_bytes = 1}});
    EXPECT_THAT(ParseFileList(list), HasCode(absl::StatusCode::kDataLoss)) << path;
  }
}

}  // namespace
}  // namespace imprint::backup
