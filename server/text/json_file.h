// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// The JSON files of a model folder that this room reads.

#ifndef IMPRINT_SERVER_TEXT_JSON_FILE_H_
#define IMPRINT_SERVER_TEXT_JSON_FILE_H_

#include <filesystem>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"

namespace imprint::text {

// An empty object when the file is not there. INVALID_ARGUMENT, naming the file, when it
// holds no JSON object.
absl::StatusOr<nlohmann::json> ReadJsonObject(const std::filesystem::path& path);

}  // namespace imprint::text

#endif  // IMPRINT_SERVER_TEXT_JSON_FILE_H_
