// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// An engine over a tiny model, a clock that tests turn, and plain functions that compute
// the same without caches or batches: the oracle.

#ifndef IMPRINT_TESTS_ENGINE_ENGINE_FIXTURE_H_
#define IMPRINT_TESTS_ENGINE_ENGINE_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "ATen/ATen.h"
#include "ATen/Parallel.h"
#include "absl/synchronization/notification.h"
#include "server/engine/engine.h"
#include "server/engine/sampler.h"
#include "server/metrics/metrics.h"
#include "server/model/network.h"
#include "tests/fakes/fake_clock.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/tiny_model.h"

namespace imprint::engine {

// A prompt of random ids; the same for the same seed.
inline std::vector<int32_t> Prompt(int64_t length, uint64_t seed) {
  std::vector<int32_t> prompt(length);
  for (int64_t i = 0; i < length; ++i) {
    prompt[i] = static_cast<int32_t>(UniformAt(seed, i) * testing::TinyConfig().vocab_size);
  }
  return prompt;
}

inline std::vector<int32_t> Concatenation(std::vector<int32_t> a, const std::vector<int32_t>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// Logits [tokens, vocab] of a whole sequence in one pass.
inline at::Tensor NaiveLogits(const version::Version& version, const std::vector<int32_t>& tokens) {
  model::Segment segment;
  segment.length = static_cast<int64_t>(tokens.size());
  return model::Network::Logits(*version.weights,
                                model::Network::Forward(*version.weights, tokens, {segment}));
}

// Token by token, the whole sequence anew for each.
inline std::vector<int32_t> NaiveGenerate(const version::Version& version,
                                          std::vector<int32_t> tokens, int count,
                                          const SamplingOptions& sampling = {}) {
  std::vector<int32_t> output;
  for (int i = 0; i < count; ++i) {
    const at::Tensor logits = NaiveLogits(version, tokens);
    const SampleSpec spec{sampling, static_cast<uint64_t>(i)};
    output.push_back(SampleTokens(logits.narrow(0, logits.size(0) - 1, 1), {spec})[0]);
    tokens.push_back(output.back());
  }
  return output;
}

// An answer that will come.
template <typename Result>
class Pending {
 public:
  // To be called by the engine.
  std::function<void(absl::StatusOr<Result>)> Callback() {
    return [state = state_](absl::StatusOr<Result> result) {
      state->result = std::move(result);
      state->done.Notify();
    };
  }
  bool done() const { return state_->done.HasBeenNotified(); }
  const absl::StatusOr<Result>& Wait() const {
    state_->done.WaitForNotification();
    return state_->result;
  }

  RequestHandle handle;

 private:
  struct State {
    absl::Notification done;
    absl::StatusOr<Result> result;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

class EngineTest : public ::testing::Test {
 protected:
  // So small a model gains nothing from threads, and waking them on a busy machine is slow.
  EngineTest() { at::set_num_threads(1); }

  void StartEngine(const EngineOptions& options = {}) {
    engine_ = Engine::Start(options, &share_, metrics_.engine(), &clock_);
  }

  GenerateRequest Request(std::vector<int32_t> prompt, int32_t max_tokens) const {
    GenerateRequest request;
    request.version = version_;
    request.prompt = std::move(prompt);
    request.max_tokens = max_tokens;
    return request;
  }
  ScoreRequest Scoring(std::vector<int32_t> prompt, std::vector<int32_t> target) const {
    ScoreRequest request;
    request.version = version_;
    request.prompt = std::move(prompt);
    request.target = std::move(target);
    return request;
  }

  Pending<GenerateResult> Submit(GenerateRequest request,
                                 std::function<bool(int32_t)> on_token = {}) {
    Pending<GenerateResult> pending;
    GenerateCallbacks callbacks{std::move(on_token), pending.Callback()};
    absl::StatusOr<RequestHandle> handle =
        engine_->Generate(std::move(request), std::move(callbacks));
    EXPECT_THAT(handle, testing::IsOk());
    if (handle.ok()) pending.handle = *handle;
    return pending;
  }
  Pending<ScoreResult> Submit(ScoreRequest request) {
    Pending<ScoreResult> pending;
    absl::StatusOr<RequestHandle> handle = engine_->Score(std::move(request), pending.Callback());
    EXPECT_THAT(handle, testing::IsOk());
    if (handle.ok()) pending.handle = *handle;
    return pending;
  }
  // Submits and waits.
  std::vector<int32_t> Tokens(GenerateRequest request) {
    const auto pending = Submit(std::move(request));
    IMPRINT_EXPECT_OK(pending.Wait());
    return pending.Wait().ok() ? pending.Wait()->tokens : std::vector<int32_t>{};
  }

  // While it lives no step begins: what is submitted meanwhile is planned together.
  class Held {
   public:
    // A training that is owed time, on a clock that stands still.
    Held(ComputeShare* share, fakes::FakeClock* clock) : training_(share) {
      share->BeginServing();
      clock->Advance(absl::Seconds(1));
      share->EndServing();
    }

   private:
    const TrainingTurn training_;
  };
  Held HoldBack() { return Held(&share_, &share_clock_); }

  double hit_tokens() { return metrics_.engine()->prefix_hit_tokens->Value(); }

  fakes::FakeClock clock_;
  fakes::FakeClock share_clock_;
  ComputeShare share_{0.3, &share_clock_};
  metrics::Metrics metrics_;
  SharedVersion version_ = testing::TinyVersion(1, 11);
  std::unique_ptr<Engine> engine_;
};

}  // namespace imprint::engine

#endif  // IMPRINT_TESTS_ENGINE_ENGINE_FIXTURE_H_
