// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// The serving engine: continuous batching over versions of one network.
//
// A step takes the running sequences of one version and priority together, decodes one token
// for each and prefills a bounded chunk of prompts beside them; groups of different
// versions take turns. Steps of users run between two layers of one of the server's own. Requests
// pin their version when they are submitted. Keys and values of prompts are shared only between
// requests of the same version and the same tokens (prefix cache), so a stale hit is impossible.

#ifndef IMPRINT_SERVER_ENGINE_ENGINE_H_
#define IMPRINT_SERVER_ENGINE_ENGINE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/clock.h"
#include "server/engine/compute_share.h"
#include "server/engine/request.h"

namespace imprint::metrics {
struct EngineMetrics;
}

namespace imprint::engine {

struct EngineOptions {
  // Sequences that run at once (--serve.max_running).
  int max_running = 32;
  // User requests that wait beyond those; more are refused with RESOURCE_EXHAUSTED
  // (--serve.max_waiting).
  int max_waiting = 256;
  // Prompt tokens prefilled in one step, so that a long prompt does not stall streams
  // (--serve.prefill_chunk).
  int prefill_chunk = 256;
  // Tokens of keys and values in memory, prefix cache included (--serve.kv_tokens).
  int64_t kv_tokens = 65536;
  // After a switch, streams of a version that is neither base nor current end with
  // ABORTED after this long (--version.drain_deadline).
  absl::Duration drain_deadline = absl::Minutes(5);
};

struct EngineLoad {
  int running = 0;
  int waiting = 0;
  int64_t kv_tokens = 0;
};

// Thread-safe. Owns one thread, on which all computing and all callbacks happen.
class Engine {
 public:
  // All pointers outlive the engine; `metrics` may be null.
  static std::unique_ptr<Engine> Start(const EngineOptions& options, ComputeShare* share,
                                       metrics::EngineMetrics* metrics, const Clock* clock);
  // Ends what runs with UNAVAILABLE and joins the thread.
  virtual ~Engine() = default;

  // INVALID_ARGUMENT: empty prompt, or prompt and max_tokens beyond the model's window or
  // --serve.kv_tokens (max_tokens <= 0 means: up to the window). RESOURCE_EXHAUSTED: too
  // many wait. UNAVAILABLE: draining. FAILED_PRECONDITION: the current version is asked for
  // and there is none yet. After an error no callback is called.
  virtual absl::StatusOr<RequestHandle> Generate(GenerateRequest request,
                                                 GenerateCallbacks callbacks) = 0;
  virtual absl::StatusOr<RequestHandle> Score(
      ScoreRequest request, std::function<void(absl::StatusOr<ScoreResult>)> on_done) = 0;

  // Runs all of them as one batch of background work and waits. The answers are in the
  // requests' order; the first error ends all. For the engine's own thread: never.
  // `cancelled` is asked between steps; true: CANCELLED.
  absl::StatusOr<std::vector<GenerateResult>> GenerateAll(
      std::vector<GenerateRequest> requests, const std::function<bool()>& cancelled = {});
  absl::StatusOr<std::vector<ScoreResult>> ScoreAll(std::vector<ScoreRequest> requests,
                                                    const std::function<bool()>& cancelled = {});

  // The version that new requests get; older ones begin to drain.
  virtual void SetCurrent(SharedVersion version) = 0;
  // No new requests (UNAVAILABLE); those that run go on until `deadline`, then end.
  virtual void Drain(absl::Time deadline) = 0;
  virtual EngineLoad load() const = 0;
};

}  // namespace imprint::engine

#endif  // IMPRINT_SERVER_ENGINE_ENGINE_H_
