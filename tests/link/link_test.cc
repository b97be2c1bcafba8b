// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include <ATen/ATen.h>
#include <gtest/gtest.h>

TEST(LinkTest, TorchMultiplies) {
  at::Tensor a_MK = at::ones({2, 3}, at::kFloat);
  EXPECT_EQ(at::matmul(a_MK, a_MK.t()).sum().item<float>(), 12.0F);
}
