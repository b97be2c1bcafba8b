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

// Counts who holds the device; two at once is what must never be.
class Device {
 public:
  void Enter() { EXPECT_EQ(holders_.fetch_add(1), 0); }
  void Leave() { holders_.fetch_sub(1); }

 private:
  std::atomic<int> holders_{0};
};

TEST(ComputeShareTest, ServingAloneNeverWaits) {
  ComputeShare share(0.5);
  for (int i = 0; i < 3; ++i) {
    share.BeginServing();
    share.EndServing();
  }
}

TEST(ComputeShareTest, YieldWithoutServingKeepsTheDevice) {
  ComputeShare share(0.5);
  share.BeginTraining();
  share.Yield();
  share.Yield();
  share.EndTraining();
}

TEST(ComputeShareTest, ServingGetsItsTurnAtAYield) {
  ComputeShare share(0.5);
  Device device;
  std::atomic<bool> served{false};
  share.BeginTraining();
  device.Enter();
  std::thread serving([&] {
    share.BeginServing();
    device.Enter();
    served = true;
    device.Leave();
    share.EndServing();
  });
  while (!served) {
    device.Leave();
    share.Yield();
    device.Enter();
  }
  device.Leave();
  share.EndTraining();
  serving.join();
}

TEST(ComputeShareTest, ServingWaitsForEveryThreadOfTheTraining) {
  ComputeShare share(0.5);
  std::atomic<int> training{2};
  std::atomic<bool> served{false};
  share.BeginTraining();
  share.BeginTraining();
  std::thread serving([&] {
    share.BeginServing();
    EXPECT_EQ(training, 0) << "one of them still computes";
    served = true;
    share.EndServing();
  });
  std::thread other([&] {
    while (!served) {
      --training;
      share.Yield();
      ++training;
    }
    share.EndTraining();
  });
  // This one computes for longer between its yields.
  while (!served) {
    absl::SleepFor(absl::Milliseconds(2));
    --training;
    share.Yield();
    ++training;
  }
  share.EndTraining();
  other.join();
  serving.join();
}

TEST(ComputeShareTest, ServingGoesOnWhenTrainingEnds) {
  ComputeShare share(0.5);
  std::atomic<bool> served{false};
  share.BeginTraining();
  std::thread serving([&] {
    share.BeginServing();
    served = true;
    share.EndServing();
  });
  share.EndTraining();
  serving.join();
  EXPECT_TRUE(served);
}

// Serving that never pauses: training still gets its share. It may get more, in the moments
// in which the serving thread is not scheduled. A turn of the training has so many layers.
void ExpectShareOfTraining(double training_share, double at_least, int layers = 1'000'000) {
  constexpr absl::Duration kStep = absl::Milliseconds(10);
  constexpr absl::Duration kLayer = absl::Milliseconds(3);
  constexpr int kSteps = 300;
  fakes::FakeClock clock;
  ComputeShare share(training_share, &clock);
  Device device;
  std::atomic<bool> serving_ended{false};
  absl::Duration trained;
  share.BeginTraining();
  std::thread serving([&] {
    for (int i = 0; i < kSteps; ++i) {
      share.BeginServing();
      device.Enter();
      // Long enough for a training that has just ended a turn to ask for the next: what it
      // does not ask for it does not earn.
      absl::SleepFor(absl::Microseconds(100));
      clock.Advance(kStep);
      device.Leave();
      share.EndServing();
    }
    serving_ended = true;
  });
  for (int layer = 1; !serving_ended; ++layer) {
    device.Enter();
    clock.Advance(kLayer);
    trained += kLayer;
    device.Leave();
    if (layer % layers != 0) {
      share.Yield();
      continue;
    }
    share.EndTraining();
    share.BeginTraining();
  }
  share.EndTraining();
  serving.join();
  const absl::Duration served = kSteps * kStep;
  const double reached = absl::FDivDuration(trained, trained + served);
  EXPECT_GE(reached, at_least * 0.95);
}

TEST(ComputeShareTest, TrainingIsNotStarvedByServingThatNeverPauses) {
  for (const double share : {0.2, 0.5, 0.8}) ExpectShareOfTraining(share, share);
}

// Each turn began with nothing earned, so that short ones had far less than their share.
TEST(ComputeShareTest, ShortTurnsOfTrainingGetItsShareToo) {
  for (const int layers : {1, 2, 10}) ExpectShareOfTraining(0.5, 0.45, layers);
}

TEST(ComputeShareTest, TrainingThatNeverEndsDoesNotStarveServing) {
  ComputeShare share(0.95);
  std::atomic<bool> enough{false};
  std::thread training([&] {
    while (!enough) {
      share.BeginTraining();
      for (int i = 0; i < 5; ++i) share.Yield();
      share.EndTraining();
    }
  });
  for (int i = 0; i < 200; ++i) {
    share.BeginServing();
    share.EndServing();
  }
  enough = true;
  training.join();
}

TEST(ComputeShareTest, ShareIsBroughtIntoItsRange) {
  ExpectShareOfTraining(/*training_share=*/-1, /*at_least=*/0.05);
  ExpectShareOfTraining(/*training_share=*/0, /*at_least=*/0.05);
  ExpectShareOfTraining(/*training_share=*/7, /*at_least=*/0.95);
}

}  // namespace
}  // namespace imprint::engine
