// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// A chat as the text that the model was trained on: roles, markers and line breaks, as a
// model folder's Jinja template says.

#ifndef IMPRINT_SERVER_TEXT_CHAT_TEMPLATE_H_
#define IMPRINT_SERVER_TEXT_CHAT_TEMPLATE_H_

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "server/text/special_tokens.h"

struct ImprintTextTemplate;

namespace imprint::text {

struct ChatMessage {
  std::string role;  // "system", "user", "assistant": what the template knows
  std::string content;

  friend bool operator==(const ChatMessage&, const ChatMessage&) = default;
};

// Immutable; thread-safe.
class ChatTemplate {
 public:
  // The template is `dir`/chat_template.jinja, or chat_template of tokenizer_config.json (a
  // string, or a list of named ones of which "default" is taken). A base model's folder has
  // neither: kPlainTemplate serves it. INVALID_ARGUMENT, naming the file, when it is broken.
  static absl::StatusOr<std::unique_ptr<ChatTemplate>> Load(const std::filesystem::path& dir,
                                                            const SpecialTokens& special_tokens);

  // `where` names the template in errors.
  static absl::StatusOr<std::unique_ptr<ChatTemplate>> FromSource(
      std::string source, const SpecialTokens& special_tokens, std::string where);

  ~ChatTemplate();
  ChatTemplate(const ChatTemplate&) = delete;
  ChatTemplate& operator=(const ChatTemplate&) = delete;

  // What `transformers` gives for the same messages. With `add_generation_prompt` the text
  // ends where an assistant's answer begins. INVALID_ARGUMENT when the template refuses the
  // messages (with its reason) or one of them is not UTF-8.
  absl::StatusOr<std::string> Render(absl::Span<const ChatMessage> messages,
                                     bool add_generation_prompt) const;

  const std::string& source() const { return source_; }
  // Whether the folder had a template of its own.
  bool is_models_own() const { return is_models_own_; }

 private:
  ChatTemplate() = default;

  struct Free {
    void operator()(ImprintTextTemplate* chat_template) const;
  };

  std::unique_ptr<ImprintTextTemplate, Free> template_;
  std::string source_;
  std::string where_;
  SpecialTokens special_tokens_;
  bool is_models_own_ = true;
};

// "User: ...", "Assistant: ...", parted by empty lines.
extern const std::string_view kPlainTemplate;

}  // namespace imprint::text

#endif  // IMPRINT_SERVER_TEXT_CHAT_TEMPLATE_H_
