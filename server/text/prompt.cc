// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/text/prompt.h"

#include "absl/strings/str_join.h"

namespace imprint::text {

std::vector<ChatMessage> WithContexts(absl::Span<const std::string> contexts,
                                      std::vector<ChatMessage> messages) {
  if (contexts.empty()) return messages;
  const bool has_system = !messages.empty() && messages.front().role == "system";
  const std::vector<ChatMessage> turn = {
      {.role = "user", .content = absl::StrJoin(contexts, "\n\n")},
      {.role = "assistant", .content = "Thank you. I will remember this."}};
  messages.insert(messages.begin() + (has_system ? 1 : 0), turn.begin(), turn.end());
  return messages;
}

std::string Transcript(absl::Span<const ChatMessage> messages) {
  std::string text;
  for (const ChatMessage& message : messages) {
    if (!text.empty()) text.push_back('\n');
    std::string role = message.role;
    if (!role.empty() && role[0] >= 'a' && role[0] <= 'z') {
      role[0] = static_cast<char>(role[0] - 'a' + 'A');
    }
    text.append(role).append(": ").append(message.content);
  }
  return text;
}

}  // namespace imprint::text
