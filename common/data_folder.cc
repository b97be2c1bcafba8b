// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "common/data_folder.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"

namespace imprint {

std::filesystem::path VersionsOf(const std::filesystem::path& data_dir) {
  return data_dir / kVersionsFolder / "default";
}

std::string VersionFolderName(int64_t number) { return absl::StrFormat("%08d", number); }

std::optional<int64_t> ParseVersionFolderName(const std::string& name) {
  int64_t number = 0;
  if (!absl::SimpleAtoi(name, &number) || number < 1 || VersionFolderName(number) != name) {
    return std::nullopt;
  }
  return number;
}

}  // namespace imprint
