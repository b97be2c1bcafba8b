// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Computes one planned step.

#ifndef IMPRINT_SERVER_ENGINE_STEP_H_
#define IMPRINT_SERVER_ENGINE_STEP_H_

#include <cstdint>
#include <vector>

#include "server/engine/batch.h"
#include "server/model/network.h"

namespace imprint::engine {

// One pass of the network over the batch (not empty). Gives a token for each of its
// samples and fills the results of its scores. `layer_hook`, which may be empty, is called before
// each layer and each part of the scores; it may compute another step. Throws what libtorch and the
// hook throw.
std::vector<int32_t> ComputeStep(const Batch& batch, const model::LayerHook& layer_hook);

}  // namespace imprint::engine

#endif  // IMPRINT_SERVER_ENGINE_STEP_H_
