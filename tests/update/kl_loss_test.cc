// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/update/kl_loss.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <tuple>

#include "tests/testing/test_device.h"

namespace imprint::update {
namespace {

constexpr int64_t kHidden = 12;
constexpr int64_t kVocab = 40;
constexpr double kMinRest = 1e-6;

at::TensorOptions F32() {
  return at::TensorOptions()
      .device(imprint::testing::TestPlacement("f32").device)
      .dtype(at::kFloat);
}

model::Weights MakeWeights(at::ScalarType dtype = at::kFloat) {
  model::Weights weights;
  weights.config.vocab_size = kVocab;
  weights.config.hidden_size = kHidden;
  weights.head = at::randn({kVocab, kHidden}, F32()).to(dtype);
  return weights;
}

TeacherTopK TopOf(const at::Tensor& teacher_logits_TV, int64_t k) {
  const auto [log_probs, ids] = at::log_softmax(teacher_logits_TV, 1).topk(k, 1);
  return {ids, log_probs};
}

// The definition, written with autograd in f64: KL over the named tokens and the rest.
struct Reference {
  double sum;
  at::Tensor grad_hidden_TD;
  at::Tensor kl_T;
};

Reference SlowTopKKl(const model::Weights& weights, const at::Tensor& hidden_TD,
                     const TeacherTopK& teacher, const at::Tensor& weight_T) {
  const at::Tensor hidden = hidden_TD.to(at::kDouble).detach().requires_grad_(true);
  const at::Tensor log_q_TV = at::log_softmax(at::mm(hidden, weights.head.to(at::kDouble).t()), 1);
  const at::Tensor log_q_TK = log_q_TV.gather(1, teacher.ids_TK);
  const at::Tensor p_TK = teacher.log_probs_TK.to(at::kDouble).exp();
  at::Tensor kl_T = (at::xlogy(p_TK, p_TK) - p_TK * log_q_TK).sum(1);
  if (teacher.ids_TK.size(1) < kVocab) {
    const at::Tensor p_rest_T = (1 - p_TK.sum(1)).clamp_min(kMinRest);
    const at::Tensor mask_TV = at::ones_like(log_q_TV).scatter(1, teacher.ids_TK, 0.0).detach();
    const at::Tensor q_rest_T = (log_q_TV.exp() * mask_TV).sum(1).clamp_min(kMinRest);
    kl_T = kl_T + p_rest_T * (p_rest_T.log() - q_rest_T.log());
  }
  const at::Tensor sum = (kl_T * weight_T.to(at::kDouble)).sum();
  sum.backward();
  return {sum.item<double>(), hidden.grad().to(at::kFloat), kl_T.detach().to(at::kFloat)};
}

void ExpectClose(const at::Tensor& actual, const at::Tensor& expected, double tolerance) {
  ASSERT_EQ(actual.sizes(), expected.sizes());
  const double scale = expected.numel() == 0 ? 0 : expected.abs().max().item<double>();
  const double error = expected.numel() == 0 ? 0 : (actual - expected).abs().max().item<double>();
  EXPECT_LE(error, tolerance * std::max(scale, 1e-3)) << actual << "\n" << expected;
}

void ExpectEqualsReference(const model::Weights& weights, const at::Tensor& hidden_TD,
                           const TeacherTopK& teacher, const at::Tensor& weight_T,
                           double tolerance = 1e-5) {
  const KlLoss loss = TopKKlLoss(weights, hidden_TD, teacher, weight_T, /*with_grad=*/true);
  const Reference reference = SlowTopKKl(weights, hidden_TD, teacher, weight_T);
  EXPECT_NEAR(loss.sum, reference.sum, tolerance * std::max(1.0, std::abs(reference.sum)));
  ExpectClose(loss.kl_T, reference.kl_T.cpu(), tolerance);
  ExpectClose(loss.grad_hidden_TD, reference.grad_hidden_TD, tolerance);
}

class KlLossTest : public ::testing::Test {
 protected:
  KlLossTest() { at::manual_seed(1); }
};

TEST_F(KlLossTest, EqualsAutogradOverNamedTokensAndRest) {
  const model::Weights weights = MakeWeights();
  const at::Tensor hidden_TD = at::randn({7, kHidden}, F32());
  const TeacherTopK teacher = TopOf(at::randn({7, kVocab}, F32()) * 3, 5);
  ExpectEqualsReference(weights, hidden_TD, teacher, at::rand({7}, F32()));
}

TEST_F(KlLossTest, OneTokenOneNamedId) {
  const model::Weights weights = MakeWeights();
  const at::Tensor hidden_TD = at::randn({1, kHidden}, F32());
  ExpectEqualsReference(weights, hidden_TD, TopOf(at::randn({1, kVocab}, F32()), 1),
                        at::ones({1}, F32()));
}

TEST_F(KlLossTest, NoTokensGiveZero) {
  const TeacherTopK teacher{at::empty({0, 5}, F32().dtype(at::kLong)), at::empty({0, 5}, F32())};
  const KlLoss loss = TopKKlLoss(MakeWeights(), at::empty({0, kHidden}, F32()), teacher,
                                 at::empty({0}, F32()), /*with_grad=*/true);
  EXPECT_EQ(loss.sum, 0);
  EXPECT_EQ(loss.kl_T.numel(), 0);
  EXPECT_EQ(loss.grad_hidden_TD.sizes(), (at::IntArrayRef{0, kHidden}));
}

TEST_F(KlLossTest, MaskedTokensHaveNoGradientButTheirKl) {
  const model::Weights weights = MakeWeights();
  const at::Tensor hidden_TD = at::randn({3, kHidden}, F32());
  const TeacherTopK teacher = TopOf(at::randn({3, kVocab}, F32()), 5);
  const KlLoss loss =
      TopKKlLoss(weights, hidden_TD, teacher, at::zeros({3}, F32()), /*with_grad=*/true);
  EXPECT_EQ(loss.sum, 0);
  EXPECT_EQ(loss.grad_hidden_TD.abs().max().item<float>(), 0);
  EXPECT_GT(loss.kl_T.min().item<float>(), 0);
}

TEST_F(KlLossTest, WithoutGradientOnlyTheLoss) {
  const model::Weights weights = MakeWeights();
  const at::Tensor hidden_TD = at::randn({3, kHidden}, F32());
  const TeacherTopK teacher = TopOf(at::randn({3, kVocab}, F32()), 5);
  const at::Tensor ones = at::ones({3}, F32());
  const KlLoss without = TopKKlLoss(weights, hidden_TD, teacher, ones, /*with_grad=*/false);
  EXPECT_FALSE(without.grad_hidden_TD.defined());
  EXPECT_EQ(without.sum, TopKKlLoss(weights, hidden_TD, teacher, ones, /*with_grad=*/true).sum);
}

TEST_F(KlLossTest, EqualsFullKlWhereTheNamedTokensAreTheVocabulary) {
  const model::Weights weights = MakeWeights();
  const at::Tensor hidden_TD = at::randn({6, kHidden}, F32());
  const at::Tensor teacher_logits_TV = at::randn({6, kVocab}, F32()) * 4;
  const at::Tensor weight_T = at::rand({6}, F32());
  const KlLoss top =
      TopKKlLoss(weights, hidden_TD, TopOf(teacher_logits_TV, kVocab), weight_T, true);
  const KlLoss full = FullKlLoss(weights, hidden_TD, teacher_logits_TV, weight_T, true);
  EXPECT_NEAR(top.sum, full.sum, 1e-5 * full.sum);
  ExpectClose(top.kl_T, full.kl_T, 1e-5);
  ExpectClose(top.grad_hidden_TD, full.grad_hidden_TD, 1e-5);
}

TEST_F(KlLossTest, IsNearFullKlOnPeakedTeachers) {
  const model::Weights weights = MakeWeights();
  const at::Tensor hidden_TD = at::randn({16, kHidden}, F32());
  const at::Tensor teacher_logits_TV = at::randn({16, kVocab}, F32()) * 5;
  const at::Tensor weight_T = at::full({16}, 1.0 / 16, F32());
  const KlLoss top = TopKKlLoss(weights, hidden_TD, TopOf(teacher_logits_TV, 20), weight_T, true);
  const KlLoss full = FullKlLoss(weights, hidden_TD, teacher_logits_TV, weight_T, true);
  // A bucket hides differences within it, never adds any.
  EXPECT_LE(top.sum, full.sum + 1e-6);
  EXPECT_NEAR(top.sum, full.sum, 0.01 * full.sum);
  ExpectClose(top.grad_hidden_TD, full.grad_hidden_TD, 0.02);
}

TEST_F(KlLossTest, GradientIsThatOfFiniteDifferences) {
  model::Weights weights = MakeWeights();
  at::Tensor hidden_TD = at::randn({2, kHidden}, F32());
  const TeacherTopK teacher = TopOf(at::randn({2, kVocab}, F32()) * 2, 5);
  const at::Tensor weight_T = at::tensor({0.25F, 2.0F}, F32());
  const at::Tensor grad_TD = TopKKlLoss(weights, hidden_TD, teacher, weight_T, true).grad_hidden_TD;
  constexpr double kStep = 1e-2;
  for (int64_t t = 0; t < 2; ++t) {
    for (int64_t d = 0; d < kHidden; ++d) {
      const auto moved = [&](double by) {
        at::Tensor there = hidden_TD.clone();
        there[t][d] += by;
        return TopKKlLoss(weights, there, teacher, weight_T, false).sum;
      };
      const double slope = (moved(kStep) - moved(-kStep)) / (2 * kStep);
      EXPECT_NEAR(grad_TD[t][d].item<double>(), slope, 2e-3) << t << "," << d;
    }
  }
}

TEST_F(KlLossTest, IsZeroWhereStudentIsTeacher) {
  const model::Weights weights = MakeWeights();
  const at::Tensor hidden_TD = at::randn({4, kHidden}, F32());
  const TeacherTopK teacher = TopOf(at::mm(hidden_TD, weights.head.t()), 5);
  const KlLoss loss = TopKKlLoss(weights, hidden_TD, teacher, at::ones({4}, F32()), true);
  EXPECT_NEAR(loss.sum, 0, 1e-5);
  EXPECT_LT(loss.grad_hidden_TD.abs().max().item<float>(), 1e-5);
}

TEST_F(KlLossTest, ExcludedTokensOfTheTeacherAddNothing) {
  const model::Weights weights = MakeWeights();
  const at::Tensor hidden_TD = at::randn({3, kHidden}, F32());
  TeacherTopK teacher = TopOf(at::randn({3, kVocab}, F32()), 6);
  teacher.log_probs_TK.narrow(1, 4, 2).fill_(-std::numeric_limits<float>::infinity());
  ExpectEqualsReference(weights, hidden_TD, teacher, at::ones({3}, F32()));
}

TEST_F(KlLossTest, CertainTeacherHasARestOfTheLeastMass) {
  const model::Weights weights = MakeWeights();
  const at::Tensor hidden_TD = at::randn({3, kHidden}, F32());
  TeacherTopK teacher = TopOf(at::randn({3, kVocab}, F32()), 4);
  teacher.log_probs_TK.fill_(-std::numeric_limits<float>::infinity());
  teacher.log_probs_TK.narrow(1, 0, 1).fill_(0);
  ExpectEqualsReference(weights, hidden_TD, teacher, at::ones({3}, F32()));
}

TEST_F(KlLossTest, StudentsRestBelowTheLeastMassIsConstant) {
  const model::Weights weights = MakeWeights();
  // The student is as sure of one token as f32 lets it be; the teacher is not.
  const at::Tensor hidden_TD = weights.head.narrow(0, 3, 2) * 10;
  const TeacherTopK teacher = TopOf(at::mm(weights.head.narrow(0, 3, 2), weights.head.t()), 3);
  const Reference reference = SlowTopKKl(weights, hidden_TD, teacher, at::ones({2}, F32()));
  const KlLoss loss = TopKKlLoss(weights, hidden_TD, teacher, at::ones({2}, F32()), true);
  EXPECT_NEAR(loss.sum, reference.sum, 1e-4 * reference.sum);
  ExpectClose(loss.grad_hidden_TD, reference.grad_hidden_TD, 1e-4);
  EXPECT_TRUE(at::isfinite(loss.grad_hidden_TD).all().item<bool>());
}

TEST_F(KlLossTest, HugeLogitsStayFinite) {
  model::Weights weights = MakeWeights();
  const at::Tensor hidden_TD = at::randn({4, kHidden}, F32()) * 1e4;
  const TeacherTopK teacher = TopOf(at::randn({4, kVocab}, F32()), 5);
  const KlLoss loss = TopKKlLoss(weights, hidden_TD, teacher, at::ones({4}, F32()), true);
  EXPECT_TRUE(std::isfinite(loss.sum));
  EXPECT_TRUE(at::isfinite(loss.grad_hidden_TD).all().item<bool>());
}

TEST_F(KlLossTest, NanBecomesNanAndNotASmallLoss) {
  const model::Weights weights = MakeWeights();
  at::Tensor hidden_TD = at::randn({4, kHidden}, F32());
  hidden_TD[2][1] = std::numeric_limits<float>::quiet_NaN();
  const TeacherTopK teacher = TopOf(at::randn({4, kVocab}, F32()), 5);
  EXPECT_TRUE(std::isnan(TopKKlLoss(weights, hidden_TD, teacher, at::ones({4}, F32()), true).sum));
}

TEST_F(KlLossTest, ChunksDoNotChangeTheResult) {
  const model::Weights weights = MakeWeights();
  const at::Tensor hidden_TD = at::randn({10, kHidden}, F32());
  const TeacherTopK teacher = TopOf(at::randn({10, kVocab}, F32()), 5);
  const at::Tensor weight_T = at::rand({10}, F32());
  const KlLoss whole = TopKKlLoss(weights, hidden_TD, teacher, weight_T, true, {}, 10);
  for (const int64_t chunk : {1, 3, 5, 9, 11}) {
    int calls = 0;
    const KlLoss cut =
        TopKKlLoss(weights, hidden_TD, teacher, weight_T, true, [&calls] { ++calls; }, chunk);
    EXPECT_EQ(calls, (10 + chunk - 1) / chunk);
    EXPECT_NEAR(cut.sum, whole.sum, 1e-6);
    ExpectClose(cut.grad_hidden_TD, whole.grad_hidden_TD, 1e-6);
    ExpectClose(cut.kl_T, whole.kl_T, 1e-6);
  }
}

TEST_F(KlLossTest, Bf16HeadIsNearF32) {
  const model::Weights bf16 = MakeWeights(at::kBFloat16);
  model::Weights f32 = bf16;
  f32.head = bf16.head.to(at::kFloat);
  const at::Tensor hidden_TD = at::randn({8, kHidden}, F32()).to(at::kBFloat16);
  const TeacherTopK teacher = TopOf(at::randn({8, kVocab}, F32()), 5);
  const at::Tensor weight_T = at::full({8}, 0.125, F32());
  const KlLoss rounded = TopKKlLoss(bf16, hidden_TD, teacher, weight_T, true);
  const Reference exact = SlowTopKKl(f32, hidden_TD.to(at::kFloat), teacher, weight_T);
  EXPECT_EQ(rounded.grad_hidden_TD.scalar_type(), at::kFloat);
  EXPECT_NEAR(rounded.sum, exact.sum, 0.02 * exact.sum);
  ExpectClose(rounded.grad_hidden_TD, exact.grad_hidden_TD, 0.03);
}

TEST_F(KlLossTest, SameInputSameBytes) {
  const model::Weights weights = MakeWeights();
  const at::Tensor hidden_TD = at::randn({9, kHidden}, F32());
  const TeacherTopK teacher = TopOf(at::randn({9, kVocab}, F32()), 5);
  const at::Tensor weight_T = at::rand({9}, F32());
  const KlLoss first = TopKKlLoss(weights, hidden_TD, teacher, weight_T, true);
  const KlLoss second = TopKKlLoss(weights, hidden_TD, teacher, weight_T, true);
  EXPECT_EQ(first.sum, second.sum);
  EXPECT_TRUE(at::equal(first.grad_hidden_TD, second.grad_hidden_TD));
}

}  // namespace
}  // namespace imprint::update
