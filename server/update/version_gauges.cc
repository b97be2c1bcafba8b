// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/update/version_gauges.h"

#include <limits>

#include "absl/status/statusor.h"

namespace imprint::update {

void ShowVersion(const metrics::UpdateMetrics* metrics, const store::Store& store, int64_t number) {
  if (metrics == nullptr) return;
  metrics->live_version->Set(static_cast<double>(number));
  constexpr double kNotMeasured = std::numeric_limits<double>::quiet_NaN();
  store::VersionRecord shown;  // the base model: learned nothing, lost nothing
  shown.set_efficacy(0);
  shown.set_retention_perplexity_ratio(1);
  double earlier_efficacy = kNotMeasured;
  if (number != 0) {
    absl::StatusOr<store::VersionRecord> row = store.GetVersion(number);
    if (!row.ok()) return;
    shown = *std::move(row);
    const absl::StatusOr<store::JobRecord> job = store.GetJob(shown.job());
    if (job.ok() && job->report().has_earlier_efficacy()) {
      earlier_efficacy = job->report().earlier_efficacy();
    }
  }
  metrics->efficacy->Set(shown.has_efficacy() ? shown.efficacy() : kNotMeasured);
  metrics->earlier_efficacy->Set(earlier_efficacy);
  metrics->retention_kl->Set(shown.retention_kl());
  metrics->retention_perplexity_ratio->Set(shown.retention_perplexity_ratio());
}

}  // namespace imprint::update
