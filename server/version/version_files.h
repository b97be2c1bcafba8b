// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// The directories of versions on disk: written whole or not at all, checked when read.
// Knows nothing of which version is committed or current.

#ifndef IMPRINT_SERVER_VERSION_VERSION_FILES_H_
#define IMPRINT_SERVER_VERSION_VERSION_FILES_H_

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/version/version.h"

namespace imprint::version {

// Not thread-safe for one number; different numbers do not meet.
class VersionFiles {
 public:
  // `directory` holds one directory for each version.
  VersionFiles(std::filesystem::path directory, std::string model_fingerprint);

  // Makes the directory, and removes unfinished writes and versions that `wanted` denies.
  // Names that are not a version's are left alone.
  absl::Status Prepare(absl::FunctionRef<bool(int64_t number)> wanted) const;

  // Writes the directory of `version` durably, in place of one that is there; gives its size
  // in bytes. Deltas that `parent` (may be null) has too, at the same place, are hard links to
  // the parent's files, so that every directory is complete in itself. After an error nothing
  // of it is left.
  absl::StatusOr<int64_t> Write(const Version& version, const Version* parent) const;

  // The deltas of a version, every tensor checked. DATA_LOSS names the broken file;
  // FAILED_PRECONDITION: of another model or a newer format.
  absl::StatusOr<std::vector<std::shared_ptr<const model::Adapter>>> Read(
      int64_t number, const model::ModelConfig& config, const model::Placement& placement) const;

  absl::Status Remove(int64_t number) const;

  std::filesystem::path PathOf(int64_t number) const;

 private:
  absl::Status WriteInto(const std::filesystem::path& directory, const Version& version,
                         const Version* parent) const;

  const std::filesystem::path directory_;
  const std::string model_fingerprint_;
};

}  // namespace imprint::version

#endif  // IMPRINT_SERVER_VERSION_VERSION_FILES_H_
