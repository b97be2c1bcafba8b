// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "tests/engine/engine_fixture.h"

namespace imprint::engine {
namespace {

using ScoreTest = EngineTest;

// log_softmax of a full pass over prompt and target: [target, vocab].
at::Tensor NaiveLogProbs(const version::Version& version, const std::vector<int32_t>& prompt,
                         const std::vector<int32_t>& target) {
  const at::Tensor logits = NaiveLogits(version, Concatenation(prompt, target));
  const auto begin = static_cast<int64_t>(prompt.size()) - 1;
  return at::log_softmax(logits.narrow(0, begin, static_cast<int64_t>(target.size())), -1);
}

void ExpectEqualsNaive(const version::Version& version, const ScoreRequest& request,
                       const absl::StatusOr<ScoreResult>& result) {
  IMPRINT_ASSERT_OK(result);
  ASSERT_EQ(result->tokens.size(), request.target.size());
  const at::Tensor expected = NaiveLogProbs(version, request.prompt, request.target);
  for (size_t t = 0; t < request.target.size(); ++t) {
    const at::Tensor row = expected[static_cast<int64_t>(t)];
    const auto at = [&row](int32_t id) { return row[id].item<float>(); };
    const ScoreResult::Token& token = result->tokens[t];
    ASSERT_NEAR(token.log_prob, at(request.target[t]), 1e-4) << t;
    ASSERT_EQ(static_cast<int32_t>(token.top.ids.size()), request.top_k);
    ASSERT_EQ(token.top.log_probs.size(), token.top.ids.size());
    const auto [values, ids] = row.sort(/*dim=*/-1, /*descending=*/true);
    for (int32_t i = 0; i < request.top_k; ++i) {
      ASSERT_NEAR(token.top.log_probs[i], values[i].item<float>(), 1e-4);
      ASSERT_NEAR(at(token.top.ids[i]), values[i].item<float>(), 1e-4);
    }
    if (request.requested_ids.empty()) {
      ASSERT_TRUE(token.requested.empty());
      continue;
    }
    const std::vector<int32_t>& wanted =
        request.requested_ids[request.requested_ids.size() == 1 ? 0 : t];
    ASSERT_EQ(token.requested.size(), wanted.size());
    for (size_t i = 0; i < wanted.size(); ++i) {
      ASSERT_NEAR(token.requested[i], at(wanted[i]), 1e-4);
    }
  }
}

TEST_F(ScoreTest, EqualsLogSoftmaxOfAFullPass) {
  StartEngine();
  for (const int64_t prompt : {1, 5, 90}) {
    for (const int64_t target : {1, 2, 30}) {
      ScoreRequest request = Scoring(Prompt(prompt, 1), Prompt(target, 2));
      request.top_k = 5;
      ExpectEqualsNaive(*version_, request, Submit(request).Wait());
    }
  }
}

TEST_F(ScoreTest, MoreRowsThanTheHeadSeesAtOnce) {
  StartEngine();
  ScoreRequest request = Scoring(Prompt(4, 1), Prompt(250, 2));
  request.top_k = 3;
  ExpectEqualsNaive(*version_, request, Submit(request).Wait());
}

TEST_F(ScoreTest, RequestedIdsOneListForAllOrOneForEach) {
  StartEngine();
  ScoreRequest request = Scoring(Prompt(6, 1), {3, 4, 5});
  request.requested_ids = {{9, 0, 96, 9}};
  ExpectEqualsNaive(*version_, request, Submit(request).Wait());
  request.requested_ids = {{9}, {}, {1, 2, 3}};
  ExpectEqualsNaive(*version_, request, Submit(request).Wait());
}

TEST_F(ScoreTest, TopKBeyondTheVocabularyGivesTheVocabulary) {
  StartEngine();
  ScoreRequest request = Scoring(Prompt(6, 1), {3});
  request.top_k = 1000;
  const auto pending = Submit(request);
  IMPRINT_ASSERT_OK(pending.Wait());
  const TopLogProbs& top = pending.Wait()->tokens[0].top;
  ASSERT_EQ(top.ids.size(), 97u);
  double mass = 0;
  for (const float log_prob : top.log_probs) mass += std::exp(log_prob);
  EXPECT_NEAR(mass, 1, 1e-5);
}

TEST_F(ScoreTest, EmptyTargetHasAnEmptyAnswer) {
  StartEngine();
  const auto pending = Submit(Scoring(Prompt(6, 1), {}));
  IMPRINT_ASSERT_OK(pending.Wait());
  EXPECT_TRUE(pending.Wait()->tokens.empty());
}

TEST_F(ScoreTest, ASharedPrefixIsComputedOnceAndChangesNothing) {
  StartEngine();
  const std::vector<int32_t> context = Prompt(40, 7);
  const std::vector<int32_t> other_context = Prompt(40, 8);
  std::vector<ScoreRequest> requests;
  for (int i = 0; i < 20; ++i) {
    // Questions of several lengths, among them none, and answers down to one token.
    ScoreRequest request =
        Scoring(Concatenation(i % 5 == 4 ? other_context : context, Prompt(i % 4, i)),
                Prompt(1 + i, 50 + i));
    request.shared_prefix = 40;
    request.top_k = i % 3;
    requests.push_back(request);
  }
  const double hits = hit_tokens();
  std::vector<Pending<ScoreResult>> pending;
  {
    const auto held = HoldBack();
    for (const ScoreRequest& request : requests) pending.push_back(Submit(request));
  }
  for (size_t i = 0; i < requests.size(); ++i) {
    ExpectEqualsNaive(*version_, requests[i], pending[i].Wait());
  }
  EXPECT_GT(hit_tokens() - hits, 0);
}

TEST_F(ScoreTest, WhatDoesNotFitIntoAStepGoesThroughACache) {
  EngineOptions options;
  options.prefill_chunk = 16;
  StartEngine(options);
  const std::vector<int32_t> context = Prompt(50, 7);
  std::vector<ScoreRequest> requests;
  for (int i = 0; i < 6; ++i) {
    ScoreRequest request = Scoring(Concatenation(context, Prompt(3, i)), Prompt(20, 50 + i));
    request.shared_prefix = 50;
    request.top_k = 4;
    request.requested_ids = {{1, 2}};
    request.priority = i % 2 == 0 ? Priority::kUser : Priority::kBackground;
    requests.push_back(request);
  }
  std::vector<Pending<ScoreResult>> pending;
  Pending<GenerateResult> stream;
  {
    const auto held = HoldBack();
    stream = Submit(Request(Prompt(5, 1), 100));  // which no step may stall for long
    for (const ScoreRequest& request : requests) pending.push_back(Submit(request));
  }
  for (size_t i = 0; i < requests.size(); ++i) {
    ExpectEqualsNaive(*version_, requests[i], pending[i].Wait());
  }
  EXPECT_EQ(stream.Wait()->tokens, NaiveGenerate(*version_, Prompt(5, 1), 100));
}

TEST_F(ScoreTest, ScoreAllAnswersInOrder) {
  StartEngine();
  std::vector<ScoreRequest> requests;
  for (int i = 0; i < 30; ++i) requests.push_back(Scoring(Prompt(60, i), Prompt(2 + i, 50 + i)));
  const auto answers = engine_->ScoreAll(requests);
  IMPRINT_ASSERT_OK(answers);
  ASSERT_EQ(answers->size(), requests.size());
  for (size_t i = 0; i < requests.size(); ++i) {
    ExpectEqualsNaive(*version_, requests[i], (*answers)[i]);
  }
}

TEST_F(ScoreTest, EachVersionAnswersForItself) {
  StartEngine();
  const SharedVersion other = testing::TinyVersion(2, 12);
  const std::vector<int32_t> context = Prompt(30, 7);
  std::vector<ScoreRequest> requests;
  for (int i = 0; i < 8; ++i) {
    ScoreRequest request = Scoring(Concatenation(context, Prompt(2, i)), Prompt(5, i));
    request.version = i % 2 == 0 ? version_ : other;
    request.shared_prefix = 30;
    requests.push_back(request);
  }
  const auto answers = engine_->ScoreAll(requests);
  IMPRINT_ASSERT_OK(answers);
  for (size_t i = 0; i < requests.size(); ++i) {
    ExpectEqualsNaive(*requests[i].version, requests[i], (*answers)[i]);
  }
}

TEST_F(ScoreTest, BadRequestsNameWhatIsWrong) {
  StartEngine();
  const auto refusal = [this](const ScoreRequest& request) {
    return engine_->Score(request, {}).status();
  };
  const auto is = [](const char* message) {
    return testing::IsError(absl::StatusCode::kInvalidArgument, ::testing::HasSubstr(message));
  };
  EXPECT_THAT(refusal(Scoring({}, {1})), is("prompt is empty"));
  EXPECT_THAT(refusal(Scoring({1}, {97})), is("target has token id 97"));
  EXPECT_THAT(refusal(Scoring(Prompt(200, 1), Prompt(57, 1))), is("window of 256"));
  ScoreRequest request = Scoring({1}, {1, 2, 3});
  request.requested_ids = {{1}, {2}};
  EXPECT_THAT(refusal(request), is("requested_ids has 2 lists"));
  request.requested_ids = {{1, -4}};
  EXPECT_THAT(refusal(request), is("requested_ids has token id -4"));
  request.requested_ids = {};
  request.top_k = -1;
  EXPECT_THAT(refusal(request), is("top_k"));
}

}  // namespace
}  // namespace imprint::engine
