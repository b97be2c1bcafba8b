// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// One immutable set of weights, as it is served.

#ifndef IMPRINT_SERVER_VERSION_VERSION_H_
#define IMPRINT_SERVER_VERSION_VERSION_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "server/model/adapter.h"
#include "server/model/weights.h"

namespace imprint::version {

// Low-rank changes over the base, which are added up.
using Deltas = std::vector<std::shared_ptr<const model::Adapter>>;

// Shared by everything that computes with it; gone when the last of them lets go.
// `number` 0 is the base model. A candidate that no one has published yet carries the
// number reserved for it.
struct Version {
  int64_t number = 0;
  int64_t parent = 0;
  // round(base + sum of deltas).
  std::shared_ptr<const model::Weights> weights;
  // The low-rank changes over the base that were merged; empty for the base.
  std::vector<std::shared_ptr<const model::Adapter>> deltas;
};

}  // namespace imprint::version

#endif  // IMPRINT_SERVER_VERSION_VERSION_H_
