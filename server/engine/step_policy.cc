// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/engine/step_policy.h"

#include <algorithm>
#include <utility>

namespace imprint::engine {
namespace {

// Tokens of score requests in one step while nobody streams: enough that a context is
// computed once for many questions, and still about a second for a small model on two
// cores, which is how long a user who comes in the middle waits.
constexpr int64_t kPackedTokens = 1024;
constexpr int kUserTurnsInARow = 3;

}  // namespace

StepLimits LimitsOfStep(const EngineOptions& options, const UserActivity& users) {
  const int64_t chunk = options.prefill_chunk;
  const int64_t quarter = std::max<int64_t>(chunk / 4, 1);
  const int64_t packed = std::max(chunk, kPackedTokens);
  StepLimits limits;
  limits.user_prefill = chunk;
  limits.user_packed = users.streams ? chunk : packed;
  limits.background_prefill = users.any ? quarter : chunk;
  limits.background_packed = users.any ? quarter : packed;
  limits.background_decodes =
      users.any ? std::max(options.max_running / 8, 1) : options.max_running;
  return limits;
}

int BackgroundSlots(const EngineOptions& options) {
  return std::max(options.max_running - options.max_running / 4, 1);
}

int64_t BackgroundKvTokens(const EngineOptions& options) {
  return options.kv_tokens - options.kv_tokens / 4;
}

size_t Turns::Next(absl::Span<const Group> groups) {
  const bool any_user = std::any_of(groups.begin(), groups.end(),
                                    [](const Group& group) { return group.has_user_work; });
  const bool any_other = std::any_of(groups.begin(), groups.end(),
                                     [](const Group& group) { return !group.has_user_work; });
  const bool user_turn = any_user && (!any_other || user_turns_ < kUserTurnsInARow);

  absl::flat_hash_map<const void*, int64_t> last_turn;
  size_t chosen = groups.size();
  int64_t longest_ago = 0;
  for (size_t i = 0; i < groups.size(); ++i) {
    const auto it = last_turn_.find(groups[i].key);
    const int64_t last = it == last_turn_.end() ? -1 : it->second;
    last_turn[groups[i].key] = last;
    if (any_user && groups[i].has_user_work != user_turn) continue;
    if (chosen == groups.size() || last < longest_ago) {
      chosen = i;
      longest_ago = last;
    }
  }
  last_turn[groups[chosen].key] = turn_++;
  last_turn_ = std::move(last_turn);
  user_turns_ = user_turn && any_other ? user_turns_ + 1 : 0;
  return chosen;
}

}  // namespace imprint::engine
