// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// A chat turn: messages in, text out, over the engine's tokens.

#ifndef IMPRINT_SERVER_ENGINE_CHAT_H_
#define IMPRINT_SERVER_ENGINE_CHAT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/engine/engine.h"
#include "server/text/prompt.h"
#include "server/text/text_model.h"

namespace imprint::engine {

struct ChatRequest {
  SharedVersion version;  // not null
  std::vector<text::ChatMessage> messages;
  // Put before the first user message, oldest first, as in a teacher's prompt.
  std::vector<std::string> contexts;
  // 0: 256. No more than the model's window leaves.
  int32_t max_tokens = 0;
  SamplingOptions sampling;
  // Generation ends before the first of these.
  std::vector<std::string> stop;
  absl::Time deadline = absl::InfiniteFuture();
};

struct ChatUsage {
  int32_t prompt_tokens = 0;
  int32_t output_tokens = 0;
};

// Called on the engine's thread; must not block.
struct ChatCallbacks {
  // Whole UTF-8 characters; never a part of a stop string. False ends the chat with
  // CANCELLED (a reader too slow for its outbox).
  std::function<bool(std::string text)> on_text;
  std::function<void(absl::Status, FinishReason, ChatUsage)> on_done;
};

// Thread-safe. `engine` and `text` outlive it.
class Chat {
 public:
  Chat(Engine* engine, const text::TextModel* text) : engine_(engine), text_(text) {}

  // INVALID_ARGUMENT: the messages fill the model's window. Else as Engine::Generate.
  absl::StatusOr<RequestHandle> Start(ChatRequest request, ChatCallbacks callbacks) const;

 private:
  Engine* const engine_;
  const text::TextModel* const text_;
};

}  // namespace imprint::engine

#endif  // IMPRINT_SERVER_ENGINE_CHAT_H_
