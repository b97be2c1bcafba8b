// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/model/device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ATen/Parallel.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/test_device.h"

namespace imprint::model {
namespace {

using ::imprint::testing::HasCode;
using ::imprint::testing::IsError;
using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(PlacementTest, F32ComputesInF32) {
  IMPRINT_ASSERT_OK_AND_ASSIGN(const Placement placement, MakePlacement("cpu", "f32"));

  EXPECT_EQ(placement.device, at::Device(at::kCPU));
  EXPECT_EQ(placement.weights, at::kFloat);
  EXPECT_EQ(placement.compute, at::kFloat);
}

TEST(PlacementTest, Bfloat16RoundsWeightsAndComputesInWhatIsFast) {
  IMPRINT_ASSERT_OK_AND_ASSIGN(const Placement placement, MakePlacement("cpu", "bf16"));

  EXPECT_EQ(placement.weights, at::kBFloat16);
  EXPECT_TRUE(placement.compute == at::kFloat || placement.compute == at::kBFloat16);
}

TEST(PlacementTest, OtherWordsAreRefusedByFlag) {
  EXPECT_THAT(MakePlacement("cpu", "fp8"), IsError(absl::StatusCode::kInvalidArgument,
                                                   AllOf(HasSubstr("fp8"), HasSubstr("--dtype"))));
  for (const char* device : {"", "gpu", "cuda", "cuda:", "cuda:x", "cuda:-1", "cuda:999"}) {
    EXPECT_THAT(MakePlacement(device, "f32"),
                IsError(absl::StatusCode::kInvalidArgument, HasSubstr("--device")))
        << device;
  }
}

TEST(PlacementTest, ADeviceThatIsNotThereSaysWhatWasTried) {
  EXPECT_THAT(MakePlacement("cuda:127", "bf16"),
              IsError(absl::StatusCode::kFailedPrecondition,
                      AllOf(HasSubstr("cuda:127"), HasSubstr("--device"))));
}

TEST(PlacementTest, TheTestDeviceWorks) {
  EXPECT_EQ(testing::TestPlacement("f32").device.str(), testing::TestDevice());
}

TEST(ComputeThreadsTest, AreAtLeastOne) {
  const int before = at::get_num_threads();
  SetComputeThreads(0);
  EXPECT_EQ(at::get_num_threads(), 1);
  SetComputeThreads(before);
  EXPECT_EQ(at::get_num_threads(), before);
}

}  // namespace
}  // namespace imprint::model
