// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Files kept by their contents: what many backups have in common is there once.

#ifndef IMPRINT_SERVER_BACKUP_BLOBS_H_
#define IMPRINT_SERVER_BACKUP_BLOBS_H_

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace imprint::backup {

struct Blob {
  std::string sha256;  // hexadecimal; its name in the folder
  int64_t size_bytes = 0;
};

// Used by one thread at a time. A blob is there whole or not at all.
class Blobs {
 public:
  explicit Blobs(std::filesystem::path folder);

  // Makes the folder, and removes what a crash left half written.
  absl::Status Prepare() const;

  // Durable when OK.
  absl::StatusOr<Blob> PutFile(const std::filesystem::path& file) const;
  absl::StatusOr<Blob> PutText(std::string_view text) const;

  // DATA_LOSS: it is not there, or has other contents than its name says.
  absl::StatusOr<std::string> ReadText(const std::string& sha256) const;
  absl::Status Verify(const std::string& sha256) const;
  // Copies it to `file`, checked and synced; the folder of `file` is made where it is missing.
  absl::Status CopyTo(const std::string& sha256, const std::filesystem::path& file) const;

  absl::Status RemoveUnless(absl::FunctionRef<bool(const std::string& sha256)> wanted) const;

 private:
  std::filesystem::path PathOf(const std::string& sha256) const;

  const std::filesystem::path folder_;
};

}  // namespace imprint::backup

#endif  // IMPRINT_SERVER_BACKUP_BLOBS_H_
