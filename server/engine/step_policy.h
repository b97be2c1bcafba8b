// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Who computes next and how much of it: user requests go first, the server's own work
// fills what they leave.

#ifndef IMPRINT_SERVER_ENGINE_STEP_POLICY_H_
#define IMPRINT_SERVER_ENGINE_STEP_POLICY_H_

#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/types/span.h"
#include "server/engine/engine.h"

namespace imprint::engine {

// What users do at the moment.
struct UserActivity {
  bool any = false;      // some user request runs or waits
  bool streams = false;  // and some of them generate: a long step stalls them
};

// Bounds of one step.
struct StepLimits {
  // Prompt tokens that go into key-value caches.
  int64_t user_prefill = 0;
  int64_t background_prefill = 0;
  // Tokens of score requests that are computed whole, without a cache.
  int64_t user_packed = 0;
  int64_t background_packed = 0;
  // Background sequences that decode.
  int background_decodes = 0;
};
StepLimits LimitsOfStep(const EngineOptions& options, const UserActivity& users);

// Slots and key-value tokens that background requests may take, so that users find room.
int BackgroundSlots(const EngineOptions& options);
int64_t BackgroundKvTokens(const EngineOptions& options);

// Lets the groups of different versions take turns. Not thread-safe.
class Turns {
 public:
  struct Group {
    const void* key = nullptr;  // the weights
    bool has_user_work = false;
  };

  // The place in `groups` (at least one) of the one that computes now: the one that has
  // waited longest; a group without user work only every fourth time where there is one
  // with it.
  size_t Next(absl::Span<const Group> groups);

 private:
  absl::flat_hash_map<const void*, int64_t> last_turn_;  // of the groups seen last
  int64_t turn_ = 0;
  int user_turns_ = 0;  // since a group without user work computed
};

}  // namespace imprint::engine

#endif  // IMPRINT_SERVER_ENGINE_STEP_POLICY_H_
