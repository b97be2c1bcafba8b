// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/update/version_gauges.h"

#include "absl/status/statusor.h"

namespace imprint::update {

void ShowVersion(const metrics::UpdateMetrics* metrics, const store::Store& store, int64_t number) {
  if (metrics == nullptr) return;
  metrics->live_version->Set(static_cast<double>(number));
  store::VersionRecord shown;  // the base model: learned nothing, lost nothing
  shown.set_retention_perplexity_ratio(1);
  if (number != 0) {
    absl::StatusOr<store::VersionRecord> row = store.GetVersion(number);
    if (!row.ok()) return;
    shown = *std::move(row);
  }
  metrics->efficacy->Set(shown.efficacy());
  metrics->retention_kl->Set(shown.retention_kl());
  metrics->retention_perplexity_ratio->Set(shown.retention_perplexity_ratio());
}

}  // namespace imprint::update
