// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "tests/engine/engine_fixture.h"

namespace imprint::engine {
namespace {

using GenerateTest = EngineTest;

TEST_F(GenerateTest, GreedyIsWhatTheNetworkSaysTokenByToken) {
  StartEngine();
  for (const int64_t length : {1, 2, 9, 60}) {
    const std::vector<int32_t> prompt = Prompt(length, length);
    EXPECT_EQ(Tokens(Request(prompt, 20)), NaiveGenerate(*version_, prompt, 20)) << length;
  }
}

TEST_F(GenerateTest, TokensAreTheSameAloneAndInABatch) {
  StartEngine();
  std::vector<GenerateRequest> requests;
  for (int i = 0; i < 12; ++i) {
    GenerateRequest request = Request(Prompt(3 + 5 * i, 100 + i), 8 + i);
    request.sampling.temperature = i % 3 == 0 ? 0.f : 0.8f;
    request.sampling.top_p = i % 3 == 1 ? 0.9f : 1.f;
    request.sampling.seed = i;
    requests.push_back(request);
  }
  std::vector<Pending<GenerateResult>> together;
  {
    const auto held = HoldBack();
    for (const GenerateRequest& request : requests) together.push_back(Submit(request));
  }
  for (size_t i = 0; i < requests.size(); ++i) {
    IMPRINT_ASSERT_OK(together[i].Wait());
    EXPECT_EQ(
        together[i].Wait()->tokens,
        NaiveGenerate(*version_, requests[i].prompt, requests[i].max_tokens, requests[i].sampling))
        << i;
  }
}

TEST_F(GenerateTest, SameSeedSameTokensOtherSeedOthers) {
  StartEngine();
  GenerateRequest request = Request(Prompt(10, 1), 40);
  request.sampling.temperature = 1.5f;
  request.sampling.seed = 5;
  const std::vector<int32_t> first = Tokens(request);
  const std::vector<int32_t> again = Tokens(request);
  request.sampling.seed = 6;
  const std::vector<int32_t> other = Tokens(request);
  EXPECT_EQ(first, again);
  EXPECT_NE(first, other);
}

TEST_F(GenerateTest, ChunkedPrefillEqualsWholePrefill) {
  const std::vector<int32_t> prompt = Prompt(200, 3);
  const std::vector<int32_t> expected = NaiveGenerate(*version_, prompt, 10);
  for (const int chunk : {1, 7, 64, 512}) {
    EngineOptions options;
    options.prefill_chunk = chunk;
    StartEngine(options);
    EXPECT_EQ(Tokens(Request(prompt, 10)), expected) << chunk;
  }
}

TEST_F(GenerateTest, StreamsGoOnWhileALongPromptIsPrefilled) {
  EngineOptions options;
  options.prefill_chunk = 4;
  StartEngine(options);
  const std::vector<int32_t> short_prompt = Prompt(3, 1);
  const std::vector<int32_t> long_prompt = Prompt(200, 2);
  std::vector<int> order;  // whose token came
  std::vector<Pending<GenerateResult>> pending;
  {
    const auto held = HoldBack();
    pending.push_back(Submit(Request(short_prompt, 30), [&order](int32_t) {
      order.push_back(0);
      return true;
    }));
    pending.push_back(Submit(Request(long_prompt, 2), [&order](int32_t) {
      order.push_back(1);
      return true;
    }));
  }
  EXPECT_EQ(pending[0].Wait()->tokens, NaiveGenerate(*version_, short_prompt, 30));
  EXPECT_EQ(pending[1].Wait()->tokens, NaiveGenerate(*version_, long_prompt, 2));
  // 50 chunks: the short one has ended before the long one says anything.
  EXPECT_EQ(std::find(order.begin(), order.end(), 1) - order.begin(), 30);
}

TEST_F(GenerateTest, StopIdEndsAndIsNotGivenOut) {
  StartEngine();
  const std::vector<int32_t> prompt = Prompt(10, 4);
  const std::vector<int32_t> free = NaiveGenerate(*version_, prompt, 30);
  GenerateRequest request = Request(prompt, 30);
  request.stop_ids = {free[7]};
  const size_t first =
      std::find(free.begin(), free.end(), free[7]) - free.begin();  // it may come before
  std::vector<int32_t> given;
  const auto pending = Submit(request, [&given](int32_t token) {
    given.push_back(token);
    return true;
  });
  IMPRINT_ASSERT_OK(pending.Wait());
  EXPECT_EQ(pending.Wait()->finish_reason, FinishReason::kStop);
  EXPECT_EQ(pending.Wait()->tokens, std::vector<int32_t>(free.begin(), free.begin() + first));
  EXPECT_EQ(given, pending.Wait()->tokens);
}

TEST_F(GenerateTest, MaxTokensEndsWithLength) {
  StartEngine();
  const auto pending = Submit(Request(Prompt(5, 1), 3));
  IMPRINT_ASSERT_OK(pending.Wait());
  EXPECT_EQ(pending.Wait()->finish_reason, FinishReason::kLength);
  EXPECT_EQ(pending.Wait()->tokens.size(), 3u);
}

TEST_F(GenerateTest, WithoutMaxTokensItGoesOnToTheEndOfTheWindow) {
  StartEngine();
  EXPECT_EQ(Tokens(Request(Prompt(250, 1), 0)).size(), 6u);
}

TEST_F(GenerateTest, OnTokenEndsTheGeneration) {
  StartEngine();
  int seen = 0;
  const auto pending = Submit(Request(Prompt(5, 1), 50), [&seen](int32_t) { return ++seen < 4; });
  IMPRINT_ASSERT_OK(pending.Wait());
  EXPECT_EQ(pending.Wait()->finish_reason, FinishReason::kStop);
  EXPECT_EQ(pending.Wait()->tokens.size(), 4u);
}

TEST_F(GenerateTest, NullVersionMeansTheCurrentOne) {
  StartEngine();
  GenerateRequest request = Request(Prompt(5, 1), 4);
  request.version = nullptr;
  EXPECT_THAT(engine_->Generate(request, {}),
              testing::HasCode(absl::StatusCode::kFailedPrecondition));
  engine_->SetCurrent(version_);
  EXPECT_EQ(Tokens(request), NaiveGenerate(*version_, request.prompt, 4));
}

TEST_F(GenerateTest, BadRequestsNameWhatIsWrong) {
  StartEngine();
  const auto refusal = [this](const GenerateRequest& request) {
    return engine_->Generate(request, {}).status();
  };
  const auto is = [](const char* message) {
    return testing::IsError(absl::StatusCode::kInvalidArgument, ::testing::HasSubstr(message));
  };
  EXPECT_THAT(refusal(Request({}, 1)), is("prompt is empty"));
  EXPECT_THAT(refusal(Request({1, 97}, 1)), is("97"));
  EXPECT_THAT(refusal(Request({-1}, 1)), is("-1"));
  EXPECT_THAT(refusal(Request(Prompt(250, 1), 7)), is("window of 256"));
  EXPECT_THAT(refusal(Request(Prompt(256, 1), 0)), is("window of 256"));
  GenerateRequest request = Request({1}, 1);
  request.sampling.temperature = -1;
  EXPECT_THAT(refusal(request), is("temperature"));
  request.sampling.temperature = std::nanf("");
  EXPECT_THAT(refusal(request), is("temperature"));
  request.sampling = {.top_p = 1.5f};
  EXPECT_THAT(refusal(request), is("top_p"));
  request.sampling = {.top_k = -2};
  EXPECT_THAT(refusal(request), is("top_k"));
  request = Request({1}, 1);
  request.shared_prefix = 2;
  EXPECT_THAT(refusal(request), is("shared_prefix"));
}

TEST_F(GenerateTest, GenerateAllAnswersInOrder) {
  StartEngine();
  std::vector<GenerateRequest> requests;
  for (int i = 0; i < 40; ++i) requests.push_back(Request(Prompt(4 + i, i), 3 + i % 5));
  const auto answers = engine_->GenerateAll(requests);
  IMPRINT_ASSERT_OK(answers);
  ASSERT_EQ(answers->size(), requests.size());
  for (size_t i = 0; i < requests.size(); ++i) {
    EXPECT_EQ((*answers)[i].tokens,
              NaiveGenerate(*version_, requests[i].prompt, requests[i].max_tokens));
  }
}

TEST_F(GenerateTest, GenerateAllGivesTheFirstErrorAndLeavesNothingBehind) {
  StartEngine();
  std::vector<GenerateRequest> requests(5, Request(Prompt(4, 1), 100));
  requests[3].prompt = {};
  EXPECT_THAT(engine_->GenerateAll(requests), testing::HasCode(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(engine_->load().running + engine_->load().waiting, 0);
}

TEST_F(GenerateTest, GenerateAllCanBeGivenUp) {
  StartEngine();
  // The device is held: nothing is ever answered.
  auto held = std::make_unique<Held>(&share_, &share_clock_);
  int asked = 0;
  const auto answers = engine_->GenerateAll({Request(Prompt(4, 1), 100)}, [&asked, &held] {
    held.reset();  // lets the engine see the cancellation
    return ++asked > 0;
  });
  EXPECT_THAT(answers, testing::HasCode(absl::StatusCode::kCancelled));
  EXPECT_EQ(engine_->load().running + engine_->load().waiting, 0);
}

TEST_F(GenerateTest, NothingToDoIsAnswered) {
  StartEngine();
  const auto answers = engine_->GenerateAll({});
  IMPRINT_ASSERT_OK(answers);
  EXPECT_TRUE(answers->empty());
}

}  // namespace
}  // namespace imprint::engine
