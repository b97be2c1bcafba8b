// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// How much memory a training needs, known before it starts.

#ifndef IMPRINT_SERVER_UPDATE_TRAINING_MEMORY_H_
#define IMPRINT_SERVER_UPDATE_TRAINING_MEMORY_H_

#include <cstdint>

#include "server/model/config.h"
#include "server/model/device.h"

namespace imprint::update {

struct TrainingMemory {
  int64_t adapter_bytes = 0;     // weights, gradients and the optimiser's moments
  int64_t activation_bytes = 0;  // kept for the backward pass, and its temporaries
  int64_t loss_bytes = 0;        // a chunk of logits of each part, and a gradient
  int64_t total() const { return adapter_bytes + activation_bytes + loss_bytes; }
};

// Beside the base weights, which serving holds anyway. An estimate from above: what the
// forward pass keeps of each token is counted, not measured. Blocks below `first_layer` are
// not trained; `parts` of a step are computed side by side.
TrainingMemory EstimateTrainingMemory(const model::ModelConfig& config,
                                      const model::Placement& placement, int64_t rank,
                                      int64_t batch_tokens, int64_t first_layer = 0,
                                      int64_t parts = 1);

}  // namespace imprint::update

#endif  // IMPRINT_SERVER_UPDATE_TRAINING_MEMORY_H_
