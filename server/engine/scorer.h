// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Log-probabilities at the places that score requests ask about.

#ifndef IMPRINT_SERVER_ENGINE_SCORER_H_
#define IMPRINT_SERVER_ENGINE_SCORER_H_

#include "ATen/core/TensorBody.h"
#include "absl/types/span.h"
#include "server/engine/batch.h"
#include "server/model/network.h"
#include "server/model/weights.h"

namespace imprint::engine {

// Fills the results of the rows' tasks from `hidden_TD` [tokens, hidden] of the step. The
// output head sees a bounded number of rows at once, so that no [tokens, vocab] tensor of a
// whole batch is alive; `layer_hook`, which may be empty, is called before each. Softmax in f32.
void ScoreRows(const model::Weights& weights, const at::Tensor& hidden_TD,
               absl::Span<const Batch::ScoreRow> rows, const model::LayerHook& layer_hook);

}  // namespace imprint::engine

#endif  // IMPRINT_SERVER_ENGINE_SCORER_H_
