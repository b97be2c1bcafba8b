// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/model/fused_rows.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "ATen/ATen.h"
#include "ATen/Parallel.h"
#include "ATen/core/grad_mode.h"

namespace imprint::model {
namespace {

// Against the same in f64 by libtorch's operators, in both dtypes, for widths with and without a
// remainder of the lanes.
class FusedRowsTest : public ::testing::TestWithParam<at::ScalarType> {
 protected:
  FusedRowsTest() { at::manual_seed(1); }

  static at::Tensor Random(at::IntArrayRef shape, double scale = 1) {
    return (at::randn(shape) * scale).to(GetParam());
  }
  static at::Tensor Precise(const at::Tensor& tensor) { return tensor.to(at::kDouble); }

  // Half a unit in the last place of the dtype, and what f32 inside adds.
  static void ExpectNear(const at::Tensor& actual, const at::Tensor& expected,
                         const std::string& what) {
    ASSERT_EQ(actual.sizes(), expected.sizes()) << what;
    const double relative = actual.scalar_type() == at::kBFloat16 ? 0x1p-8 : 2e-6;
    const at::Tensor error = (actual.to(at::kDouble) - expected).abs();
    const at::Tensor allowed = expected.abs() * relative + 3e-6;
    EXPECT_TRUE((error <= allowed).all().item<bool>())
        << what << ": " << (error - allowed).max().item<double>();
  }
};

constexpr int64_t kWidths[] = {1, 7, 8, 24, 31, 576};

TEST_P(FusedRowsTest, SwiGluAndItsGradient) {
  for (const int64_t size : kWidths) {
    const at::Tensor gate_up = Random({5, 2 * size}, 6);
    const at::Tensor grad = Random({5, size});
    const at::AutoGradMode with_grad(true);
    at::Tensor precise = Precise(gate_up).requires_grad_(true);
    const at::Tensor expected =
        at::silu(precise.narrow(1, 0, size)) * precise.narrow(1, size, size);
    expected.backward(Precise(grad));
    ExpectNear(FusedSwiGlu(gate_up), expected.detach(), "value");
    ExpectNear(FusedSwiGluBackward(gate_up, grad), precise.grad(), "gradient");
  }
}

TEST_P(FusedRowsTest, SwiGluOfValuesFarFromZeroIsFinite) {
  const at::Tensor gate =
      at::tensor({-1e30, -200., -89., -88., 88., 89., 200., 1e18}).to(GetParam());
  const at::Tensor gate_up = at::cat({gate, at::ones_like(gate)}).unsqueeze(0);
  const at::Tensor y = FusedSwiGlu(gate_up).to(at::kDouble)[0];
  const at::Tensor grad = FusedSwiGluBackward(gate_up, at::ones_like(gate).unsqueeze(0));
  EXPECT_TRUE(y.isfinite().all().item<bool>()) << y;
  EXPECT_TRUE(grad.isfinite().all().item<bool>()) << grad;
  EXPECT_LT(y.narrow(0, 1, 3).abs().max().item<double>(), 1e-30);
  EXPECT_TRUE(at::equal(y.narrow(0, 4, 4), Precise(gate).narrow(0, 4, 4)));
}

// A model that has gone wrong is to be seen as such.
TEST_P(FusedRowsTest, WhatIsNotANumberStaysSo) {
  at::Tensor gate_up = Random({1, 32});
  gate_up[0][3] = std::numeric_limits<double>::quiet_NaN();
  const at::Tensor y = FusedSwiGlu(gate_up);
  EXPECT_TRUE(y[0][3].isnan().item<bool>());
  EXPECT_EQ(y.isnan().sum().item<int64_t>(), 1);
  EXPECT_TRUE(FusedRmsNorm(gate_up, at::ones({32}).to(GetParam()), 1e-5, nullptr)
                  .isnan()
                  .all()
                  .item<bool>());
}

TEST_P(FusedRowsTest, RmsNormAndItsGradient) {
  // The sum through the blocks is f32 whatever the weights are; the heads' norms are of one dtype.
  for (const at::ScalarType x_dtype : {at::kFloat, GetParam()}) {
    for (const int64_t size : kWidths) {
      const at::Tensor x = Random({2, 3, size}, 4).to(x_dtype);
      const at::Tensor weight = Random({size});
      const at::Tensor grad = Random({2, 3, size});
      const at::AutoGradMode with_grad(true);
      at::Tensor precise = Precise(x).requires_grad_(true);
      const at::Tensor expected =
          precise * (precise.square().mean(-1, /*keepdim=*/true) + 1e-5).rsqrt() * Precise(weight);
      expected.backward(Precise(grad));
      at::Tensor reciprocal;
      ExpectNear(FusedRmsNorm(x, weight, 1e-5, &reciprocal), expected.detach(), "value");
      const at::Tensor gradient = FusedRmsNormBackward(x, reciprocal, weight, grad);
      EXPECT_EQ(gradient.scalar_type(), x_dtype);
      // A difference of near equals for a narrow row.
      EXPECT_LT((Precise(gradient) - precise.grad()).abs().max().item<double>(),
                x_dtype == at::kBFloat16 ? 2e-2 : 1e-5)
          << size;
    }
  }
}

TEST_P(FusedRowsTest, RotateForthAndBack) {
  for (const int64_t half : {1, 5, 8, 32}) {
    const at::Tensor wide = Random({4, 5, 2 * half});
    const at::Tensor heads = wide.narrow(1, 1, 3);  // a view, as among values that stay
    const at::Tensor before = wide.clone();
    const at::Tensor angles = at::randn({4, 1, half}) * 3;
    const at::Tensor cos = angles.cos(), sin = angles.sin();
    const at::Tensor first = Precise(heads).narrow(2, 0, half),
                     second = Precise(heads).narrow(2, half, half);
    const at::Tensor expected = at::cat({first * Precise(cos) - second * Precise(sin),
                                         second * Precise(cos) + first * Precise(sin)},
                                        2);
    FusedRotate(heads, cos, sin, /*back=*/false);
    ExpectNear(heads, expected, "forth");
    FusedRotate(heads, cos, sin, /*back=*/true);
    EXPECT_LT((Precise(wide) - Precise(before)).abs().max().item<double>(),
              GetParam() == at::kBFloat16 ? 4e-2 : 1e-5);
    EXPECT_TRUE(at::equal(wide.narrow(1, 0, 1), before.narrow(1, 0, 1)));
    EXPECT_TRUE(at::equal(wide.narrow(1, 4, 1), before.narrow(1, 4, 1)));
  }
}

TEST_P(FusedRowsTest, AddIntoTheResidualOrBesideIt) {
  for (const int64_t size : kWidths) {
    const at::Tensor residual = at::randn({3, size});
    const at::Tensor y = Random({3, size});
    const at::Tensor before = residual.clone();
    const at::Tensor expected = Precise(residual) + Precise(y);
    ExpectNear(FusedAdd(residual, y, /*overwrite=*/false), expected, "beside");
    EXPECT_TRUE(at::equal(residual, before));
    EXPECT_TRUE(FusedAdd(residual, y, /*overwrite=*/true).is_same(residual));
    ExpectNear(residual, expected, "into");
  }
}

// As of a vocabulary, of which some tokens are left out and counted elsewhere.
TEST_P(FusedRowsTest, ExpSumsAndWhatIsMadeOfThem) {
  for (const int64_t size : {1, 15, 16, 100, 5003}) {
    at::Tensor logits = Random({4, size}, 5);
    if (size > 2) logits.select(1, 2).fill_(-std::numeric_limits<float>::infinity());
    const at::Tensor least = at::tensor({-1e9F, 3.0F, 100.0F, -2.0F});
    const at::Tensor factor = at::tensor({1.0F, -0.5F, 2.0F, 0.0F});
    const at::Tensor precise = Precise(logits);
    const at::Tensor greatest = at::maximum(precise.amax(1), Precise(least));
    const at::Tensor shares = (precise - greatest.unsqueeze(1)).exp();

    const ExpSums sums = FusedExpSums(logits, least);
    EXPECT_EQ(sums.sum.scalar_type(), at::kDouble);
    EXPECT_TRUE(at::equal(Precise(sums.greatest), greatest)) << size;
    EXPECT_TRUE(at::allclose(sums.sum, shares.sum(1), 2e-6, 1e-30)) << size;

    FusedScaledExp(logits, sums.greatest, factor);
    ExpectNear(logits, shares * Precise(factor).unsqueeze(1), "scaled");
  }
}

TEST_P(FusedRowsTest, ExpSumsOfWhatIsNotANumberAreNone) {
  const at::Tensor logits = Random({2, 40});
  logits[1][17] = std::numeric_limits<float>::quiet_NaN();
  const ExpSums sums = FusedExpSums(logits, at::zeros({2}));
  EXPECT_TRUE(std::isfinite(sums.sum[0].item<double>()));
  EXPECT_TRUE(std::isnan(sums.sum[1].item<double>()));
}

TEST_P(FusedRowsTest, HowManyThreadsComputeChangesNoBit) {
  const at::Tensor gate_up = Random({300, 2 * 400});
  const at::Tensor weight = Random({800});
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const at::Tensor alone = FusedSwiGlu(gate_up);
  const at::Tensor normed_alone = FusedRmsNorm(gate_up, weight, 1e-5, nullptr);
  at::set_num_threads(4);
  EXPECT_TRUE(at::equal(FusedSwiGlu(gate_up), alone));
  EXPECT_TRUE(at::equal(FusedRmsNorm(gate_up, weight, 1e-5, nullptr), normed_alone));
  at::set_num_threads(threads);
}

TEST_P(FusedRowsTest, NoRows) {
  EXPECT_EQ(FusedSwiGlu(Random({0, 16})).sizes(), (at::IntArrayRef{0, 8}));
  EXPECT_EQ(FusedRmsNorm(Random({0, 8}), Random({8}), 1e-5, nullptr).sizes(),
            (at::IntArrayRef{0, 8}));
}

INSTANTIATE_TEST_SUITE_P(Dtypes, FusedRowsTest, ::testing::Values(at::kFloat, at::kBFloat16),
                         [](const auto& dtype) {
                           return dtype.param == at::kFloat ? std::string("f32")
                                                            : std::string("bf16");
                         });

}  // namespace
}  // namespace imprint::model
