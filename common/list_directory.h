// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef IMPRINT_COMMON_LIST_DIRECTORY_H_
#define IMPRINT_COMMON_LIST_DIRECTORY_H_

#include <filesystem>
#include <vector>

#include "absl/status/statusor.h"

namespace imprint {

// What is in a folder, in order of name. Errors name the folder; a loop over
// directory_iterator would throw them.
absl::StatusOr<std::vector<std::filesystem::path>> ListDirectory(const std::filesystem::path& path);

}  // namespace imprint

#endif  // IMPRINT_COMMON_LIST_DIRECTORY_H_
