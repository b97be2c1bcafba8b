// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/engine/chat.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "server/engine/stop_matcher.h"
#include "server/text/stream_decoder.h"

namespace imprint::engine {
namespace {

// Tokens of an answer where the asker does not say.
constexpr int64_t kDefaultMaxTokens = 256;

// One answer on its way from tokens to text; on the engine's thread alone.
class Answer {
 public:
  Answer(const text::Tokenizer* tokenizer, std::vector<std::string> stop, int32_t prompt_tokens,
         ChatCallbacks callbacks)
      : decoder_(tokenizer), stop_(std::move(stop)), callbacks_(std::move(callbacks)) {
    usage_.prompt_tokens = prompt_tokens;
  }

  bool OnToken(int32_t token) {
    ++usage_.output_tokens;
    absl::StatusOr<std::string> piece = decoder_.Push(token);
    if (!piece.ok()) {
      failure_ = std::move(piece).status();
      return false;
    }
    Give(stop_.Push(*piece));
    return failure_.ok() && !stop_.stopped();
  }

  void OnDone(const absl::StatusOr<GenerateResult>& result) {
    if (!result.ok()) return callbacks_.on_done(result.status(), FinishReason::kStop, usage_);
    FinishReason reason = result->finish_reason;
    if (failure_.ok() && !stop_.stopped()) {
      absl::StatusOr<std::string> rest = decoder_.Finish();
      if (rest.ok()) {
        Give(stop_.Push(*rest) + stop_.Flush());
      } else {
        failure_ = std::move(rest).status();
      }
    }
    if (stop_.stopped()) reason = FinishReason::kStop;
    callbacks_.on_done(failure_, reason, usage_);
  }

 private:
  void Give(std::string text) {
    if (text.empty() || callbacks_.on_text(std::move(text))) return;
    failure_ = absl::CancelledError("the reader took no more text");
  }

  text::StreamDecoder decoder_;
  StopMatcher stop_;
  const ChatCallbacks callbacks_;
  ChatUsage usage_;
  absl::Status failure_;
};

}  // namespace

absl::StatusOr<RequestHandle> Chat::Start(ChatRequest request, ChatCallbacks callbacks) const {
  const std::vector<text::ChatMessage> messages =
      text::WithContexts(request.contexts, std::move(request.messages));
  GenerateRequest generate;
  IMPRINT_ASSIGN_OR_RETURN(generate.prompt,
                           text_->EncodeChat(messages, /*add_generation_prompt=*/true));
  const int64_t window = request.version->weights->config.max_positions;
  const auto prompt_tokens = static_cast<int64_t>(generate.prompt.size());
  if (prompt_tokens >= window) {
    return absl::InvalidArgumentError(absl::StrCat("the messages take ", prompt_tokens,
                                                   " tokens; the model's window is ", window,
                                                   " and must hold an answer too"));
  }
  const int64_t wanted = request.max_tokens > 0 ? request.max_tokens : kDefaultMaxTokens;
  generate.max_tokens = static_cast<int32_t>(std::min(wanted, window - prompt_tokens));
  generate.version = std::move(request.version);
  generate.sampling = request.sampling;
  generate.stop_ids = text_->stop_ids();
  generate.deadline = request.deadline;

  auto answer = std::make_shared<Answer>(&text_->tokenizer(), std::move(request.stop),
                                         static_cast<int32_t>(prompt_tokens), std::move(callbacks));
  GenerateCallbacks generate_callbacks;
  generate_callbacks.on_token = [answer](int32_t token) { return answer->OnToken(token); };
  generate_callbacks.on_done = [answer](const absl::StatusOr<GenerateResult>& result) {
    answer->OnDone(result);
  };
  return engine_->Generate(std::move(generate), std::move(generate_callbacks));
}

}  // namespace imprint::engine
