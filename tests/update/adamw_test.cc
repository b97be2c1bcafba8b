// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/update/adamw.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/testing/test_device.h"

namespace imprint::update {
namespace {

at::Tensor Constant(std::initializer_list<float> values) {
  return at::tensor(values, at::TensorOptions().dtype(at::kFloat))
      .to(testing::TestPlacement("f32").device);
}

at::Tensor Leaf(std::initializer_list<float> values) {
  return Constant(values).requires_grad_(true);
}

TEST(AdamWTest, StepsAsThePaperSays) {
  const AdamWOptions options{.beta1 = 0.8, .beta2 = 0.9, .epsilon = 1e-6, .weight_decay = 0.1};
  at::Tensor parameter = Leaf({1.0F, -2.0F, 0.5F});
  AdamW optimizer(options, {parameter});
  double expected[3] = {1.0, -2.0, 0.5}, m[3] = {}, v[3] = {};
  for (int step = 1; step <= 4; ++step) {
    const double gradient[3] = {0.3 * step, -0.1, 2.0 / step};
    parameter.mutable_grad() =
        Constant({static_cast<float>(gradient[0]), static_cast<float>(gradient[1]),
                  static_cast<float>(gradient[2])});
    optimizer.Step(/*learning_rate=*/0.05);
    for (int i = 0; i < 3; ++i) {
      m[i] = options.beta1 * m[i] + (1 - options.beta1) * gradient[i];
      v[i] = options.beta2 * v[i] + (1 - options.beta2) * gradient[i] * gradient[i];
      const double m_hat = m[i] / (1 - std::pow(options.beta1, step));
      const double v_hat = v[i] / (1 - std::pow(options.beta2, step));
      expected[i] -= 0.05 * options.weight_decay * expected[i];
      expected[i] -= 0.05 * m_hat / (std::sqrt(v_hat) + options.epsilon);
      EXPECT_NEAR(parameter[i].item<double>(), expected[i], 1e-5) << "step " << step;
    }
  }
}

TEST(AdamWTest, NormSpansAllParameters) {
  at::Tensor a = Leaf({0, 0}), b = Leaf({0}), c = Leaf({0});
  AdamW optimizer({}, {a, b, c});
  EXPECT_EQ(optimizer.GradientNorm(), 0);
  a.mutable_grad() = Constant({3, 0});
  b.mutable_grad() = Constant({4});
  EXPECT_DOUBLE_EQ(optimizer.GradientNorm(), 5);
  b.mutable_grad() = Constant({std::numeric_limits<float>::infinity()});
  EXPECT_FALSE(std::isfinite(optimizer.GradientNorm()));
  optimizer.ZeroGradients();
  EXPECT_EQ(optimizer.GradientNorm(), 0);
}

TEST(AdamWTest, GradientsAreInTheParametersOrder) {
  at::Tensor a = Leaf({0, 0}), b = Leaf({0});
  AdamW optimizer({}, {a, b});
  optimizer.SetGradients({Constant({3, 4}), at::Tensor()});
  EXPECT_DOUBLE_EQ(optimizer.GradientNorm(), 5);
  EXPECT_TRUE(at::equal(a.grad(), Constant({3, 4})));
  EXPECT_FALSE(b.grad().defined());
}

TEST(AdamWTest, DividesTheGradient) {
  at::Tensor clipped = Leaf({1, 1}), plain = Leaf({1, 1});
  // Two steps of different sizes: Adam's first step alone does not see a scale.
  AdamW clipping({}, {clipped}), reference({}, {plain});
  clipped.mutable_grad() = Constant({8, 4});
  plain.mutable_grad() = Constant({2, 1});
  clipping.Step(0.1, /*gradient_divisor=*/4);
  reference.Step(0.1);
  clipped.mutable_grad() = Constant({1, 1});
  plain.mutable_grad() = Constant({1, 1});
  clipping.Step(0.1);
  reference.Step(0.1);
  EXPECT_TRUE(at::allclose(clipped, plain, 1e-6, 1e-7));
  EXPECT_FALSE(at::allclose(clipped, Leaf({1, 1})));
}

TEST(AdamWTest, ParameterWithoutGradientStays) {
  at::Tensor moved = Leaf({1}), still = Leaf({1});
  AdamW optimizer({.weight_decay = 0.5}, {moved, still});
  moved.mutable_grad() = Constant({1});
  optimizer.Step(0.1);
  EXPECT_NE(moved.item<float>(), 1);
  EXPECT_EQ(still.item<float>(), 1);
}

}  // namespace
}  // namespace imprint::update
