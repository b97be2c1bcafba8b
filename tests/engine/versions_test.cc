// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Streams across switches of the current version.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "tests/engine/engine_fixture.h"

namespace imprint::engine {
namespace {

using VersionsTest = EngineTest;

// Tokens seen so far, of all streams.
class TokenCount {
 public:
  bool Add() {
    absl::MutexLock lock(&mutex_);
    ++count_;
    return true;
  }
  void AwaitAtLeast(int count) {
    absl::MutexLock lock(&mutex_);
    const auto reached = [this, count] { return count_ >= count; };
    mutex_.Await(absl::Condition(&reached));
  }

 private:
  absl::Mutex mutex_;
  int count_ = 0;
};

TEST_F(VersionsTest, StreamsKeepTheirPinnedVersionOverSwaps) {
  constexpr int kStreams = 16;
  constexpr int kVersions = 7;
  constexpr int kTokens = 60;
  StartEngine();
  std::vector<SharedVersion> versions;
  for (int i = 0; i < kVersions; ++i) versions.push_back(testing::TinyVersion(i, 20 + i));

  TokenCount seen;
  std::vector<GenerateRequest> requests;
  std::vector<Pending<GenerateResult>> pending;
  for (int i = 0; i < kStreams; ++i) {
    GenerateRequest request = Request(Prompt(3 + i, i % 3), kTokens);
    request.version = versions[i * kVersions / kStreams];
    request.sampling.temperature = i % 2 == 0 ? 0.f : 1.f;
    request.sampling.seed = i;
    request.shared_prefix = 3;
    // Those before are under way: the swap falls into the middle of streams.
    seen.AwaitAtLeast(2 * i);
    engine_->SetCurrent(request.version);
    pending.push_back(Submit(request, [&seen](int32_t) { return seen.Add(); }));
    requests.push_back(request);
  }
  for (int i = 0; i < kStreams; ++i) {
    IMPRINT_ASSERT_OK(pending[i].Wait());
    EXPECT_EQ(pending[i].Wait()->tokens, NaiveGenerate(*requests[i].version, requests[i].prompt,
                                                       kTokens, requests[i].sampling))
        << i;
  }
}

// A stream that waits inside its first token until it is let go.
class StoppedStream {
 public:
  std::function<bool(int32_t)> OnToken() {
    return [this](int32_t) {
      if (!started_.HasBeenNotified()) {
        started_.Notify();
        go_on_.WaitForNotification();
      }
      return true;
    };
  }
  void AwaitStart() { started_.WaitForNotification(); }
  void GoOn() { go_on_.Notify(); }

 private:
  absl::Notification started_;
  absl::Notification go_on_;
};

TEST_F(VersionsTest, AfterTheDrainDeadlineStreamsOfTheOldVersionAreAborted) {
  EngineOptions options;
  options.drain_deadline = absl::Minutes(5);
  StartEngine(options);
  const SharedVersion base = testing::TinyVersion(0, 20);
  const SharedVersion next = testing::TinyVersion(2, 12);
  engine_->SetCurrent(version_);
  StoppedStream stopped;
  std::vector<Pending<GenerateResult>> pending;
  {
    const auto held = HoldBack();
    GenerateRequest request = Request(Prompt(4, 1), 200);
    pending.push_back(Submit(request, stopped.OnToken()));
    request.version = base;
    pending.push_back(Submit(request));
    request.version = next;
    pending.push_back(Submit(request));
  }
  stopped.AwaitStart();
  engine_->SetCurrent(next);
  clock_.Advance(absl::Minutes(5));
  stopped.GoOn();
  EXPECT_THAT(pending[0].Wait(),
              testing::IsError(absl::StatusCode::kAborted,
                               ::testing::AllOf(::testing::HasSubstr("version 1"),
                                                ::testing::HasSubstr("--version.drain_deadline"))));
  EXPECT_THAT(pending[1].Wait(), testing::IsOk());
  EXPECT_THAT(pending[2].Wait(), testing::IsOk());
}

TEST_F(VersionsTest, BeforeTheDrainDeadlineNothingIsAborted) {
  StartEngine();
  engine_->SetCurrent(version_);
  StoppedStream stopped;
  const auto pending = Submit(Request(Prompt(4, 1), 50), stopped.OnToken());
  stopped.AwaitStart();
  engine_->SetCurrent(testing::TinyVersion(2, 12));
  clock_.Advance(absl::Minutes(5) - absl::Seconds(1));
  stopped.GoOn();
  IMPRINT_ASSERT_OK(pending.Wait());
  EXPECT_EQ(pending.Wait()->tokens, NaiveGenerate(*version_, Prompt(4, 1), 50));
}

TEST_F(VersionsTest, AVersionThatBecomesCurrentAgainIsNotDrained) {
  StartEngine();
  engine_->SetCurrent(version_);
  StoppedStream stopped;
  const auto pending = Submit(Request(Prompt(4, 1), 50), stopped.OnToken());
  stopped.AwaitStart();
  engine_->SetCurrent(testing::TinyVersion(2, 12));
  engine_->SetCurrent(version_);  // rolled back
  clock_.Advance(absl::Hours(1));
  stopped.GoOn();
  IMPRINT_EXPECT_OK(pending.Wait());
}

TEST_F(VersionsTest, ACandidateThatWasNeverCurrentIsNotDrained) {
  StartEngine();
  engine_->SetCurrent(testing::TinyVersion(1, 12));
  GenerateRequest request = Request(Prompt(4, 1), 50);
  request.version = testing::TinyVersion(9, 13);
  StoppedStream stopped;
  const auto pending = Submit(request, stopped.OnToken());
  stopped.AwaitStart();
  engine_->SetCurrent(testing::TinyVersion(2, 14));
  clock_.Advance(absl::Hours(1));
  stopped.GoOn();
  IMPRINT_EXPECT_OK(pending.Wait());
}

TEST_F(VersionsTest, AVersionIsLetGoWhenItsLastStreamEnds) {
  StartEngine();
  SharedVersion passing = testing::TinyVersion(7, 12);
  const std::weak_ptr<const version::Version> watch = passing;
  GenerateRequest request = Request(Prompt(4, 1), 5);
  request.version = std::move(passing);
  const auto pending = Submit(std::move(request));
  IMPRINT_ASSERT_OK(pending.Wait());
  EXPECT_TRUE(watch.expired());
}

TEST_F(VersionsTest, ASwitchFreesTheCacheOfTheOldVersion) {
  StartEngine();
  engine_->SetCurrent(version_);
  Tokens(Request(Prompt(30, 1), 5));
  EXPECT_GT(engine_->load().kv_tokens, 0);
  engine_->SetCurrent(testing::TinyVersion(2, 12));
  // The order of what the engine is told is kept: after this answer the switch was seen.
  IMPRINT_ASSERT_OK(engine_->ScoreAll({Scoring(Prompt(3, 1), {1})}));
  EXPECT_EQ(engine_->load().kv_tokens, 0);
}

}  // namespace
}  // namespace imprint::engine
