// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// From RocksDB's errors to canonical ones.

#ifndef IMPRINT_SERVER_STORE_ROCKSDB_STATUS_H_
#define IMPRINT_SERVER_STORE_ROCKSDB_STATUS_H_

#include <filesystem>
#include <string_view>

#include "absl/status/status.h"
#include "rocksdb/status.h"

namespace imprint::store {

// DATA_LOSS for corruption, RESOURCE_EXHAUSTED for a full disk, UNAVAILABLE for other
// errors of reading and writing. `path` is the store's folder; the message names it and
// the way out.
absl::Status ToStatus(const rocksdb::Status& status, const std::filesystem::path& path);

// DATA_LOSS that says what is wrong with the store at `path`, and the way out.
absl::Status DamagedStore(const std::filesystem::path& path, std::string_view what);

}  // namespace imprint::store

#endif  // IMPRINT_SERVER_STORE_ROCKSDB_STATUS_H_
