// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/model/multiply.h"

#include <gtest/gtest.h>

#include "ATen/ATen.h"
#include "ATen/Parallel.h"
#include "c10/core/InferenceMode.h"
#include "server/model/team.h"

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

// By tokens, by outputs, and of too few of both to be cut.
TEST(MultiplyTest, OnATeamEqualsTheProductAlone) {
  Team team(3);
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    for (const int64_t rows : {0, 1, 5, 70, 130, 300}) {
      for (const int64_t outputs : {80, 1000}) {
        const at::Tensor x = Random({rows, 48}).to(dtype);
        const at::Tensor weight = Random({outputs, 48}).to(dtype);
        const at::Tensor bias = Random({outputs}).to(dtype);
        const at::Tensor alone = Multiply(x, weight, bias);
        const TeamScope scope(&team);
        const at::Tensor together = Multiply(x, weight, bias);
        EXPECT_EQ(together.scalar_type(), dtype);
        EXPECT_TRUE(together.is_contiguous());
        const double tolerance = dtype == at::kFloat ? 1e-5 : 1e-2;
        EXPECT_TRUE(at::allclose(together, alone, tolerance, tolerance)) << rows << " " << outputs;
        EXPECT_TRUE(at::allclose(Multiply(together, weight.t()), Multiply(alone, weight.t()),
                                 10 * tolerance, 100 * tolerance));
      }
    }
  }
}

// As the engine calls it: a part that another thread computes is no other tensor.
TEST(MultiplyTest, OnATeamInInferenceModeGivesOneOfIt) {
  const c10::InferenceMode inference;
  Team team(2);
  const TeamScope scope(&team);
  const int threads = at::get_num_threads();
  const at::Tensor y = Multiply(Random({1, 48}), Random({512, 48}));
  EXPECT_TRUE(y.is_inference());
  EXPECT_EQ(at::get_num_threads(), threads);
}

}  // namespace
}  // namespace imprint::model
