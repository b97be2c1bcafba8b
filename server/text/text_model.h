// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// All that turns text into the model's token ids and back: tokenizer, chat template
// and end tokens of one model folder.

#ifndef IMPRINT_SERVER_TEXT_TEXT_MODEL_H_
#define IMPRINT_SERVER_TEXT_TEXT_MODEL_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "server/text/chat_template.h"
#include "server/text/control_text.h"
#include "server/text/tokenizer.h"

namespace imprint::text {

// Immutable; thread-safe.
class TextModel {
 public:
  // Reads tokenizer.json, tokenizer_config.json and the end tokens of
  // generation_config.json or config.json. Errors name the file.
  static absl::StatusOr<std::unique_ptr<TextModel>> Load(const std::filesystem::path& dir);

  const Tokenizer& tokenizer() const { return *tokenizer_; }

  // Ids of a chat as the model's template renders it. Role markers and other special
  // tokens inside a message's content are encoded as plain text, never as control tokens.
  absl::StatusOr<std::vector<int32_t>> EncodeChat(absl::Span<const ChatMessage> messages,
                                                  bool add_generation_prompt) const;
  // Plain text, beginning as the tokenizer begins a text (BOS where it adds one); special
  // tokens within are plain text.
  absl::StatusOr<std::vector<int32_t>> EncodeText(std::string_view text) const;
  // The same without BOS: the continuation of something.
  absl::StatusOr<std::vector<int32_t>> EncodeContinuation(std::string_view text) const;
  // Special tokens are left out.
  absl::StatusOr<std::string> Decode(absl::Span<const int32_t> ids) const;

  // Ids that end an answer; the first one is the end of a turn.
  const std::vector<int32_t>& stop_ids() const { return stop_ids_; }
  // What a plain text begins with when nothing precedes it: BOS, or the end-of-text token
  // where the model has none; a student's prompt for plain text is never empty.
  int32_t text_start_id() const { return text_start_id_; }
  // SHA-256 (hex) over the files read.
  const std::string& fingerprint() const { return fingerprint_; }

 private:
  TextModel() = default;

  std::unique_ptr<Tokenizer> tokenizer_;
  std::unique_ptr<ChatTemplate> chat_template_;
  std::unique_ptr<ControlTextFinder> control_text_;
  std::vector<int32_t> stop_ids_;
  int32_t text_start_id_ = 0;
  std::string fingerprint_;
};

}  // namespace imprint::text

#endif  // IMPRINT_SERVER_TEXT_TEXT_MODEL_H_
