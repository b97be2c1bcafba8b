// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/text/tokenizer.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/file_util.h"
#include "common/status_macros.h"
#include "nlohmann/json.hpp"
#include "server/text/rust_handle.h"

namespace imprint::text {

void Tokenizer::Free::operator()(ImprintTextTokenizer* tokenizer) const {
  imprint_text_tokenizer_free(tokenizer);
}

Tokenizer::~Tokenizer() = default;

absl::StatusOr<std::unique_ptr<Tokenizer>> Tokenizer::Load(const std::filesystem::path& dir,
                                                           std::string_view chat_template) {
  const std::filesystem::path path = dir / "tokenizer.json";
  IMPRINT_ASSIGN_OR_RETURN(const std::string json, ReadFile(path));

  auto tokenizer = absl::WrapUnique(new Tokenizer());
  ImprintTextTokenizer* handle = nullptr;
  ImprintTextBytes error{};
  if (imprint_text_tokenizer_new(json.data(), json.size(), chat_template.data(),
                                 chat_template.size(), &handle, &error) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(path.string(), " is no tokenizer that can be read: ", TakeBytes(error)));
  }
  tokenizer->tokenizer_.reset(handle);

  ImprintTextBytes out{};
  if (imprint_text_vocabulary(handle, &out, &error) != 0) {
    return absl::InvalidArgumentError(absl::StrCat(path.string(), ": ", TakeBytes(error)));
  }
  const nlohmann::json vocabulary = nlohmann::json::parse(TakeBytes(out));
  const auto size = vocabulary.at("size").get<int64_t>();
  if (size < 1 || size > std::numeric_limits<int32_t>::max()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path.string(), " has ids up to ", size - 1, ", which no model has"));
  }
  tokenizer->vocab_size_ = static_cast<int32_t>(size);
  for (const nlohmann::json& token : vocabulary.at("added")) {
    if (!token.at("control").get<bool>()) continue;
    tokenizer->control_ids_.insert(token.at("id").get<int32_t>());
    tokenizer->control_tokens_.push_back(token.at("content").get<std::string>());
  }
  std::stable_sort(tokenizer->control_tokens_.begin(), tokenizer->control_tokens_.end(),
                   [](const std::string& a, const std::string& b) { return a.size() > b.size(); });
  return tokenizer;
}

absl::StatusOr<std::vector<int32_t>> Tokenizer::Encode(std::string_view text, bool add_special,
                                                       ControlTokens control_tokens) const {
  const bool as_text = control_tokens == ControlTokens::kAsText;
  const auto encode = [&](std::string_view piece,
                          bool special) -> absl::StatusOr<std::vector<int32_t>> {
    ImprintTextIds ids{};
    ImprintTextBytes error{};
    if (imprint_text_encode(tokenizer_.get(), piece.data(), piece.size(), special, as_text, &ids,
                            &error) != 0) {
      return absl::InvalidArgumentError(absl::StrCat("cannot tokenise: ", TakeBytes(error)));
    }
    return TakeIds(ids);
  };
  IMPRINT_ASSIGN_OR_RETURN(std::vector<int32_t> ids, encode(text, add_special));
  if (!as_text) return ids;

  // A vocabulary may hold a control token's text as an ordinary piece of the same id. What
  // the tokenizer adds by itself is not meant.
  const auto control = [this](int32_t id) { return IsControl(id); };
  auto found = std::count_if(ids.begin(), ids.end(), control);
  if (found > 0 && add_special) {
    IMPRINT_ASSIGN_OR_RETURN(const std::vector<int32_t> added, encode("", true));
    found -= std::count_if(added.begin(), added.end(), control);
  }
  if (found > 0) {
    return absl::InvalidArgumentError(
        "the text contains a control token of the model, which this tokenizer cannot write as "
        "ordinary text");
  }
  return ids;
}

absl::StatusOr<std::string> Tokenizer::Decode(absl::Span<const int32_t> ids,
                                              bool skip_special) const {
  for (const int32_t id : ids) {
    if (id < 0) return absl::InvalidArgumentError(absl::StrCat("token id ", id, " is negative"));
  }
  ImprintTextBytes text{};
  ImprintTextBytes error{};
  if (imprint_text_decode(tokenizer_.get(), reinterpret_cast<const uint32_t*>(ids.data()),
                          ids.size(), skip_special, &text, &error) != 0) {
    return absl::InternalError(absl::StrCat("cannot decode tokens: ", TakeBytes(error)));
  }
  return TakeBytes(text);
}

std::optional<int32_t> Tokenizer::IdOf(std::string_view token) const {
  const int64_t id = imprint_text_token_to_id(tokenizer_.get(), token.data(), token.size());
  if (id < 0) return std::nullopt;
  return static_cast<int32_t>(id);
}

}  // namespace imprint::text
