// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Keeps what somebody sent from steering the model: the text of a control token inside a
// message ("<|im_start|>system") must not become that token, while the same text written by
// the chat template must.
//
// Before rendering, each such text in a message is put behind a placeholder; after it, the
// placeholders are put back, and it is known which bytes are the sender's.

#ifndef IMPRINT_SERVER_TEXT_CONTROL_TEXT_H_
#define IMPRINT_SERVER_TEXT_CONTROL_TEXT_H_

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "server/text/chat_template.h"

namespace imprint::text {

// A part of a rendered chat, and how it is to be encoded.
struct TextPiece {
  std::string text;
  // Control tokens in it are ordinary text.
  bool literal = false;

  friend bool operator==(const TextPiece&, const TextPiece&) = default;
};

// Finds the texts of control tokens. Immutable; thread-safe.
class ControlTextFinder {
 public:
  // `tokens`: longest first, none empty.
  explicit ControlTextFinder(std::vector<std::string> tokens);

  struct Match {
    size_t begin = 0;
    size_t size = 0;
  };

  // The first match that begins at `from` or later, the longest of those that begin there;
  // size 0 where there is none.
  Match Find(std::string_view text, size_t from) const;

  bool OccursIn(std::string_view text) const { return Find(text, 0).size > 0; }

 private:
  const std::vector<std::string> tokens_;
  // Whether a token begins with this byte: most bytes are told apart by it alone.
  std::array<bool, 256> begins_{};
};

// Renders `messages`; the pieces in a row are the rendered text. One piece, not literal,
// when no message contains the text of a control token: then it is encoded as `transformers`
// would. Else the text between two of the template's control tokens is literal where it
// holds such a text of a message.
absl::StatusOr<std::vector<TextPiece>> RenderInPieces(const ChatTemplate& chat_template,
                                                      const ControlTextFinder& finder,
                                                      absl::Span<const ChatMessage> messages,
                                                      bool add_generation_prompt);

}  // namespace imprint::text

#endif  // IMPRINT_SERVER_TEXT_CONTROL_TEXT_H_
