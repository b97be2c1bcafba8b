// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Loss and gradient of one training step.
//
// On a CPU a step is computed in parts side by side, a thread each, because a part runs from
// its first token to its gradient without waiting for another, where threads that share each
// product wait for one another several thousand times a step.

#ifndef IMPRINT_SERVER_UPDATE_STEP_GRADIENT_H_
#define IMPRINT_SERVER_UPDATE_STEP_GRADIENT_H_

#include <cstdint>
#include <vector>

#include "ATen/core/TensorBody.h"
#include "server/engine/compute_share.h"
#include "server/model/adapter.h"
#include "server/model/weights.h"
#include "server/update/frozen_states.h"
#include "server/update/training_batch.h"

namespace imprint::update {

struct StepGradient {
  // KL to the teacher, nats, by the tokens' weights. Not finite: there are no gradients.
  double loss = 0;
  int64_t tokens = 0;  // computed, prompts included
  // Of the adapter's Parameters(), f32; undefined where the step does not reach.
  std::vector<at::Tensor> gradients;
  // KL of each target sentence, and of each retention text, summed over its tokens, nats.
  std::vector<double> target_kl;
  std::vector<double> retention_kl;
};

// Into how many parts a step of so many packed tokens is cut: one for each compute thread. One on
// a GPU, and where parts of a useful size would leave half of the threads idle, which share each
// product then.
int64_t StepParts(int64_t tokens, at::Device device);

// The parameters of `adapter` require gradients; theirs are left alone. `share` may be null;
// each part yields between layers. `frozen` may be null; else it is of no
// more blocks than `adapter` leaves as they are. From the same input and as many compute threads
// the same bits come out.
StepGradient ComputeStepGradient(const model::Weights& base, const model::Adapter& adapter,
                                 const SentenceList& targets, const SentenceList& retention,
                                 const TokenWeights& weights, const FrozenStates* frozen,
                                 engine::ComputeShare* share);

}  // namespace imprint::update

#endif  // IMPRINT_SERVER_UPDATE_STEP_GRADIENT_H_
