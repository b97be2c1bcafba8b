// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/store/rocksdb_status.h"

#include "absl/strings/str_cat.h"
#include "common/string_view.h"

namespace imprint::store {

absl::Status DamagedStore(const std::filesystem::path& path, std::string_view what) {
  return absl::DataLossError(absl::StrCat(
      "the store in ", path.string(), " is damaged: ", ToAbsl(what),
      "; restore the folder from a backup (imprint restore), see what of it can be read "
      "(imprint repair), or move it away to begin a new one"));
}

absl::Status ToStatus(const rocksdb::Status& status, const std::filesystem::path& path) {
  if (status.ok()) return absl::OkStatus();
  const std::string where = absl::StrCat("the store in ", path.string());
  if (status.IsNotFound()) return absl::NotFoundError(absl::StrCat("no such row in ", where));
  if (status.IsCorruption()) return DamagedStore(path, status.ToString());
  if (status.IsNoSpace() || status.subcode() == rocksdb::Status::kSpaceLimit) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the disk under ", where, " is full (", status.ToString(),
                     "); free some space, writes go on by themselves afterwards"));
  }
  if (status.IsNotSupported()) {
    return absl::FailedPreconditionError(
        absl::StrCat(where, " needs a newer RocksDB: ", status.ToString()));
  }
  if (status.IsInvalidArgument()) {
    return absl::InternalError(absl::StrCat(where, ": ", status.ToString()));
  }
  return absl::UnavailableError(
      absl::StrCat(where, " cannot be read or written: ", status.ToString()));
}

}  // namespace imprint::store
