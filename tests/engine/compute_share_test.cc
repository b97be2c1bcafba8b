// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/engine/compute_share.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/fakes/fake_clock.h"

namespace imprint::engine {
namespace {

TEST(ComputeShareTest, ServingAloneNeverWaits) {
  ComputeShare share(0.5);
  for (int i = 0; i < 3; ++i) {
    share.BeginServing();
    share.EndServing();
  }
}

TEST(ComputeShareTest, YieldWithoutServingGoesOn) {
  ComputeShare share(0.5);
  share.BeginTraining();
  share.Yield();
  share.Yield();
  share.EndTraining();
}

// It waited for a layer of the training, which was most of the time between two tokens.
TEST(ComputeShareTest, ServingBeginsThoughTrainingDoesNotYield) {
  ComputeShare share(0.5);
  share.BeginTraining();
  share.BeginServing();
  share.EndServing();
  share.EndTraining();
}

TEST(ComputeShareTest, EveryThreadOfTheTrainingWaitsForTheEndOfAServingStep) {
  ComputeShare share(0.5);
  std::atomic<bool> serving{false};
  std::atomic<bool> served{false};
  share.BeginTraining();
  const auto train = [&] {
    while (!serving) absl::SleepFor(absl::Microseconds(50));
    share.Yield();
    EXPECT_TRUE(served);
  };
  std::thread first(train), second(train);
  share.BeginServing();
  serving = true;
  absl::SleepFor(absl::Milliseconds(5));
  served = true;
  share.EndServing();
  first.join();
  second.join();
  share.EndTraining();
}

TEST(ComputeShareTest, TimeThatIsOwedIsWaitedForOnce) {
  fakes::FakeClock clock;
  ComputeShare share(0.5, &clock);
  share.BeginTraining();
  share.BeginServing();
  clock.Advance(absl::Hours(1));
  share.EndServing();
  // However long the step was, a stream waits for no more than a second.
  clock.Advance(absl::Seconds(1));
  share.BeginServing();
  share.EndServing();
  share.BeginServing();
  share.EndServing();
  share.EndTraining();
}

TEST(ComputeShareTest, ServingGoesOnWhenTrainingEnds) {
  fakes::FakeClock clock;  // stands still: what is owed is never had
  ComputeShare share(0.5, &clock);
  share.BeginTraining();
  share.BeginServing();
  clock.Advance(absl::Seconds(1));
  share.EndServing();
  std::atomic<bool> served{false};
  std::thread serving([&] {
    share.BeginServing();
    served = true;
    share.EndServing();
  });
  EXPECT_FALSE(served);
  share.EndTraining();
  serving.join();
  EXPECT_TRUE(served);
}

TEST(ComputeShareTest, ATrainingIsNotOwedWhatTheOneBeforeItWas) {
  fakes::FakeClock clock;
  ComputeShare share(0.5, &clock);
  share.BeginTraining();
  share.BeginServing();
  clock.Advance(absl::Seconds(1));
  share.EndServing();
  share.EndTraining();
  share.BeginTraining();
  share.BeginServing();
  share.EndServing();
  share.EndTraining();
}

// The part of the time that serving leaves to training while it never pauses itself.
double ShareOfTraining(double training_share) {
  constexpr int kSteps = 30;
  ComputeShare share(training_share);
  share.BeginTraining();
  absl::Duration served, left;
  absl::Time ended = absl::Now();
  for (int i = 0; i <= kSteps; ++i) {
    share.BeginServing();
    const absl::Time began = absl::Now();
    if (i > 0) left += began - ended;
    absl::SleepFor(absl::Microseconds(500));
    ended = absl::Now();
    if (i < kSteps) served += ended - began;
    share.EndServing();
  }
  share.EndTraining();
  return absl::FDivDuration(left, left + served);
}

TEST(ComputeShareTest, TrainingIsNotStarvedByServingThatNeverPauses) {
  for (const double share : {0.2, 0.5, 0.8}) EXPECT_GE(ShareOfTraining(share), share * 0.95);
}

TEST(ComputeShareTest, ShareIsBroughtIntoItsRange) {
  EXPECT_GE(ShareOfTraining(-1), 0.05 * 0.95);
  EXPECT_GE(ShareOfTraining(0), 0.05 * 0.95);
  EXPECT_GE(ShareOfTraining(7), 0.95 * 0.95);
}

TEST(ComputeShareTest, TrainingThatNeverPausesDoesNotStarveServing) {
  ComputeShare share(0.95);
  std::atomic<bool> enough{false};
  std::thread training([&] {
    share.BeginTraining();
    while (!enough) share.Yield();
    share.EndTraining();
  });
  for (int i = 0; i < 200; ++i) {
    share.BeginServing();
    share.EndServing();
  }
  enough = true;
  training.join();
}

}  // namespace
}  // namespace imprint::engine
