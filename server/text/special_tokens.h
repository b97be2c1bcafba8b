// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// The tokens with a name, which a model folder keeps in three files: their texts in
// tokenizer_config.json, the ids that end an answer also in generation_config.json and
// config.json.

#ifndef IMPRINT_SERVER_TEXT_SPECIAL_TOKENS_H_
#define IMPRINT_SERVER_TEXT_SPECIAL_TOKENS_H_

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace imprint::text {

struct SpecialTokens {
  // Empty where the model has none.
  std::string bos;
  std::string eos;
  std::string pad;
  std::string unk;
  // eos_token_id of generation_config.json, then of config.json, each once.
  std::vector<int32_t> eos_ids;
};

// A file that is not there has nothing to say. INVALID_ARGUMENT, naming file and field,
// when one is no JSON object or a field has another type.
absl::StatusOr<SpecialTokens> LoadSpecialTokens(const std::filesystem::path& dir);

}  // namespace imprint::text

#endif  // IMPRINT_SERVER_TEXT_SPECIAL_TOKENS_H_
