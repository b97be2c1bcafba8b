// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/model/short_attention.h"

#include <gtest/gtest.h>

#include <limits>
#include <optional>
#include <tuple>
#include <vector>

#include "ATen/ATen.h"
#include "ATen/core/grad_mode.h"

namespace imprint::model {
namespace {

enum class See { kEarlier, kWindow, kPast };

class ShortAttentionTest : public ::testing::TestWithParam<std::tuple<See, at::ScalarType>> {
 protected:
  static constexpr int64_t kCount = 3, kHeads = 2, kLength = 9, kPastTokens = 4, kHeadDim = 16;

  ShortAttentionTest() {
    at::manual_seed(1);
    for (const int64_t tokens : {kLength, kLength + past(), kLength + past()}) {
      inputs_.push_back(at::randn({kCount, kHeads, tokens, kHeadDim}).to(dtype()));
    }
    grad_ = at::randn({kCount, kHeads, kLength, kHeadDim}).to(dtype());
    grad_.narrow(2, kLength - 2, 2).zero_();  // as of padding
  }

  static See see() { return std::get<0>(GetParam()); }
  static at::ScalarType dtype() { return std::get<1>(GetParam()); }
  static int64_t past() { return see() == See::kPast ? kPastTokens : 0; }

  // Undefined where each query sees all earlier keys, and there is no past.
  static at::Tensor Mask(at::ScalarType dtype) {
    if (see() == See::kEarlier) return {};
    const at::Tensor query = at::arange(past(), past() + kLength).unsqueeze(1);
    const at::Tensor key = at::arange(0, past() + kLength);
    at::Tensor hidden = key > query;
    if (see() == See::kWindow) hidden.logical_or_(key <= query - 3);
    return at::zeros(hidden.sizes(), at::TensorOptions().dtype(dtype))
        .masked_fill_(hidden, -std::numeric_limits<double>::infinity());
  }

  // What comes out, and the gradients of query, key and value.
  template <typename Attend>
  std::vector<at::Tensor> Run(at::ScalarType dtype, const Attend& attend) const {
    const at::AutoGradMode with_grad(true);
    std::vector<at::Tensor> leaves;
    for (const at::Tensor& input : inputs_) {
      leaves.push_back(input.to(dtype).clone().requires_grad_(true));
    }
    const at::Tensor out = attend(leaves[0], leaves[1], leaves[2], Mask(dtype));
    out.backward(grad_.to(dtype));
    return {out.detach(), leaves[0].grad(), leaves[1].grad(), leaves[2].grad()};
  }

  std::vector<at::Tensor> inputs_;
  at::Tensor grad_;
};

// f64, written as in the paper, with autograd's gradient.
at::Tensor Reference(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                     const at::Tensor& mask) {
  at::Tensor scores = at::matmul(query, key.transpose(-2, -1)) / 4;
  if (mask.defined()) {
    scores = scores + mask;
  } else {
    const at::Tensor hidden = at::ones({scores.size(-2), scores.size(-1)}, at::kBool).triu(1);
    scores = scores.masked_fill(hidden, -std::numeric_limits<double>::infinity());
  }
  return at::matmul(at::softmax(scores, -1), value);
}

TEST_P(ShortAttentionTest, GradientsAreTheReferences) {
  const std::vector<at::Tensor> expected = Run(at::kDouble, Reference);
  const std::vector<at::Tensor> actual = Run(dtype(), ShortAttention);
  // What libtorch's own gradient is off by, for scale.
  const std::vector<at::Tensor> usual =
      Run(dtype(), [](const auto& query, const auto& key, const auto& value, const auto& mask) {
        const bool causal = !mask.defined();
        return at::scaled_dot_product_attention(
            query, key, value, causal ? std::nullopt : std::optional<at::Tensor>(mask), 0, causal);
      });

  for (size_t i = 0; i < expected.size(); ++i) {
    const auto off = [&](const at::Tensor& tensor) {
      return ((tensor.to(at::kDouble) - expected[i]).norm() / expected[i].norm()).item<double>();
    };
    const double allowed = dtype() == at::kFloat ? 1e-5 : 1e-2;
    EXPECT_LT(off(actual[i]), allowed) << i;
    EXPECT_LT(off(usual[i]), allowed) << i;
    EXPECT_LT(off(actual[i]), 2 * off(usual[i]) + 1e-6) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(All, ShortAttentionTest,
                         ::testing::Combine(::testing::Values(See::kEarlier, See::kWindow,
                                                              See::kPast),
                                            ::testing::Values(at::kFloat, at::kBFloat16)));

TEST(IsShortAttentionTest, OnlyWhereAGradientIsWantedAndTheScoresFit) {
  const at::Tensor few = at::zeros({1, 2, 8, 4});
  EXPECT_FALSE(IsShortAttention(few, few)) << "nobody wants a gradient";
  const at::Tensor wanting = at::zeros({1, 2, 8, 4}).requires_grad_(true);
  EXPECT_TRUE(IsShortAttention(wanting, few));
  const at::Tensor many_keys = at::zeros({1, 1, 1, 1}).expand({1, 2, kMostScores / 16 + 1, 4});
  EXPECT_FALSE(IsShortAttention(wanting, many_keys)) << "2 heads, 8 queries";
  const at::NoGradGuard no_grad;
  EXPECT_FALSE(IsShortAttention(wanting, few));
}

}  // namespace
}  // namespace imprint::model
