// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/engine/step_policy.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace imprint::engine {
namespace {

// Tokens of score requests in one step while nobody streams: enough that a context is computed
// once for many questions, and for a small model on two cores still about a second.
constexpr int64_t kPackedTokens = 1024;
// Of the time that users' steps take, while the server's own work waits: a fifth of both
// together.
constexpr double kBackgroundOverUsers = 1.0 / 4;
// However long a step of users took, and if the machine's clock was set meanwhile.
constexpr absl::Duration kMostCredit = absl::Seconds(1);

}  // namespace

StepLimits LimitsOfStep(const EngineOptions& options, bool users_stream) {
  const int64_t chunk = options.prefill_chunk;
  return {.prefill = chunk, .packed = users_stream ? chunk : std::max(chunk, kPackedTokens)};
}

int BackgroundSlots(const EngineOptions& options) {
  return std::max(options.max_running - options.max_running / 4, 1);
}

int64_t BackgroundKvTokens(const EngineOptions& options) {
  return options.kv_tokens - options.kv_tokens / 4;
}

size_t Turns::Next(absl::Span<const void* const> groups) {
  absl::flat_hash_map<const void*, int64_t> last_turn;
  size_t chosen = 0;
  int64_t longest_ago = std::numeric_limits<int64_t>::max();
  for (size_t i = 0; i < groups.size(); ++i) {
    const auto it = last_turn_.find(groups[i]);
    const int64_t last = it == last_turn_.end() ? -1 : it->second;
    last_turn[groups[i]] = last;
    if (last < longest_ago) {
      chosen = i;
      longest_ago = last;
    }
  }
  last_turn[groups[chosen]] = turn_++;
  last_turn_ = std::move(last_turn);
  return chosen;
}

void BackgroundCredit::UsersTook(absl::Duration time) {
  left_ = std::clamp(time * kBackgroundOverUsers, absl::ZeroDuration(), kMostCredit);
}

void BackgroundCredit::BackgroundTook(absl::Duration time) {
  left_ = std::clamp(left_ - time, absl::ZeroDuration(), left_);
}

}  // namespace imprint::engine
