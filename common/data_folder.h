// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Where things are in a server's data folder (server/README.md, "On disk"): for the rooms that
// write them, and for backups, restore and repair, which know no room's insides.

#ifndef IMPRINT_COMMON_DATA_FOLDER_H_
#define IMPRINT_COMMON_DATA_FOLDER_H_

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace imprint {

// Within --data_dir.
inline constexpr char kStoreFolder[] = "db";
inline constexpr char kVersionsFolder[] = "versions";  // has a folder for each namespace
inline constexpr char kRetentionCacheFile[] = "retention.cache";

// <data_dir>/versions/default: has a folder for each version.
std::filesystem::path VersionsOf(const std::filesystem::path& data_dir);

// The name of a version's folder: eight digits, or more.
std::string VersionFolderName(int64_t number);
// nullopt: VersionFolderName makes no such name.
std::optional<int64_t> ParseVersionFolderName(const std::string& name);

}  // namespace imprint

#endif  // IMPRINT_COMMON_DATA_FOLDER_H_
