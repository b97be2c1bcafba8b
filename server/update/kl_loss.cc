// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/update/kl_loss.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "server/model/fused_rows.h"
#include "server/model/multiply.h"
#include "server/probe/kl.h"

namespace imprint::update {
namespace {

// Loss and gradient of some rows.
struct Rows {
  at::Tensor kl_C;            // f64
  at::Tensor grad_hidden_CD;  // f32; undefined without gradient
};

// Logits of some rows, of which each has k named tokens. On a CPU they stay in the precision of the
// product, and each step is one pass over them.
class Logits {
 public:
  Logits(at::Tensor logits_CV, const at::Tensor& ids_CK)
      : fused_(logits_CV.device().is_cpu()),
        ids_CK_(ids_CK),
        logits_CV_(fused_ ? std::move(logits_CV) : logits_CV.to(at::kFloat)) {
    const at::Tensor top_CK = logits_CV_.gather(1, ids_CK).to(at::kFloat);
    const at::Tensor greatest_top_C = top_CK.amax(1);
    logits_CV_.scatter_(1, ids_CK, -std::numeric_limits<double>::infinity());
    if (fused_) {
      model::ExpSums sums = model::FusedExpSums(logits_CV_, greatest_top_C);
      greatest_C_ = std::move(sums.greatest);
      rest_C1_ = sums.sum.unsqueeze(1);
    } else {
      greatest_C_ = at::maximum(logits_CV_.amax(1), greatest_top_C);
      logits_CV_.sub_(greatest_C_.unsqueeze(1)).exp_();
      rest_C1_ = logits_CV_.sum(1, /*keepdim=*/true).to(at::kDouble);
    }
    top_CK_ = (top_CK - greatest_C_.unsqueeze(1)).to(at::kDouble);
  }

  // The named ones, less the row's greatest logit, f64.
  const at::Tensor& top_CK() const { return top_CK_; }
  // The sum of e to the others, less the greatest, f64.
  const at::Tensor& rest_C1() const { return rest_C1_; }

  // In place of the logits: e to them, less the greatest, times `rest_factor_C1`, and `top_CK` at
  // the named ones.
  at::Tensor Gradient(const at::Tensor& rest_factor_C1, const at::Tensor& top_CK) && {
    const at::Tensor factor_C1 = rest_factor_C1.to(at::kFloat);
    if (fused_) {
      model::FusedScaledExp(logits_CV_, greatest_C_, factor_C1.squeeze(1).contiguous());
    } else {
      logits_CV_.mul_(factor_C1);
    }
    logits_CV_.scatter_(1, ids_CK_, top_CK.to(logits_CV_.scalar_type()));
    return std::move(logits_CV_);
  }

 private:
  const bool fused_;
  const at::Tensor ids_CK_;
  at::Tensor logits_CV_;
  at::Tensor greatest_C_;
  at::Tensor rest_C1_;
  at::Tensor top_CK_;
};

// With S the teacher's k tokens, p their teacher probabilities, q the student's softmax and
// R everything outside S as one bucket (p_R the teacher's mass there, q_R the student's):
//
//   KL = sum_S p_i (log p_i - log q_i) + p_R (log p_R - log q_R)
//   dKL/dz_i = q_i (sum_S p + p_R) - p_i                          for i in S
//   dKL/dz_j = q_j (sum_S p + p_R) - p_R q_j / q_R                for j in R
//
// Where q_R is clamped its term is constant: p_R leaves both lines of the gradient. That
// every j in R has the same factor on q_j is why the gradient is one scaling of a row.
Rows TopKRows(const at::Tensor& head_VD, const at::Tensor& hidden_CD, const at::Tensor& ids_CK,
              const at::Tensor& log_probs_CK, const at::Tensor& weight_C1, bool with_grad) {
  const bool has_rest = ids_CK.size(1) < head_VD.size(0);
  Logits logits(model::Multiply(hidden_CD, head_VD), ids_CK);
  const at::Tensor top_logits_CK = logits.top_CK();
  // Summing the rest itself, not 1 minus the top, keeps a tiny rest exact.
  const at::Tensor rest_C1 = logits.rest_C1();
  const at::Tensor top_CK = top_logits_CK.exp();
  const at::Tensor total_C1 = top_CK.sum(1, /*keepdim=*/true) + rest_C1;
  const at::Tensor log_q_CK = top_logits_CK - total_C1.log();

  const at::Tensor log_p_CK = log_probs_CK.to(at::kDouble);
  const at::Tensor p_CK = log_p_CK.exp();
  const at::Tensor p_top_C1 = p_CK.sum(1, /*keepdim=*/true);
  // A token that the teacher excludes adds nothing, although its logarithm is -inf.
  const at::Tensor terms_CK =
      at::where(p_CK == 0, at::zeros_like(p_CK), p_CK * (log_p_CK - log_q_CK));
  Rows rows{terms_CK.sum(1), {}};
  at::Tensor p_rest_C1 = at::zeros_like(p_top_C1);
  at::Tensor p_rest_moving_C1 = p_rest_C1;  // zero where the student's rest is clamped
  if (has_rest) {
    p_rest_C1 = (1 - p_top_C1).clamp_min(probe::kMinRestMass);
    const at::Tensor q_rest_C1 = rest_C1 / total_C1;
    const at::Tensor log_q_rest_C1 = q_rest_C1.clamp_min(probe::kMinRestMass).log();
    rows.kl_C += (p_rest_C1 * (p_rest_C1.log() - log_q_rest_C1)).squeeze(1);
    p_rest_moving_C1 = at::where(q_rest_C1 > probe::kMinRestMass, p_rest_C1, p_rest_moving_C1);
  }
  if (!with_grad) return rows;

  const at::Tensor pull_C1 = (p_top_C1 + p_rest_moving_C1) / total_C1;
  at::Tensor rest_factor_C1 = pull_C1;
  if (has_rest) {
    // Where nothing moves, 0 / 0 must not arise.
    const at::Tensor push_C1 =
        at::where(p_rest_moving_C1 == 0, p_rest_moving_C1, p_rest_moving_C1 / rest_C1);
    rest_factor_C1 = pull_C1 - push_C1;
  }
  const at::Tensor gradient_CV =
      std::move(logits).Gradient(weight_C1 * rest_factor_C1, weight_C1 * (top_CK * pull_C1 - p_CK));
  rows.grad_hidden_CD =
      model::Multiply(gradient_CV.to(head_VD.scalar_type()), head_VD.t()).to(at::kFloat);
  return rows;
}

}  // namespace

KlLoss TopKKlLoss(const model::Weights& weights, const at::Tensor& hidden_TD,
                  const TeacherTopK& teacher, const at::Tensor& weight_T, bool with_grad,
                  const std::function<void()>& between_chunks, int64_t chunk) {
  const at::NoGradGuard no_grad;
  const int64_t tokens = hidden_TD.size(0);
  const at::Tensor hidden = hidden_TD.detach().to(weights.head.scalar_type());
  const at::Tensor weight_T1 = weight_T.to(at::kDouble).unsqueeze(1);
  KlLoss loss;
  at::Tensor kl_T = at::zeros({tokens}, weight_T1.options());
  if (with_grad) {
    loss.grad_hidden_TD = at::zeros(hidden.sizes(), hidden.options().dtype(at::kFloat));
  }
  for (int64_t begin = 0; begin < tokens; begin += chunk) {
    if (between_chunks) between_chunks();
    const int64_t count = std::min(chunk, tokens - begin);
    const Rows rows = TopKRows(
        weights.head, hidden.narrow(0, begin, count), teacher.ids_TK.narrow(0, begin, count),
        teacher.log_probs_TK.narrow(0, begin, count), weight_T1.narrow(0, begin, count), with_grad);
    kl_T.narrow(0, begin, count).copy_(rows.kl_C);
    if (with_grad) loss.grad_hidden_TD.narrow(0, begin, count).copy_(rows.grad_hidden_CD);
  }
  loss.sum = (kl_T * weight_T1.squeeze(1)).sum().item<double>();
  loss.kl_T = kl_T.to(at::kFloat).cpu();
  return loss;
}

KlLoss FullKlLoss(const model::Weights& weights, const at::Tensor& hidden_TD,
                  const at::Tensor& teacher_logits_TV, const at::Tensor& weight_T, bool with_grad) {
  const at::NoGradGuard no_grad;
  const at::Tensor head_VD = weights.head.to(at::kDouble);
  const at::Tensor logits_TV = at::mm(hidden_TD.detach().to(at::kDouble), head_VD.t());
  const at::Tensor log_q_TV = at::log_softmax(logits_TV, 1);
  const at::Tensor log_p_TV = at::log_softmax(teacher_logits_TV.to(at::kDouble), 1);
  const at::Tensor p_TV = log_p_TV.exp();
  const at::Tensor weight_T1 = weight_T.to(at::kDouble).unsqueeze(1);
  const at::Tensor kl_T =
      at::where(p_TV == 0, at::zeros_like(p_TV), p_TV * (log_p_TV - log_q_TV)).sum(1);
  KlLoss loss;
  loss.sum = (kl_T * weight_T1.squeeze(1)).sum().item<double>();
  loss.kl_T = kl_T.to(at::kFloat).cpu();
  if (with_grad) {
    loss.grad_hidden_TD = at::mm(weight_T1 * (log_q_TV.exp() - p_TV), head_VD).to(at::kFloat);
  }
  return loss;
}

}  // namespace imprint::update
