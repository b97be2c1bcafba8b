// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/backup/backup_note.h"

#include <filesystem>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/json.h"
#include "nlohmann/json.hpp"

namespace imprint::backup {
namespace {

using Json = nlohmann::ordered_json;

absl::Status NotOne(const char* what, std::string_view why) {
  return absl::DataLossError(absl::StrCat("it has no readable ", what, ": ", std::string(why)));
}

bool IsHexDigest(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

// A file below a folder, and nowhere else.
bool StaysWithin(const std::filesystem::path& path) {
  if (path.empty() || path.is_absolute() || !path.has_filename()) return false;
  for (const auto& part : path) {
    if (part == ".." || part == "." || part.empty()) return false;
  }
  return true;
}

}  // namespace

std::string FormatNote(const BackupNote& note) {
  const Json json = {{"format_version", kNoteFormatVersion},
                     {"current_version", note.current_version},
                     {"last_sequence", note.last_sequence},
                     {"model_fingerprint", note.model_fingerprint},
                     {"store_create_time_micros", note.store_create_time_micros},
                     {"files_bytes", note.files_bytes},
                     {"files_sha256", note.files_sha256}};
  return json.dump();
}

absl::StatusOr<BackupNote> ParseNote(std::string_view text) {
  try {
    const Json json = ParseJson<Json>(text);
    const auto format = json.at("format_version").get<int64_t>();
    if (format > kNoteFormatVersion) {
      return absl::FailedPreconditionError(
          absl::StrCat("it has format ", format, ", and this program knows formats up to ",
                       kNoteFormatVersion, "; use the newer one that made it"));
    }
    BackupNote note = {
        .current_version = json.at("current_version").get<int64_t>(),
        .last_sequence = json.at("last_sequence").get<int64_t>(),
        .model_fingerprint = json.at("model_fingerprint").get<std::string>(),
        .store_create_time_micros = json.at("store_create_time_micros").get<int64_t>(),
        .files_bytes = json.at("files_bytes").get<int64_t>(),
        .files_sha256 = json.at("files_sha256").get<std::string>()};
    if (!IsHexDigest(note.files_sha256)) return NotOne("note", "files_sha256 is no digest");
    return note;
  } catch (const Json::exception& error) {
    return NotOne("note", error.what());
  }
}

std::string FormatFileList(const std::vector<BackupFile>& files) {
  Json list = Json::array();
  for (const BackupFile& file : files) {
    list.push_back({{"path", file.path}, {"sha256", file.sha256}, {"size_bytes", file.size_bytes}});
  }
  return list.dump(1) + "\n";
}

absl::StatusOr<std::vector<BackupFile>> ParseFileList(std::string_view text) {
  std::vector<BackupFile> files;
  try {
    const Json list = ParseJson<Json>(text);
    if (!list.is_array()) return NotOne("list of files", "it is no array");
    for (const Json& json : list) {
      BackupFile file = {.path = json.at("path").get<std::string>(),
                         .sha256 = json.at("sha256").get<std::string>(),
                         .size_bytes = json.at("size_bytes").get<int64_t>()};
      if (!StaysWithin(file.path) || !IsHexDigest(file.sha256) || file.size_bytes < 0) {
        return NotOne("list of files", absl::StrCat("\"", file.path, "\" cannot be restored"));
      }
      files.push_back(std::move(file));
    }
  } catch (const Json::exception& error) {
    return NotOne("list of files", error.what());
  }
  return files;
}

}  // namespace imprint::backup
