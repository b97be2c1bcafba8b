// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// A request inside the engine, from admission to its answer.

#ifndef IMPRINT_SERVER_ENGINE_TASK_H_
#define IMPRINT_SERVER_ENGINE_TASK_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "server/engine/request.h"
#include "server/model/kv_cache.h"

namespace imprint::engine {

struct Generation {
  SamplingOptions sampling;
  int32_t max_tokens = 0;
  std::vector<int32_t> stop_ids;
  GenerateCallbacks callbacks;
  std::vector<int32_t> output;
  absl::Time last_token_at = absl::InfinitePast();
};

struct Scoring {
  std::vector<int32_t> target;
  int32_t top_k = 0;
  std::vector<std::vector<int32_t>> requested_ids;
  std::function<void(absl::StatusOr<ScoreResult>)> on_done;
  ScoreResult result;  // as many tokens as the target, filled as they are computed

  const std::vector<int32_t>& RequestedAt(size_t place) const;
};

// Touched by the engine's thread alone, once submitted.
struct Task {
  SharedVersion version;
  Priority priority = Priority::kUser;
  absl::Time deadline = absl::InfiniteFuture();
  absl::Time submitted_at;
  RequestHandle handle;

  // All that the network reads: the prompt, then what was generated, or the target
  // but for its last token.
  std::vector<int32_t> tokens;
  int64_t prompt_length = 0;
  // Less than prompt_length: the last prompt token is always computed.
  int64_t shared_prefix = 0;
  size_t prefix_hash = 0;
  // Keys and values that it may come to hold.
  int64_t kv_reservation = 0;
  std::variant<Generation, Scoring> work;

  // Since its prefill began; never where a packed batch scores it in one step.
  std::optional<model::KvCache> kv_cache;

  Generation* generation() { return std::get_if<Generation>(&work); }
  Scoring* scoring() { return std::get_if<Scoring>(&work); }
  bool is_user() const { return priority == Priority::kUser; }

  int64_t length() const { return static_cast<int64_t>(tokens.size()); }
  int64_t computed() const { return kv_cache.has_value() ? kv_cache->length() : 0; }
  // Its prompt is computed; each step adds a token.
  bool decoding() const {
    return std::holds_alternative<Generation>(work) && computed() >= prompt_length;
  }
  absl::Span<const int32_t> prefix() const {
    return absl::MakeConstSpan(tokens).subspan(0, shared_prefix);
  }
  // The same tokens to share under the same weights.
  bool SharesPrefixWith(const Task& other) const;
};

}  // namespace imprint::engine

#endif  // IMPRINT_SERVER_ENGINE_TASK_H_
