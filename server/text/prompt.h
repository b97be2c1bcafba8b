// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// How a context is put before a chat: the one form that teacher, pending context and
// evaluation share.

#ifndef IMPRINT_SERVER_TEXT_PROMPT_H_
#define IMPRINT_SERVER_TEXT_PROMPT_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "server/text/chat_template.h"

namespace imprint::text {

// `messages` with the contexts, oldest first, before the first user message's content,
// each parted by an empty line. A context is the same bytes at the same place whatever
// is asked, so that its keys and values can be shared. Without a user message one is
// added.
std::vector<ChatMessage> WithContexts(absl::Span<const std::string> contexts,
                                      std::vector<ChatMessage> messages);

// A conversation as text for a prompt: "User: ...\nAssistant: ...", so that who said what
// can be asked.
std::string Transcript(absl::Span<const ChatMessage> messages);

}  // namespace imprint::text

#endif  // IMPRINT_SERVER_TEXT_PROMPT_H_
