// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/text/prompt.h"

#include <algorithm>
#include <utility>

namespace imprint::text {

std::vector<ChatMessage> WithContexts(absl::Span<const std::string> contexts,
                                      std::vector<ChatMessage> messages) {
  if (contexts.empty()) return messages;
  std::string before;
  for (const std::string& context : contexts) before.append(context).append("\n\n");

  const auto user = std::find_if(messages.begin(), messages.end(),
                                 [](const ChatMessage& message) { return message.role == "user"; });
  if (user != messages.end()) {
    user->content.insert(0, before);
    return messages;
  }
  // After the system message, where a conversation begins.
  const auto first = std::find_if(messages.begin(), messages.end(), [](const ChatMessage& message) {
    return message.role != "system";
  });
  before.erase(before.size() - 2);  // Nothing follows within this message.
  messages.insert(first, {.role = "user", .content = std::move(before)});
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
