// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Who computes next and how much of it: user requests go first, the server's own work
// fills what they leave, and a fifth of the time where they leave nothing.

#ifndef IMPRINT_SERVER_ENGINE_STEP_POLICY_H_
#define IMPRINT_SERVER_ENGINE_STEP_POLICY_H_

#include <cstdint>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "server/engine/engine.h"

namespace imprint::engine {

// Bounds of one step.
struct StepLimits {
  // Prompt tokens that go into key-value caches.
  int64_t prefill = 0;
  // Tokens of score requests that are computed whole, without a cache; what the step computes
  // beside them counts.
  int64_t packed = 0;
};
// `users_stream`: some user request generates. A long step of users would stall it, and one of the
// server's own work lets it in between two layers, which are long where there are many tokens.
StepLimits LimitsOfStep(const EngineOptions& options, bool users_stream);

// Slots and key-value tokens that background requests may take, so that users find room.
int BackgroundSlots(const EngineOptions& options);
int64_t BackgroundKvTokens(const EngineOptions& options);

// Lets the groups of different versions take turns. Not thread-safe.
class Turns {
 public:
  // The place in `groups` (weights, at least one) of the one that computes now: the one that has
  // waited longest.
  size_t Next(absl::Span<const void* const> groups);

 private:
  absl::flat_hash_map<const void*, int64_t> last_turn_;  // of the groups seen last
  int64_t turn_ = 0;
};

// How long the server's own work may compute between two steps of users: while neither pauses, a
// fifth of the time. Not thread-safe.
class BackgroundCredit {
 public:
  // A step of users took so long, and the server's own work waited.
  void UsersTook(absl::Duration time);
  // The server's own work computed for so long. What it takes beyond its credit is not a debt: it
  // can only stop between two layers.
  void BackgroundTook(absl::Duration time);
  // Whether it may go on where users wait.
  bool left() const { return left_ > absl::ZeroDuration(); }

 private:
  absl::Duration left_;
};

}  // namespace imprint::engine

#endif  // IMPRINT_SERVER_ENGINE_STEP_POLICY_H_
