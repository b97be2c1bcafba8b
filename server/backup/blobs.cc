// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/backup/blobs.h"

#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/file_util.h"
#include "common/list_directory.h"
#include "common/sha256.h"
#include "common/status_macros.h"

namespace imprint::backup {
namespace {

namespace fs = std::filesystem;

constexpr char kUnfinished[] = ".tmp";

absl::StatusOr<std::string> DigestOf(const fs::path& file) {
  Sha256 hash;
  IMPRINT_RETURN_IF_ERROR(hash.UpdateFromFile(file));
  return hash.HexDigest();
}

absl::StatusOr<int64_t> SizeOf(const fs::path& file) {
  std::error_code error;
  const uintmax_t size = fs::file_size(file, error);
  if (error) return absl::ErrnoToStatus(error.value(), absl::StrCat("size of ", file.string()));
  return static_cast<int64_t>(size);
}

// Copies the contents, durably, so that `to` is whole or not there.
absl::Status CopyFile(const fs::path& from, const fs::path& to) {
  const fs::path unfinished = to.string() + kUnfinished;
  std::error_code error;
  fs::copy_file(from, unfinished, fs::copy_options::overwrite_existing, error);
  if (!error) fs::permissions(unfinished, fs::perms::owner_read | fs::perms::owner_write, error);
  absl::Status copied =
      error ? absl::ErrnoToStatus(error.value(),
                                  absl::StrCat("copy ", from.string(), " to ", to.string()))
            : SyncFile(unfinished);
  if (copied.ok()) {
    fs::rename(unfinished, to, error);
    if (error) copied = absl::ErrnoToStatus(error.value(), absl::StrCat("make ", to.string()));
  }
  if (!copied.ok()) {
    RemoveTree(unfinished).IgnoreError();  // what went wrong before is told
    return copied;
  }
  return SyncDirectory(to.parent_path());
}

}  // namespace

Blobs::Blobs(fs::path folder) : folder_(std::move(folder)) {}

fs::path Blobs::PathOf(const std::string& sha256) const { return folder_ / sha256; }

absl::Status Blobs::Prepare() const {
  IMPRINT_RETURN_IF_ERROR(MakePrivateDirectories(folder_));
  IMPRINT_ASSIGN_OR_RETURN(const std::vector<fs::path> children, ListDirectory(folder_));
  for (const fs::path& child : children) {
    if (absl::EndsWith(child.string(), kUnfinished)) IMPRINT_RETURN_IF_ERROR(RemoveTree(child));
  }
  return absl::OkStatus();
}

absl::StatusOr<Blob> Blobs::PutFile(const fs::path& file) const {
  IMPRINT_ASSIGN_OR_RETURN(std::string sha256, DigestOf(file));
  IMPRINT_ASSIGN_OR_RETURN(const int64_t size, SizeOf(file));
  // What rotted since an older backup is written anew: every later one would rely on it.
  if (!Verify(sha256).ok()) {
    IMPRINT_RETURN_IF_ERROR(CopyFile(file, PathOf(sha256)));
    IMPRINT_RETURN_IF_ERROR(Verify(sha256));
  }
  return Blob{.sha256 = std::move(sha256), .size_bytes = size};
}

absl::StatusOr<Blob> Blobs::PutText(std::string_view text) const {
  Blob blob = {.sha256 = Sha256Hex(text), .size_bytes = static_cast<int64_t>(text.size())};
  IMPRINT_RETURN_IF_ERROR(WriteFileAtomically(PathOf(blob.sha256), text));
  return blob;
}

absl::StatusOr<std::string> Blobs::ReadText(const std::string& sha256) const {
  absl::StatusOr<std::string> text = ReadFile(PathOf(sha256));
  if (absl::IsNotFound(text.status())) return absl::DataLossError(text.status().message());
  if (text.ok() && Sha256Hex(*text) != sha256) {
    return absl::DataLossError(
        absl::StrCat(PathOf(sha256).string(), " has other contents than its name says"));
  }
  return text;
}

absl::Status Blobs::Verify(const std::string& sha256) const {
  const absl::StatusOr<std::string> digest = DigestOf(PathOf(sha256));
  if (absl::IsNotFound(digest.status())) return absl::DataLossError(digest.status().message());
  IMPRINT_RETURN_IF_ERROR(digest.status());
  if (*digest == sha256) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat(PathOf(sha256).string(), " has other contents than its name says"));
}

absl::Status Blobs::CopyTo(const std::string& sha256, const fs::path& file) const {
  IMPRINT_RETURN_IF_ERROR(MakePrivateDirectories(file.parent_path()));
  IMPRINT_RETURN_IF_ERROR(Verify(sha256));
  IMPRINT_RETURN_IF_ERROR(CopyFile(PathOf(sha256), file));
  IMPRINT_ASSIGN_OR_RETURN(const std::string copied, DigestOf(file));
  if (copied == sha256) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(file.string(), " has other contents than were written"));
}

absl::Status Blobs::RemoveUnless(absl::FunctionRef<bool(const std::string& sha256)> wanted) const {
  IMPRINT_ASSIGN_OR_RETURN(const std::vector<fs::path> children, ListDirectory(folder_));
  for (const fs::path& child : children) {
    if (!wanted(child.filename().string())) IMPRINT_RETURN_IF_ERROR(RemoveTree(child));
  }
  return SyncDirectory(folder_);
}

}  // namespace imprint::backup
