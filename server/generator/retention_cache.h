// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// The file that keeps retention text between starts: one line of JSON, then the records.
//
//   {"format":1,"key":"<what it was made from>","train":96,"heldout":24,"sha256":"..."}\n
//   train + heldout TargetRecords, each after its length as a varint
//
// The checksum is over all bytes after the line.

#ifndef IMPRINT_SERVER_GENERATOR_RETENTION_CACHE_H_
#define IMPRINT_SERVER_GENERATOR_RETENTION_CACHE_H_

#include <filesystem>
#include <string>

#include "absl/status/statusor.h"
#include "server/generator/retention_text.h"

namespace imprint::generator {

// NOT_FOUND: there is no file, or one of another `key` or format. DATA_LOSS: it is broken.
absl::StatusOr<RetentionText> ReadRetentionCache(const std::filesystem::path& path,
                                                 const std::string& key);
// Durable and atomic.
absl::Status WriteRetentionCache(const std::filesystem::path& path, const std::string& key,
                                 const RetentionText& text);

}  // namespace imprint::generator

#endif  // IMPRINT_SERVER_GENERATOR_RETENTION_CACHE_H_
