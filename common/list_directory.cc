// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "common/list_directory.h"

#include <algorithm>
#include <system_error>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace imprint {

absl::StatusOr<std::vector<std::filesystem::path>> ListDirectory(
    const std::filesystem::path& path) {
  std::vector<std::filesystem::path> children;
  std::error_code error;
  std::filesystem::directory_iterator entry(path, error);
  while (!error && entry != std::filesystem::directory_iterator()) {
    children.push_back(entry->path());
    entry.increment(error);
  }
  if (error) return absl::ErrnoToStatus(error.value(), absl::StrCat("list ", path.string()));
  std::sort(children.begin(), children.end());
  return children;
}

}  // namespace imprint
