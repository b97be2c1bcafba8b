// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Files that must survive a crash. All errors name the path; a full disk is
// RESOURCE_EXHAUSTED, a missing file NOT_FOUND.

#ifndef IMPRINT_COMMON_FILE_UTIL_H_
#define IMPRINT_COMMON_FILE_UTIL_H_

#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace imprint {

// The whole file.
absl::StatusOr<std::string> ReadFile(const std::filesystem::path& path);

// `path` holds either what it held before or all of `contents`, whatever happens: written
// beside it as "<path>.tmp", synced, renamed, and the folder synced.
absl::Status WriteFileAtomically(const std::filesystem::path& path, std::string_view contents,
                                 mode_t mode = 0600);

inline constexpr size_t kMaxSecretBytes = size_t{1} << 20;

// The whole file, of at most kMaxSecretBytes. FAILED_PRECONDITION where every user of the machine
// may read or write it, or its group may write it, or it is no regular file. Its group may read it:
// so a container's volume hands a secret over.
absl::StatusOr<std::string> ReadSecret(const std::filesystem::path& path);

// Makes a new file, mode 0600, and makes it durable. ALREADY_EXISTS where something has that name,
// even a link that leads nowhere.
absl::Status WriteNewSecret(const std::filesystem::path& path, std::string_view contents);

// Makes what was written into the file durable.
absl::Status SyncFile(const std::filesystem::path& path);

// Makes what was created, renamed or removed in the folder durable.
absl::Status SyncDirectory(const std::filesystem::path& path);

// Makes the folder and those above it that are missing, mode 0700, durably. A folder that
// is there stays as it is. FAILED_PRECONDITION when something else has that name.
absl::Status MakePrivateDirectories(const std::filesystem::path& path);

// Takes a folder's permissions from users who are neither its owner nor of its group. Errors where
// they have some and it is somebody else's folder.
absl::Status CloseToOthers(const std::filesystem::path& path);

// Removes a file or a folder with all that is in it; OK when there is nothing. Links are
// removed, not followed. Not synced.
absl::Status RemoveTree(const std::filesystem::path& path);

}  // namespace imprint

#endif  // IMPRINT_COMMON_FILE_UTIL_H_
