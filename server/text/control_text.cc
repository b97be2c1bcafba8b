// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/text/control_text.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/sha256.h"
#include "common/status_macros.h"

namespace imprint::text {
namespace {

// Bytes [begin, end) of a rendered text.
struct Range {
  size_t begin = 0;
  size_t end = 0;
};

// Names for placeholders that are tried until one occurs in no message.
constexpr int kMaxTries = 4;

// A number that nobody can name in a message: it changes with whatever they say. The same
// for the same messages.
uint64_t Nonce(absl::Span<const ChatMessage> messages, int attempt) {
  Sha256 sha256;
  sha256.UpdateField(std::to_string(attempt));
  for (const ChatMessage& message : messages) {
    sha256.UpdateField(message.role);
    sha256.UpdateField(message.content);
  }
  const std::string digest = sha256.Digest();
  uint64_t nonce = 0;
  std::memcpy(&nonce, digest.data(), sizeof(nonce));
  return nonce;
}

// What placeholders begin with: in no message.
absl::StatusOr<std::string> ChooseOpening(absl::Span<const ChatMessage> messages) {
  for (int attempt = 0; attempt < kMaxTries; ++attempt) {
    const std::string opening = absl::StrCat("\xEE\x80\x80", Nonce(messages, attempt), ".");
    const auto contains_opening = [&opening](const ChatMessage& message) {
      return message.content.find(opening) != std::string::npos ||
             message.role.find(opening) != std::string::npos;
    };
    if (std::none_of(messages.begin(), messages.end(), contains_opening)) return opening;
  }
  return absl::InvalidArgumentError(
      "a message contains the text of a control token and what would stand for it");
}

// Stands for hidden texts. A placeholder is "\u{E000}<nonce>.<index>\u{E001}", of two
// characters for private use and a nonce that no message contains, so that it is found again
// and none is mistaken for it.
class Placeholders {
 public:
  explicit Placeholders(std::string opening) : opening_(std::move(opening)) {}

  std::string Hide(const ControlTextFinder& finder, const std::string& text) {
    std::string result;
    size_t position = 0;
    for (auto match = finder.Find(text, 0); match.size > 0; match = finder.Find(text, position)) {
      result.append(text, position, match.begin - position);
      result.append(opening_).append(std::to_string(hidden_.size())).append(kClosing);
      hidden_.push_back(text.substr(match.begin, match.size));
      position = match.begin + match.size;
    }
    return result.append(text, position);
  }

  // Puts the hidden texts back; `ranges` says where they are.
  absl::StatusOr<std::string> Restore(const std::string& rendered,
                                      std::vector<Range>& ranges) const {
    std::string result;
    size_t position = 0;
    while (true) {
      const size_t found = rendered.find(opening_, position);
      if (found == std::string::npos) break;
      size_t cursor = found + opening_.size();
      size_t index = 0;
      for (; cursor < rendered.size() && rendered[cursor] >= '0' && rendered[cursor] <= '9' &&
             index <= hidden_.size();
           ++cursor) {
        index = index * 10 + static_cast<size_t>(rendered[cursor] - '0');
      }
      if (rendered.compare(cursor, kClosing.size(), kClosing) != 0 || index >= hidden_.size()) {
        return absl::InvalidArgumentError(
            "a message contains the text of a control token, and the chat template changes it");
      }
      result.append(rendered, position, found - position);
      ranges.push_back({result.size(), result.size() + hidden_[index].size()});
      result.append(hidden_[index]);
      position = cursor + kClosing.size();
    }
    return result.append(rendered, position);
  }

 private:
  static constexpr std::string_view kClosing = "\xEE\x80\x81";

  const std::string opening_;
  std::vector<std::string> hidden_;
};

// The control tokens in `text` that the template wrote: those that share no byte with a
// hidden text.
std::vector<Range> TemplateTokens(const ControlTextFinder& finder, std::string_view text,
                                  const std::vector<Range>& hidden) {
  std::vector<Range> tokens;
  size_t position = 0;
  auto next_hidden = hidden.begin();
  for (auto match = finder.Find(text, 0); match.size > 0; match = finder.Find(text, position)) {
    while (next_hidden != hidden.end() && next_hidden->end <= match.begin) ++next_hidden;
    if (next_hidden != hidden.end() && next_hidden->begin < match.begin + match.size) {
      position = std::max(match.begin + 1, next_hidden->end);
      continue;
    }
    position = match.begin + match.size;
    tokens.push_back({match.begin, position});
  }
  return tokens;
}

}  // namespace

ControlTextFinder::ControlTextFinder(std::vector<std::string> tokens) : tokens_(std::move(tokens)) {
  for (const std::string& token : tokens_) begins_[static_cast<uint8_t>(token.front())] = true;
}

ControlTextFinder::Match ControlTextFinder::Find(std::string_view text, size_t from) const {
  for (size_t begin = from; begin < text.size(); ++begin) {
    if (!begins_[static_cast<uint8_t>(text[begin])]) continue;
    for (const std::string& token : tokens_) {
      if (text.compare(begin, token.size(), token) == 0) return {begin, token.size()};
    }
  }
  return {};
}

absl::StatusOr<std::vector<TextPiece>> RenderInPieces(const ChatTemplate& chat_template,
                                                      const ControlTextFinder& finder,
                                                      absl::Span<const ChatMessage> messages,
                                                      bool add_generation_prompt) {
  const auto is_suspect = [&finder](const ChatMessage& message) {
    return finder.OccursIn(message.content) || finder.OccursIn(message.role);
  };
  if (std::none_of(messages.begin(), messages.end(), is_suspect)) {
    IMPRINT_ASSIGN_OR_RETURN(std::string text,
                             chat_template.Render(messages, add_generation_prompt));
    return std::vector<TextPiece>{{std::move(text), /*literal=*/false}};
  }

  IMPRINT_ASSIGN_OR_RETURN(std::string opening, ChooseOpening(messages));
  Placeholders placeholders(std::move(opening));
  std::vector<ChatMessage> safe_messages;
  safe_messages.reserve(messages.size());
  for (const ChatMessage& message : messages) {
    safe_messages.push_back({.role = placeholders.Hide(finder, message.role),
                             .content = placeholders.Hide(finder, message.content)});
  }
  IMPRINT_ASSIGN_OR_RETURN(const std::string rendered,
                           chat_template.Render(safe_messages, add_generation_prompt));
  std::vector<Range> hidden;
  IMPRINT_ASSIGN_OR_RETURN(const std::string text, placeholders.Restore(rendered, hidden));
  const std::vector<Range> tokens = TemplateTokens(finder, text, hidden);

  // A tokenizer cuts the text at control tokens before all else, so that encoding a stretch
  // between two of them by itself changes nothing beside it.
  std::vector<TextPiece> pieces;
  size_t position = 0;
  auto token = tokens.begin();
  for (const Range& range : hidden) {
    if (range.begin < position) continue;  // In the stretch of the one before.
    size_t begin = position;
    for (; token != tokens.end() && token->end <= range.begin; ++token) begin = token->end;
    const size_t end = token == tokens.end() ? text.size() : token->begin;
    if (begin > position) pieces.push_back({text.substr(position, begin - position), false});
    pieces.push_back({text.substr(begin, end - begin), true});
    position = end;
  }
  if (position < text.size()) pieces.push_back({text.substr(position), false});
  return pieces;
}

}  // namespace imprint::text
