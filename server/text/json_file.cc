// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/text/json_file.h"

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/file_util.h"
#include "common/json.h"

namespace imprint::text {

absl::StatusOr<nlohmann::json> ReadJsonObject(const std::filesystem::path& path) {
  const absl::StatusOr<std::string> contents = ReadFile(path);
  if (absl::IsNotFound(contents.status())) return nlohmann::json::object();
  if (!contents.ok()) return contents.status();
  nlohmann::json json = ParseJson(*contents);
  if (!json.is_object()) {
    return absl::InvalidArgumentError(absl::StrCat(path.string(), " holds no JSON object"));
  }
  return json;
}

}  // namespace imprint::text
