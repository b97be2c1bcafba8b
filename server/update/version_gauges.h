// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// What the gauges show of the version that is served: also after a restart or a rollback,
// when nothing was published.

#ifndef IMPRINT_SERVER_UPDATE_VERSION_GAUGES_H_
#define IMPRINT_SERVER_UPDATE_VERSION_GAUGES_H_

#include <cstdint>

#include "server/metrics/metrics.h"
#include "server/store/store.h"

namespace imprint::update {

// `metrics` may be null. A version whose row cannot be read shows as its number alone.
void ShowVersion(const metrics::UpdateMetrics* metrics, const store::Store& store, int64_t number);

}  // namespace imprint::update

#endif  // IMPRINT_SERVER_UPDATE_VERSION_GAUGES_H_
