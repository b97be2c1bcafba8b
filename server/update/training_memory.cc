// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/update/training_memory.h"

#include <c10/core/ScalarType.h>

#include <algorithm>

#include "server/model/short_attention.h"
#include "server/update/adamw.h"

namespace imprint::update {
namespace {

// Rows of logits alive at once (the default of TopKKlLoss), in f32 and as the products want them;
// on a CPU only these.
constexpr int64_t kLossRows = 64;
// Copies of the scores in the gradient of attention, f32.
constexpr int64_t kScoreCopies = 4;

}  // namespace

TrainingMemory EstimateTrainingMemory(const model::ModelConfig& config,
                                      const model::Placement& placement, int64_t rank,
                                      int64_t batch_tokens, int64_t first_layer, int64_t parts) {
  const int64_t hidden = config.hidden_size;
  const int64_t heads = config.heads * config.head_dim;
  const int64_t kv_heads = config.kv_heads * config.head_dim;
  const int64_t wide = config.intermediate_size;

  // In and out of each of the seven linear maps.
  const int64_t low_rank = rank * ((hidden + heads) + 2 * (hidden + kv_heads) + (heads + hidden) +
                                   2 * (hidden + wide) + (wide + hidden));
  // What a block keeps of one token: its two norms (in, out and f32 copies), queries, keys
  // and values before and after rotation and as attention wants them, its output; gate, up,
  // their activation and product; and the low-rank maps' middle.
  const int64_t kept = 10 * hidden + 4 * (heads + 2 * kv_heads) + 5 * wide + 2 * 7 * rank;

  TrainingMemory memory;
  const int64_t layers = config.layers - first_layer;
  memory.adapter_bytes = layers * (low_rank * int64_t{sizeof(float)} + AdamW::StateBytes(low_rank));
  memory.activation_bytes =
      layers * batch_tokens * kept * static_cast<int64_t>(c10::elementSize(placement.compute));
  const int64_t scores = std::min(model::kMostScores, config.heads * batch_tokens * batch_tokens);
  memory.activation_bytes += parts * scores * kScoreCopies * int64_t{sizeof(float)};
  // The first part's gradient is the step's, which the adapter's bytes have.
  memory.loss_bytes =
      parts * kLossRows * config.vocab_size * int64_t{sizeof(float) + sizeof(float)} +
      (parts - 1) * layers * low_rank * int64_t{sizeof(float)};
  return memory;
}

}  // namespace imprint::update
