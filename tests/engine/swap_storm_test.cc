// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Sixty-four streams while the current version changes a hundred times: what each says is what it
// would have said alone, of the version that it began with.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <vector>

#include "tests/engine/engine_fixture.h"

namespace imprint::engine {
namespace {

using SwapStormTest = EngineTest;

constexpr int kStreams = 64;
constexpr int kSwaps = 100;
constexpr int kTokens = 24;
// Two logits so near one another may change places where a batch adds up in another order.
constexpr double kTie = 1e-3;

struct Stream {
  GenerateRequest request;
  Pending<GenerateResult> pending;
};

// Whether `tokens` is a greedy answer of the version, ties aside.
::testing::AssertionResult IsGreedy(const GenerateRequest& request,
                                    const std::vector<int32_t>& tokens) {
  // One pass over all of it: what comes after a token does not change what was before.
  const std::vector<int32_t> all = Concatenation(request.prompt, tokens);
  const at::Tensor logits = NaiveLogits(*request.version, all);
  const auto first = static_cast<int64_t>(request.prompt.size()) - 1;
  for (int64_t i = 0; i < static_cast<int64_t>(tokens.size()); ++i) {
    const at::Tensor row = logits[first + i];
    const double best = row.max().item<double>();
    const double said = row[tokens[i]].item<double>();
    if (best - said > kTie) {
      return ::testing::AssertionFailure()
             << "version " << request.version->number << ", token " << i << ": the best logit is "
             << best << ", that of " << tokens[i] << " is " << said;
    }
  }
  return ::testing::AssertionSuccess();
}

TEST_F(SwapStormTest, EveryStreamSaysWhatItsOwnVersionSays) {
  EngineOptions options;
  options.max_running = kStreams;
  StartEngine(options);
  std::deque<Stream> running;
  int number = 0;
  SharedVersion current = testing::TinyVersion(1, 100);
  const auto begin = [&] {
    Stream stream;
    // Prompts with a part in common: a cache that mixed up versions would show.
    stream.request = Request(Concatenation(Prompt(6, 1), Prompt(1 + number % 5, number)), kTokens);
    stream.request.version = current;
    stream.request.shared_prefix = 6;
    stream.pending = Submit(stream.request);
    running.push_back(std::move(stream));
    ++number;
  };
  int checked = 0;
  const auto check = [&](const Stream& stream) {
    IMPRINT_ASSERT_OK(stream.pending.Wait());
    EXPECT_EQ(stream.pending.Wait()->tokens.size(), static_cast<size_t>(kTokens));
    EXPECT_TRUE(IsGreedy(stream.request, stream.pending.Wait()->tokens));
    ++checked;
  };
  while (running.size() < kStreams) begin();
  for (int swap = 0; swap < kSwaps; ++swap) {
    current = testing::TinyVersion(2 + swap, 101 + swap);
    engine_->SetCurrent(current);
    // A few streams end between two swaps, whichever they are, and others take their places.
    for (int i = 0; i < 4; ++i) {
      check(running.front());
      running.pop_front();
      begin();
    }
    ASSERT_EQ(running.size(), static_cast<size_t>(kStreams));
  }
  for (const Stream& stream : running) check(stream);
  EXPECT_EQ(checked, kStreams + 4 * kSwaps);
}

}  // namespace
}  // namespace imprint::engine
