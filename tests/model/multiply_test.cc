// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/model/multiply.h"

#include <gtest/gtest.h>

#include "ATen/ATen.h"

namespace imprint::model {
namespace {

at::Tensor Random(at::IntArrayRef shape) {
  return at::randn(shape, at::TensorOptions().device(at::kCPU).dtype(at::kFloat));
}

// Against products in f64, for one row, a few and many.
TEST(MultiplyTest, EqualsTheProductInDoublePrecision) {
  for (const int64_t rows : {1, 2, 7, 33, 130}) {
    const at::Tensor x = Random({rows, 48});
    const at::Tensor weight = Random({80, 48});
    const at::Tensor bias = Random({80});
    const at::Tensor expected = at::mm(x.to(at::kDouble), weight.to(at::kDouble).t());

    const at::Tensor plain = Multiply(x, weight);
    const at::Tensor with_bias = Multiply(x, weight, bias);
    // A gradient is multiplied with the weights as they lie: a transposed view.
    const at::Tensor back = Multiply(plain, weight.t());

    EXPECT_TRUE(plain.is_contiguous());
    EXPECT_LT((plain - expected).abs().max().item<double>(), 1e-4) << rows;
    EXPECT_LT((with_bias - expected - bias).abs().max().item<double>(), 1e-4) << rows;
    const at::Tensor expected_back = at::mm(plain.to(at::kDouble), weight.to(at::kDouble));
    EXPECT_LT((back - expected_back).abs().max().item<double>(), 2e-3) << rows;
  }
}

TEST(MultiplyTest, TakesNoRowsAndRowsOfAView) {
  const at::Tensor wide = Random({6, 96});
  const at::Tensor weight = Random({80, 48});
  const at::Tensor view = wide.narrow(1, 48, 48);
  EXPECT_TRUE(at::allclose(Multiply(view, weight), at::mm(view, weight.t()), 1e-4, 1e-4));
  EXPECT_EQ(Multiply(view.narrow(0, 0, 0), weight).sizes(), (at::IntArrayRef{0, 80}));
}

TEST(MultiplyTest, InBfloat16Too) {
  const at::Tensor x = Random({5, 48}).to(at::kBFloat16);
  const at::Tensor weight = Random({80, 48}).to(at::kBFloat16);
  const at::Tensor y = Multiply(x, weight);
  EXPECT_EQ(y.scalar_type(), at::kBFloat16);
  EXPECT_TRUE(at::allclose(y.to(at::kFloat), at::mm(x.to(at::kFloat), weight.to(at::kFloat).t()),
                           3e-2, 3e-1));
}

}  // namespace
}  // namespace imprint::model
