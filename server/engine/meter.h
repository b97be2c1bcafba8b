// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// The engine's metrics, where there are any.

#ifndef IMPRINT_SERVER_ENGINE_METER_H_
#define IMPRINT_SERVER_ENGINE_METER_H_

#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"
#include "server/engine/engine.h"
#include "server/engine/task.h"

namespace imprint::engine {

// Not thread-safe; the engine's thread owns it.
class Meter {
 public:
  // Null: nothing is counted.
  explicit Meter(metrics::EngineMetrics* metrics) : metrics_(metrics) {}

  void Step(size_t batch_size, absl::Duration took);
  // A prompt began: so much of it came from the prefix cache or a shared prefix.
  void Prompt(const Task& task, int64_t hit_tokens);
  // `task` gives out a token; Generation::last_token_at is still that of the one before.
  void Token(const Task& task, absl::Time now);
  void Scored(const Task& task);
  void Load(const EngineLoad& load);

 private:
  metrics::EngineMetrics* const metrics_;
};

}  // namespace imprint::engine

#endif  // IMPRINT_SERVER_ENGINE_METER_H_
