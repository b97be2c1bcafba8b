// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/engine/make_task.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "common/status_macros.h"

namespace imprint::engine {
namespace {

absl::Status CheckIds(absl::Span<const int32_t> ids, int64_t vocab, absl::string_view what) {
  for (const int32_t id : ids) {
    if (id >= 0 && id < vocab) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        what, " has token id ", id, "; the model's vocabulary has ", vocab, " tokens"));
  }
  return absl::OkStatus();
}

absl::Status CheckSampling(const SamplingOptions& sampling) {
  if (!(sampling.temperature >= 0) || std::isinf(sampling.temperature)) {
    return absl::InvalidArgumentError(
        absl::StrCat("temperature is ", sampling.temperature, "; it must be 0 or more"));
  }
  if (!(sampling.top_p >= 0 && sampling.top_p <= 1)) {
    return absl::InvalidArgumentError(
        absl::StrCat("top_p is ", sampling.top_p, "; it must lie between 0 and 1"));
  }
  if (sampling.top_k < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("top_k is ", sampling.top_k, "; it must be 0 or more"));
  }
  return absl::OkStatus();
}

// `need` tokens in all, of which `added` come after the prompt.
absl::Status CheckRoom(int64_t prompt, int64_t added, absl::string_view what, int64_t window,
                       int64_t kv_tokens) {
  if (prompt + added > window) {
    return absl::InvalidArgumentError(absl::StrCat("prompt (", prompt, " tokens) and ", what, " (",
                                                   added, ") exceed the model's window of ", window,
                                                   " tokens"));
  }
  if (prompt + added > kv_tokens) {
    return absl::InvalidArgumentError(absl::StrCat("prompt (", prompt, " tokens) and ", what, " (",
                                                   added, ") exceed the limit of ", kv_tokens,
                                                   " tokens (--serve.kv_tokens)"));
  }
  return absl::OkStatus();
}

absl::Status CheckPrompt(const std::vector<int32_t>& prompt, int32_t shared_prefix, int64_t vocab) {
  if (prompt.empty()) return absl::InvalidArgumentError("prompt is empty");
  if (shared_prefix < 0 || shared_prefix > static_cast<int64_t>(prompt.size())) {
    return absl::InvalidArgumentError(absl::StrCat("shared_prefix is ", shared_prefix,
                                                   "; the prompt has ", prompt.size(), " tokens"));
  }
  return CheckIds(prompt, vocab, "prompt");
}

template <typename Request>
std::unique_ptr<Task> MakeTask(Request& request) {
  auto task = std::make_unique<Task>();
  task->version = std::move(request.version);
  task->priority = request.priority;
  task->deadline = request.deadline;
  task->tokens = std::move(request.prompt);
  task->prompt_length = task->length();
  task->shared_prefix = std::min<int64_t>(request.shared_prefix, task->prompt_length - 1);
  task->prefix_hash = absl::Hash<absl::Span<const int32_t>>{}(task->prefix());
  return task;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Task>> MakeGenerateTask(GenerateRequest request,
                                                       GenerateCallbacks callbacks,
                                                       int64_t kv_tokens) {
  const model::ModelConfig& config = request.version->weights->config;
  IMPRINT_RETURN_IF_ERROR(CheckPrompt(request.prompt, request.shared_prefix, config.vocab_size));
  IMPRINT_RETURN_IF_ERROR(CheckSampling(request.sampling));
  const auto prompt_length = static_cast<int64_t>(request.prompt.size());
  int64_t max_tokens = request.max_tokens;
  if (max_tokens <= 0) {
    max_tokens = std::max<int64_t>(1, std::min(config.max_positions, kv_tokens) - prompt_length);
  }
  IMPRINT_RETURN_IF_ERROR(
      CheckRoom(prompt_length, max_tokens, "max_tokens", config.max_positions, kv_tokens));

  std::unique_ptr<Task> task = MakeTask(request);
  // The last token is given out, never read.
  task->kv_reservation = prompt_length + max_tokens - 1;
  task->tokens.reserve(prompt_length + max_tokens);
  Generation generation;
  generation.sampling = request.sampling;
  generation.max_tokens = static_cast<int32_t>(max_tokens);
  generation.stop_ids = std::move(request.stop_ids);
  generation.callbacks = std::move(callbacks);
  task->work = std::move(generation);
  return task;
}

absl::StatusOr<std::unique_ptr<Task>> MakeScoreTask(
    ScoreRequest request, std::function<void(absl::StatusOr<ScoreResult>)> on_done,
    int64_t kv_tokens) {
  const model::ModelConfig& config = request.version->weights->config;
  IMPRINT_RETURN_IF_ERROR(CheckPrompt(request.prompt, request.shared_prefix, config.vocab_size));
  IMPRINT_RETURN_IF_ERROR(CheckIds(request.target, config.vocab_size, "target"));
  IMPRINT_RETURN_IF_ERROR(CheckRoom(static_cast<int64_t>(request.prompt.size()),
                                    static_cast<int64_t>(request.target.size()), "target",
                                    config.max_positions, kv_tokens));
  if (request.top_k < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("top_k is ", request.top_k, "; it must be 0 or more"));
  }
  const size_t lists = request.requested_ids.size();
  if (lists > 1 && lists != request.target.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("requested_ids has ", lists, " lists; it must have none, one, or one for ",
                     "each of the ", request.target.size(), " target tokens"));
  }
  for (const std::vector<int32_t>& ids : request.requested_ids) {
    IMPRINT_RETURN_IF_ERROR(CheckIds(ids, config.vocab_size, "requested_ids"));
  }

  std::unique_ptr<Task> task = MakeTask(request);
  if (!request.target.empty()) {
    task->tokens.insert(task->tokens.end(), request.target.begin(), request.target.end() - 1);
  }
  task->kv_reservation = task->length();
  Scoring scoring;
  scoring.result.tokens.resize(request.target.size());
  scoring.target = std::move(request.target);
  scoring.top_k = request.top_k;
  scoring.requested_ids = std::move(request.requested_ids);
  scoring.on_done = std::move(on_done);
  task->work = std::move(scoring);
  return task;
}

}  // namespace imprint::engine
