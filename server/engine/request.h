// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// What the engine is asked, and what it answers.

#ifndef IMPRINT_SERVER_ENGINE_REQUEST_H_
#define IMPRINT_SERVER_ENGINE_REQUEST_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/version/version.h"

namespace imprint::engine {

using SharedVersion = std::shared_ptr<const version::Version>;

struct SamplingOptions {
  float temperature = 0;  // 0: greedy
  float top_p = 1;        // 1: off
  int32_t top_k = 0;      // 0: off
  uint64_t seed = 0;
};

// User requests go before the server's own work (generation, probes).
enum class Priority { kUser, kBackground };

enum class FinishReason { kStop, kLength };

// The k most likely tokens at one place, most likely first; natural logarithms.
struct TopLogProbs {
  std::vector<int32_t> ids;
  std::vector<float> log_probs;
};

// Generates after `prompt`.
struct GenerateRequest {
  SharedVersion version;  // null: the current one
  std::vector<int32_t> prompt;
  int32_t max_tokens = 0;
  SamplingOptions sampling;
  // Ends at one of these; the id itself is not given out.
  std::vector<int32_t> stop_ids;
  // The first `shared_prefix` tokens of the prompt are likely to be asked again soon
  // (a context with many questions): the engine may keep their keys and values.
  int32_t shared_prefix = 0;
  Priority priority = Priority::kUser;
  absl::Time deadline = absl::InfiniteFuture();
};

struct GenerateResult {
  std::vector<int32_t> tokens;  // without the stop id
  FinishReason finish_reason = FinishReason::kStop;
};

// Both are called on the engine's thread and must not block. `on_token` returns false to
// end the generation (a stop string was met): it then finishes with kStop. `on_done` is
// called exactly once: CANCELLED, DEADLINE_EXCEEDED, ABORTED (its version was drained),
// UNAVAILABLE (shut down) or OK.
struct GenerateCallbacks {
  std::function<bool(int32_t token)> on_token;
  std::function<void(absl::StatusOr<GenerateResult>)> on_done;
};

// Log-probabilities of `target` after `prompt` (at least one token).
struct ScoreRequest {
  SharedVersion version;  // null: the current one
  std::vector<int32_t> prompt;
  std::vector<int32_t> target;
  // How many of the most likely tokens at each place; 0: none.
  int32_t top_k = 0;
  // Ids whose log-probability is wanted at each place: as many lists as target
  // tokens, or one for all, or none.
  std::vector<std::vector<int32_t>> requested_ids;
  // As in GenerateRequest: the prefill of this many prompt tokens is shared.
  int32_t shared_prefix = 0;
  Priority priority = Priority::kUser;
  absl::Time deadline = absl::InfiniteFuture();
};

struct ScoreResult {
  struct Token {
    float log_prob = 0;
    TopLogProbs top;
    std::vector<float> requested;
  };
  std::vector<Token> tokens;  // one for each target token
};

// Lets the asker give up. Thread-safe; copies share the same request.
class RequestHandle {
 public:
  RequestHandle() : cancelled_(std::make_shared<std::atomic<bool>>(false)) {}
  // The request leaves at the next step with CANCELLED.
  void Cancel() { cancelled_->store(true, std::memory_order_relaxed); }
  bool cancelled() const { return cancelled_->load(std::memory_order_relaxed); }

 private:
  std::shared_ptr<std::atomic<bool>> cancelled_;
};

}  // namespace imprint::engine

#endif  // IMPRINT_SERVER_ENGINE_REQUEST_H_
