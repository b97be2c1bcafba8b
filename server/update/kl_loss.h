// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// The distillation loss: forward KL, teacher first, in f32, in chunks of the output head,
// so that no [tokens, vocab] tensor of a whole batch is ever alive.
//
// Source: SELF-PARAM, arXiv 2410.00487, equation 2.

#ifndef IMPRINT_SERVER_UPDATE_KL_LOSS_H_
#define IMPRINT_SERVER_UPDATE_KL_LOSS_H_

#include <cstdint>
#include <functional>

#include "ATen/core/TensorBody.h"
#include "server/model/weights.h"

namespace imprint::update {

// The teacher's k most likely tokens on each of T target tokens.
struct TeacherTopK {
  at::Tensor ids_TK;        // int64; those of one token are all different
  at::Tensor log_probs_TK;  // f32, natural; -inf: the teacher excludes the token
};

struct KlLoss {
  double sum = 0;  // of weight * KL over the tokens, nats
  // d(sum)/d(hidden) [T, hidden] in f32 (undefined where no gradient was asked for).
  at::Tensor grad_hidden_TD;
  // KL of each token [T], f32 on the CPU, unweighted.
  at::Tensor kl_T;
};

// sum_t weight_t * KL(teacher_t || student_t), where the student's logits are
// head * hidden_t and everything outside the teacher's k tokens is one bucket with a mass of
// at least 1e-6 on either side (none where k covers the vocabulary). `hidden_TD` [T, hidden];
// `weight_T` [T] f32. Head and teacher are constants: the gradient is computed here, not by
// autograd. The matrix products run in the head's precision, in which a CPU keeps logits and
// their gradient; all else in f32 and f64.
//
// `chunk` rows of logits are alive at once; 64 of them for a vocabulary of 49,152 stay in a
// CPU's cache (at 256 the same work took 1.4 times as long). `between_chunks` is called
// before each; training yields the processor there. Deterministic on the CPU.
KlLoss TopKKlLoss(const model::Weights& weights, const at::Tensor& hidden_TD,
                  const TeacherTopK& teacher, const at::Tensor& weight_T, bool with_grad,
                  const std::function<void()>& between_chunks = {}, int64_t chunk = 64);

// The oracle: KL over the whole vocabulary of teacher logits [T, vocab] and student
// hidden states. Slow and plain, in f64; for tests and measurements.
KlLoss FullKlLoss(const model::Weights& weights, const at::Tensor& hidden_TD,
                  const at::Tensor& teacher_logits_TV, const at::Tensor& weight_T, bool with_grad);

}  // namespace imprint::update

#endif  // IMPRINT_SERVER_UPDATE_KL_LOSS_H_
