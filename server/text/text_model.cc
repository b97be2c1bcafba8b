// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/text/text_model.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/sha256.h"
#include "common/status_macros.h"
#include "server/text/special_tokens.h"

namespace imprint::text {
namespace {

// What the meaning of token ids depends on.
absl::StatusOr<std::string> Fingerprint(const std::filesystem::path& dir) {
  Sha256 sha256;
  for (const char* name : {"tokenizer.json", "tokenizer_config.json", "chat_template.jinja",
                           "generation_config.json"}) {
    std::error_code error;
    if (!std::filesystem::exists(dir / name, error)) continue;
    sha256.UpdateField(name);
    Sha256 file;
    IMPRINT_RETURN_IF_ERROR(file.UpdateFromFile(dir / name));
    sha256.UpdateField(file.Digest());
  }
  return sha256.HexDigest();
}

// The tokenizer's own end token first, which for a chat model ends a turn; then those that
// the configuration names.
absl::StatusOr<std::vector<int32_t>> StopIds(const std::filesystem::path& dir,
                                             const Tokenizer& tokenizer,
                                             const SpecialTokens& special_tokens) {
  std::vector<int32_t> ids;
  if (!special_tokens.eos.empty()) {
    const auto id = tokenizer.IdOf(special_tokens.eos);
    if (!id.has_value()) {
      return absl::InvalidArgumentError(absl::StrCat((dir / "tokenizer_config.json").string(),
                                                     ": eos_token \"", special_tokens.eos,
                                                     "\" is no token of tokenizer.json"));
    }
    ids.push_back(*id);
  }
  for (const int32_t id : special_tokens.eos_ids) {
    if (id >= tokenizer.vocab_size()) {
      return absl::InvalidArgumentError(
          absl::StrCat(dir.string(), ": eos_token_id ", id,
                       " of generation_config.json or config.json is no "
                       "token of tokenizer.json, which has ids below ",
                       tokenizer.vocab_size()));
    }
    if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(id);
  }
  if (ids.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(dir.string(),
                     " names no end token: eos_token in tokenizer_config.json, or "
                     "eos_token_id in generation_config.json or config.json"));
  }
  return ids;
}

// What a text began with when the model was trained. A chat model's bos_token may be the
// marker of a turn, so that an end-of-text token, which parted the texts, is better.
absl::StatusOr<int32_t> TextStartId(const Tokenizer& tokenizer, const SpecialTokens& special_tokens,
                                    int32_t end_id) {
  IMPRINT_ASSIGN_OR_RETURN(
      const std::vector<int32_t> added,
      tokenizer.Encode("", /*add_special=*/true, Tokenizer::ControlTokens::kAsText));
  if (!added.empty()) return added.front();
  for (const std::string& token :
       {std::string("<|endoftext|>"), std::string("<|end_of_text|>"), special_tokens.bos}) {
    if (const auto id = tokenizer.IdOf(token); id.has_value()) return *id;
  }
  return end_id;
}

}  // namespace

absl::StatusOr<std::unique_ptr<TextModel>> TextModel::Load(const std::filesystem::path& dir) {
  auto model = absl::WrapUnique(new TextModel());
  IMPRINT_ASSIGN_OR_RETURN(const SpecialTokens special_tokens, LoadSpecialTokens(dir));
  IMPRINT_ASSIGN_OR_RETURN(model->chat_template_, ChatTemplate::Load(dir, special_tokens));
  IMPRINT_ASSIGN_OR_RETURN(model->tokenizer_,
                           Tokenizer::Load(dir, model->chat_template_->source()));
  model->control_text_ = std::make_unique<ControlTextFinder>(model->tokenizer_->control_tokens());
  IMPRINT_ASSIGN_OR_RETURN(model->stop_ids_, StopIds(dir, *model->tokenizer_, special_tokens));
  IMPRINT_ASSIGN_OR_RETURN(model->text_start_id_, TextStartId(*model->tokenizer_, special_tokens,
                                                              model->stop_ids_.front()));
  IMPRINT_ASSIGN_OR_RETURN(model->fingerprint_, Fingerprint(dir));
  return model;
}

absl::StatusOr<std::vector<int32_t>> TextModel::EncodeChat(absl::Span<const ChatMessage> messages,
                                                           bool add_generation_prompt) const {
  IMPRINT_ASSIGN_OR_RETURN(
      const std::vector<TextPiece> pieces,
      RenderInPieces(*chat_template_, *control_text_, messages, add_generation_prompt));
  std::vector<int32_t> ids;
  for (const TextPiece& piece : pieces) {
    // The template writes BOS itself where the model has one.
    IMPRINT_ASSIGN_OR_RETURN(
        const std::vector<int32_t> piece_ids,
        tokenizer_->Encode(piece.text, /*add_special=*/false,
                           piece.literal ? Tokenizer::ControlTokens::kAsText
                                         : Tokenizer::ControlTokens::kRecognise));
    ids.insert(ids.end(), piece_ids.begin(), piece_ids.end());
  }
  return ids;
}

absl::StatusOr<std::vector<int32_t>> TextModel::EncodeText(std::string_view text) const {
  return tokenizer_->Encode(text, /*add_special=*/true, Tokenizer::ControlTokens::kAsText);
}

absl::StatusOr<std::vector<int32_t>> TextModel::EncodeContinuation(std::string_view text) const {
  return tokenizer_->Encode(text, /*add_special=*/false, Tokenizer::ControlTokens::kAsText);
}

absl::StatusOr<std::string> TextModel::Decode(absl::Span<const int32_t> ids) const {
  return tokenizer_->Decode(ids, /*skip_special=*/true);
}

}  // namespace imprint::text
