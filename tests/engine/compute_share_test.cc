// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/engine/compute_share.h"

#include <gtest/gtest.h>

#include <algorithm>
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

// Serving that never pauses leaves training its share behind each step, however slow the machine
// is at the moment.
void ExpectShareOfTraining(double asked, double training_share) {
  constexpr int kSteps = 10;
  ComputeShare share(asked);
  share.BeginTraining();
  absl::Duration step;
  absl::Time ended;
  for (int i = 0; i <= kSteps; ++i) {
    share.BeginServing();
    const absl::Time began = absl::Now();
    const absl::Duration owed = step * training_share / (1 - training_share);
    if (i > 0) {
      EXPECT_GE(began - ended, std::min(owed, absl::Seconds(1)));
    }
    absl::SleepFor(absl::Microseconds(500));
    ended = absl::Now();
    step = ended - began;
    share.EndServing();
  }
  share.EndTraining();
}

TEST(ComputeShareTest, TrainingIsNotStarvedByServingThatNeverPauses) {
  for (const double share : {0.2, 0.5, 0.8}) ExpectShareOfTraining(share, share);
}

TEST(ComputeShareTest, ShareIsBroughtIntoItsRange) {
  ExpectShareOfTraining(-1, 0.05);
  ExpectShareOfTraining(0, 0.05);
  ExpectShareOfTraining(7, 0.95);
}

TEST(ComputeShareTest, AClockThatIsSetBackOwesNoMoreThanASecond) {
  fakes::FakeClock clock;
  ComputeShare share(0.5, &clock);
  share.BeginTraining();
  share.BeginServing();
  clock.Advance(absl::Seconds(1));
  share.EndServing();
  clock.Advance(-absl::Hours(1));
  std::thread serving([&] {
    share.BeginServing();
    share.EndServing();
  });
  // Counted from wherever the clock stands.
  absl::SleepFor(absl::Milliseconds(5));
  clock.Advance(absl::Hours(1));
  serving.join();
  share.EndTraining();
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
