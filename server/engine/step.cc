// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/engine/step.h"

#include "ATen/ATen.h"
#include "server/engine/row_index.h"
#include "server/engine/sampler.h"
#include "server/engine/scorer.h"

namespace imprint::engine {

std::vector<int32_t> ComputeStep(const Batch& batch, const model::LayerHook& layer_hook) {
  const model::Weights& weights = *batch.tasks.front()->version->weights;
  const at::Tensor hidden_TD =
      model::Network::Forward(weights, batch.tokens, batch.segments, {.layer_hook = layer_hook});
  std::vector<int32_t> sampled;
  if (!batch.samples.empty()) {
    std::vector<int64_t> rows;
    std::vector<SampleSpec> specs;
    for (const Batch::SampleRow& sample : batch.samples) {
      const Generation& generation = *sample.task->generation();
      rows.push_back(sample.row);
      specs.push_back({generation.sampling, generation.output.size()});
    }
    sampled = SampleTokens(model::Network::Logits(weights, SelectRows(hidden_TD, rows)), specs);
  }
  ScoreRows(weights, hidden_TD, batch.scores, layer_hook);
  return sampled;
}

}  // namespace imprint::engine
