// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// What a backup says of itself, and which files it has besides the store's, as JSON.

#ifndef IMPRINT_SERVER_BACKUP_BACKUP_NOTE_H_
#define IMPRINT_SERVER_BACKUP_BACKUP_NOTE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace imprint::backup {

// Version of a note's meaning. A newer one is refused.
inline constexpr int64_t kNoteFormatVersion = 1;

// A file of the data folder, kept by its contents.
struct BackupFile {
  // Within the data folder, with slashes: "versions/default/00000003/manifest.json".
  std::string path;
  std::string sha256;  // of its contents, hexadecimal
  int64_t size_bytes = 0;

  bool operator==(const BackupFile&) const = default;
};

// Kept with the store's own backup: small.
struct BackupNote {
  int64_t current_version = 0;
  int64_t last_sequence = 0;
  std::string model_fingerprint;
  // When the store that it is of was made: tells stores apart.
  int64_t store_create_time_micros = 0;
  int64_t files_bytes = 0;
  // Of the file list, which is kept as a file by its contents too.
  std::string files_sha256;
};

std::string FormatNote(const BackupNote& note);
// DATA_LOSS: no note; FAILED_PRECONDITION: of a newer format.
absl::StatusOr<BackupNote> ParseNote(std::string_view text);

std::string FormatFileList(const std::vector<BackupFile>& files);
// DATA_LOSS: no list, or a path that leads out of the data folder.
absl::StatusOr<std::vector<BackupFile>> ParseFileList(std::string_view text);

}  // namespace imprint::backup

#endif  // IMPRINT_SERVER_BACKUP_BACKUP_NOTE_H_
