// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Full queues, full memory, cancellation, deadlines, shutdown and failing steps.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/engine/engine_fixture.h"

namespace imprint::engine {
namespace {

using LimitsTest = EngineTest;
using ::testing::AllOf;
using testing::HasCode;
using ::testing::HasSubstr;
using testing::IsError;

TEST_F(LimitsTest, AFullQueueRefusesUsersAndNamesTheFlag) {
  EngineOptions options;
  options.max_running = 2;
  options.max_waiting = 3;
  StartEngine(options);
  std::vector<Pending<GenerateResult>> accepted;
  {
    const auto held = HoldBack();
    for (int i = 0; i < 5; ++i) accepted.push_back(Submit(Request(Prompt(3, i), 4)));
    EXPECT_THAT(engine_->Generate(Request(Prompt(3, 1), 4), {}),
                IsError(absl::StatusCode::kResourceExhausted, HasSubstr("--serve.max_waiting")));
    EXPECT_THAT(engine_->Score(Scoring({1}, {2}), {}),
                HasCode(absl::StatusCode::kResourceExhausted));
    // The server's own work waits in memory that it bounds itself.
    GenerateRequest background = Request(Prompt(3, 9), 4);
    background.priority = Priority::kBackground;
    accepted.push_back(Submit(background));
  }
  for (const auto& pending : accepted) IMPRINT_EXPECT_OK(pending.Wait());
  EXPECT_EQ(Tokens(Request(Prompt(3, 1), 4)).size(), 4u);  // room again
}

TEST_F(LimitsTest, WhatCanNeverFitIsRefusedAndNamesTheFlag) {
  EngineOptions options;
  options.kv_tokens = 50;
  StartEngine(options);
  const auto message = AllOf(HasSubstr("--serve.kv_tokens"), HasSubstr("50"));
  EXPECT_THAT(engine_->Generate(Request(Prompt(41, 1), 10), {}),
              IsError(absl::StatusCode::kInvalidArgument, message));
  EXPECT_THAT(engine_->Score(Scoring(Prompt(41, 1), Prompt(10, 1)), {}),
              IsError(absl::StatusCode::kInvalidArgument, message));
  EXPECT_EQ(Tokens(Request(Prompt(40, 1), 0)).size(), 10u);  // to the end of the room
}

TEST_F(LimitsTest, KeysAndValuesNeverExceedTheLimit) {
  EngineOptions options;
  options.kv_tokens = 120;
  StartEngine(options);
  std::vector<GenerateRequest> requests;
  for (int i = 0; i < 20; ++i) {
    requests.push_back(Request(Prompt(5 + 2 * i, i), 20 + i));
    requests.back().shared_prefix = 3 + i;
    requests.back().priority = i % 3 == 0 ? Priority::kUser : Priority::kBackground;
  }
  std::vector<Pending<GenerateResult>> pending;
  for (const GenerateRequest& request : requests) {
    pending.push_back(Submit(request, [this](int32_t) {
      EXPECT_LE(engine_->load().kv_tokens, 120);
      return true;
    }));
  }
  for (size_t i = 0; i < requests.size(); ++i) {
    IMPRINT_ASSERT_OK(pending[i].Wait());
    EXPECT_EQ(pending[i].Wait()->tokens,
              NaiveGenerate(*version_, requests[i].prompt, requests[i].max_tokens))
        << i;
  }
}

TEST_F(LimitsTest, UsersGoBeforeBackgroundWork) {
  EngineOptions options;
  options.max_running = 2;
  StartEngine(options);
  std::vector<int> order;
  const auto noting = [&order](int who) {
    return [&order, who](int32_t) {
      if (std::find(order.begin(), order.end(), who) == order.end()) order.push_back(who);
      return true;
    };
  };
  std::vector<Pending<GenerateResult>> pending;
  {
    const auto held = HoldBack();
    for (int i = 0; i < 3; ++i) {
      GenerateRequest background = Request(Prompt(20, i), 5);
      background.priority = Priority::kBackground;
      pending.push_back(Submit(background, noting(10 + i)));
    }
    for (int i = 0; i < 4; ++i) pending.push_back(Submit(Request(Prompt(20, i), 5), noting(i)));
  }
  for (const auto& p : pending) IMPRINT_ASSERT_OK(p.Wait());
  EXPECT_THAT(order, ::testing::ElementsAre(0, 1, 2, 3, 10, 11, 12));
}

// Stands still, and does something when it is asked for the time once more.
class ClockThatActs final : public Clock {
 public:
  absl::Time Now() const override {
    if (count_.fetch_sub(1) == 1) act_();
    return absl::UnixEpoch();
  }
  // At the `count`-th time from now on.
  void ActAt(int count, std::function<void()> act) {
    act_ = std::move(act);
    count_ = count;
  }

 private:
  mutable std::atomic<int> count_ = 0;
  std::function<void()> act_;
};

// A step of the gate kept every stream waiting: the longest pause about a swap.
TEST_F(LimitsTest, AUserIsAnsweredWithinAStepOfTheServersOwnWork) {
  ClockThatActs clock;
  engine_ = Engine::Start({}, &share_, metrics_.engine(), &clock);
  std::vector<std::string> order;
  std::vector<int32_t> answer;
  std::vector<ScoreResult::Token> interrupted;
  absl::Notification scored;
  ScoreRequest background = Scoring(Prompt(20, 1), Prompt(10, 2));
  background.priority = Priority::kBackground;
  {
    const auto held = HoldBack();
    const auto score = engine_->Score(background, [&](const absl::StatusOr<ScoreResult>& result) {
      IMPRINT_EXPECT_OK(result);
      if (result.ok()) interrupted = result->tokens;
      order.push_back("background");
      scored.Notify();
    });
    IMPRINT_ASSERT_OK(score);
    // What is due of users, what is due of the rest, the step, its first layer.
    clock.ActAt(4, [&] {
      GenerateCallbacks callbacks;
      callbacks.on_done = [&](absl::StatusOr<GenerateResult> result) {
        IMPRINT_EXPECT_OK(result);
        if (result.ok()) answer = result->tokens;
        order.push_back("user");
      };
      IMPRINT_EXPECT_OK(engine_->Generate(Request(Prompt(7, 3), 2), std::move(callbacks)));
    });
  }
  scored.WaitForNotification();
  EXPECT_THAT(order, ::testing::ElementsAre("user", "background"));
  EXPECT_EQ(answer, NaiveGenerate(*version_, Prompt(7, 3), 2));
  const auto again = Submit(background);
  IMPRINT_EXPECT_OK(again.Wait());
  ASSERT_EQ(interrupted.size(), 10U);
  for (size_t i = 0; i < interrupted.size(); ++i) {
    EXPECT_EQ(interrupted[i].log_prob, again.Wait()->tokens[i].log_prob) << i;
  }
  engine_.reset();  // before its clock
}

// Goes on whenever it is asked for the time.
class ClockThatRuns final : public Clock {
 public:
  absl::Time Now() const override {
    return absl::UnixEpoch() + absl::Milliseconds(count_.fetch_add(1));
  }

 private:
  mutable std::atomic<int> count_ = 0;
};

class BesideAStreamTest : public EngineTest {
 protected:
  // While a user's stream goes on, and not only behind its end.
  void ExpectScored(ScoreRequest request) {
    std::atomic<bool> streaming = true;
    Pending<GenerateResult> stream;
    Pending<ScoreResult> scored;
    {
      const auto held = HoldBack();
      stream = Submit(Request(Prompt(3, 1), 0), [&](int32_t) { return streaming.load(); });
      scored = Submit(std::move(request));
    }
    IMPRINT_EXPECT_OK(scored.Wait());
    EXPECT_FALSE(stream.done()) << "it came only when nobody streamed any more";
    streaming = false;
    IMPRINT_EXPECT_OK(stream.Wait());
  }
};

TEST_F(BesideAStreamTest, UsersThatNeverPauseLeaveTheServersOwnWorkItsPart) {
  ClockThatRuns clock;
  engine_ = Engine::Start({}, &share_, metrics_.engine(), &clock);
  ScoreRequest background = Scoring(Prompt(20, 1), Prompt(10, 2));
  background.priority = Priority::kBackground;
  ExpectScored(std::move(background));
  engine_.reset();  // before its clock
}

// What streams decode in a step left too little room for it, in every step.
TEST_F(BesideAStreamTest, AScoreAsLongAsAStepIsNotStarved) {
  EngineOptions options;
  options.prefill_chunk = 16;
  StartEngine(options);
  ExpectScored(Scoring(Prompt(10, 2), Prompt(7, 3)));
}

TEST_F(LimitsTest, CancelledRequestsLeaveWhereverTheyAre) {
  EngineOptions options;
  options.max_running = 1;
  StartEngine(options);
  Pending<GenerateResult> running;
  Pending<GenerateResult> waiting;
  Pending<ScoreResult> scoring;
  int tokens = 0;
  {
    const auto held = HoldBack();
    running = Submit(Request(Prompt(3, 1), 200), [&running, &tokens](int32_t) {
      if (++tokens == 3) running.handle.Cancel();
      return true;
    });
    waiting = Submit(Request(Prompt(3, 2), 200));
    scoring = Submit(Scoring(Prompt(3, 2), {1}));
    waiting.handle.Cancel();
    scoring.handle.Cancel();
  }
  EXPECT_THAT(running.Wait(), HasCode(absl::StatusCode::kCancelled));
  EXPECT_THAT(waiting.Wait(), HasCode(absl::StatusCode::kCancelled));
  EXPECT_THAT(scoring.Wait(), HasCode(absl::StatusCode::kCancelled));
  EXPECT_EQ(tokens, 3);
  EXPECT_EQ(engine_->load().running, 0);
}

TEST_F(LimitsTest, ExpiredRequestsLeaveWhereverTheyAre) {
  EngineOptions options;
  options.max_running = 1;
  StartEngine(options);
  GenerateRequest request = Request(Prompt(3, 1), 200);
  request.deadline = clock_.Now() + absl::Seconds(10);
  int tokens = 0;
  std::vector<Pending<GenerateResult>> pending;
  {
    const auto held = HoldBack();
    pending.push_back(Submit(request, [&](int32_t) {
      if (++tokens == 3) clock_.Advance(absl::Seconds(10));
      return true;
    }));
    pending.push_back(Submit(request));
  }
  EXPECT_THAT(pending[0].Wait(), HasCode(absl::StatusCode::kDeadlineExceeded));
  EXPECT_THAT(pending[1].Wait(), HasCode(absl::StatusCode::kDeadlineExceeded));
  EXPECT_EQ(tokens, 3);
}

TEST_F(LimitsTest, DrainRefusesNewRequestsAndLetsTheOthersEnd) {
  StartEngine();
  const auto pending = Submit(Request(Prompt(3, 1), 100));
  engine_->Drain(clock_.Now() + absl::Minutes(1));
  EXPECT_THAT(engine_->Generate(Request(Prompt(3, 1), 4), {}),
              HasCode(absl::StatusCode::kUnavailable));
  EXPECT_THAT(engine_->ScoreAll({Scoring({1}, {2})}), HasCode(absl::StatusCode::kUnavailable));
  IMPRINT_ASSERT_OK(pending.Wait());
  EXPECT_EQ(pending.Wait()->tokens.size(), 100u);
}

TEST_F(LimitsTest, AtTheEndOfTheDrainTheRestEnds) {
  StartEngine();
  int tokens = 0;
  const auto pending = Submit(Request(Prompt(3, 1), 100), [&](int32_t) {
    if (++tokens == 5) {
      engine_->Drain(clock_.Now() + absl::Minutes(1));
      clock_.Advance(absl::Minutes(1));
    }
    return true;
  });
  EXPECT_THAT(pending.Wait(), HasCode(absl::StatusCode::kUnavailable));
  EXPECT_EQ(tokens, 5);
}

TEST_F(LimitsTest, TheEndOfTheEngineEndsEverything) {
  EngineOptions options;
  options.max_running = 1;
  StartEngine(options);
  absl::Notification begun;
  std::vector<Pending<GenerateResult>> pending;
  pending.push_back(Submit(Request(Prompt(3, 1), 250), [&begun](int32_t) {
    if (!begun.HasBeenNotified()) begun.Notify();
    return true;
  }));
  for (int i = 0; i < 200; ++i) pending.push_back(Submit(Request(Prompt(3, i), 250)));
  const auto scoring = Submit(Scoring(Prompt(250, 1), {1}));
  begun.WaitForNotification();
  engine_.reset();
  for (const auto& p : pending) EXPECT_TRUE(p.done());
  EXPECT_TRUE(scoring.done());
  EXPECT_THAT(pending.back().Wait(), HasCode(absl::StatusCode::kUnavailable));
}

TEST_F(LimitsTest, AFailingStepEndsItsRequestsAndTheEngineGoesOn) {
  StartEngine();
  auto broken_weights = std::make_shared<model::Weights>(*version_->weights);
  broken_weights->head =
      at::zeros({97, 7}, at::TensorOptions().device(at::kCPU).dtype(at::kFloat));  // not hidden
  auto broken = std::make_shared<version::Version>();
  broken->number = 3;
  broken->weights = broken_weights;
  std::vector<Pending<GenerateResult>> pending;
  {
    const auto held = HoldBack();
    GenerateRequest request = Request(Prompt(5, 1), 5);
    pending.push_back(Submit(request));
    request.version = broken;
    pending.push_back(Submit(request));
  }
  IMPRINT_ASSERT_OK(pending[0].Wait());
  EXPECT_EQ(pending[0].Wait()->tokens, NaiveGenerate(*version_, Prompt(5, 1), 5));
  EXPECT_THAT(pending[1].Wait(), HasCode(absl::StatusCode::kInternal));
  EXPECT_EQ(Tokens(Request(Prompt(5, 1), 5)).size(), 5u);
  EXPECT_EQ(engine_->load().running, 0);
}

TEST_F(LimitsTest, TrainingBesideServingChangesNoToken) {
  StartEngine();
  std::vector<Pending<GenerateResult>> pending;
  for (int i = 0; i < 6; ++i) pending.push_back(Submit(Request(Prompt(5, i), 40)));
  share_.BeginTraining();
  const auto all_done = [&pending] {
    return std::all_of(pending.begin(), pending.end(), [](const auto& p) { return p.done(); });
  };
  while (!all_done()) share_.Yield();
  share_.EndTraining();
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(pending[i].Wait()->tokens, NaiveGenerate(*version_, Prompt(5, i), 40)) << i;
  }
}

TEST_F(LimitsTest, CountsWhatItDoes) {
  StartEngine();
  Tokens(Request(Prompt(5, 1), 7));
  IMPRINT_ASSERT_OK(engine_->ScoreAll({Scoring(Prompt(5, 2), {1, 2, 3})}));
  const metrics::EngineMetrics& counted = *metrics_.engine();
  EXPECT_EQ(counted.prompt_tokens->Value(), 5);
  EXPECT_EQ(counted.output_tokens->Value(), 7);
  EXPECT_EQ(counted.background_tokens->Value(), 3);
  EXPECT_EQ(counted.running->Value(), 0);
  EXPECT_EQ(counted.prefix_miss_tokens->Value(), 10);
}

// An engine that hung at its first step showed nobody who waits, and no alert fired.
TEST_F(LimitsTest, WhoWaitsIsSeenThoughTheEngineStandsStill) {
  StartEngine();
  std::vector<Pending<GenerateResult>> pending;
  {
    const auto held = HoldBack();
    for (int i = 0; i < 3; ++i) pending.push_back(Submit(Request(Prompt(3, i), 4)));
    EXPECT_EQ(metrics_.engine()->running->Value() + metrics_.engine()->waiting->Value(), 3);
  }
  for (const auto& one : pending) IMPRINT_EXPECT_OK(one.Wait());
}

TEST(EngineWithoutMetricsTest, Works) {
  ComputeShare share(0.3);
  const auto engine = Engine::Start({}, &share, nullptr, Clock::Real());
  GenerateRequest request;
  request.version = testing::TinyVersion(0, 1);
  request.prompt = {1, 2};
  request.max_tokens = 3;
  const auto answers = engine->GenerateAll({request});
  IMPRINT_ASSERT_OK(answers);
  EXPECT_EQ((*answers)[0].tokens.size(), 3u);
}

}  // namespace
}  // namespace imprint::engine
