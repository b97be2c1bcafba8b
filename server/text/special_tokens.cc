// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/text/special_tokens.h"

#include <algorithm>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "nlohmann/json.hpp"
#include "server/text/json_file.h"

namespace imprint::text {
namespace {

// A token is written as its text, or as an object with its text and settings.
absl::Status ReadToken(const std::filesystem::path& path, const nlohmann::json& config,
                       const char* field, std::string& token) {
  const auto found = config.find(field);
  if (found == config.end() || found->is_null()) return absl::OkStatus();
  const nlohmann::json& value =
      found->is_object() && found->contains("content") ? found->at("content") : *found;
  if (!value.is_string()) {
    return absl::InvalidArgumentError(absl::StrCat(path.string(), ": ", field, " is no token"));
  }
  token = value.get<std::string>();
  return absl::OkStatus();
}

absl::Status ReadEosIds(const std::filesystem::path& path, std::vector<int32_t>& ids) {
  IMPRINT_ASSIGN_OR_RETURN(const nlohmann::json config, ReadJsonObject(path));
  const auto found = config.find("eos_token_id");
  if (found == config.end() || found->is_null()) return absl::OkStatus();
  const nlohmann::json list = found->is_array() ? *found : nlohmann::json::array({*found});
  for (const nlohmann::json& value : list) {
    if (!value.is_number_integer() || value < 0 || value > std::numeric_limits<int32_t>::max()) {
      return absl::InvalidArgumentError(absl::StrCat(
          path.string(), ": eos_token_id is ", found->dump(-1, ' ', true), ", not a token id"));
    }
    const auto id = value.get<int32_t>();
    if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(id);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SpecialTokens> LoadSpecialTokens(const std::filesystem::path& dir) {
  SpecialTokens tokens;
  const std::filesystem::path path = dir / "tokenizer_config.json";
  IMPRINT_ASSIGN_OR_RETURN(const nlohmann::json config, ReadJsonObject(path));
  IMPRINT_RETURN_IF_ERROR(ReadToken(path, config, "bos_token", tokens.bos));
  IMPRINT_RETURN_IF_ERROR(ReadToken(path, config, "eos_token", tokens.eos));
  IMPRINT_RETURN_IF_ERROR(ReadToken(path, config, "pad_token", tokens.pad));
  IMPRINT_RETURN_IF_ERROR(ReadToken(path, config, "unk_token", tokens.unk));
  IMPRINT_RETURN_IF_ERROR(ReadEosIds(dir / "generation_config.json", tokens.eos_ids));
  IMPRINT_RETURN_IF_ERROR(ReadEosIds(dir / "config.json", tokens.eos_ids));
  return tokens;
}

}  // namespace imprint::text
