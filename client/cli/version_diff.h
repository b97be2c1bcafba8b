// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// What one version knows and another does not: the same probes asked of both.

#ifndef IMPRINT_CLIENT_CLI_VERSION_DIFF_H_
#define IMPRINT_CLIENT_CLI_VERSION_DIFF_H_

#include <cstddef>
#include <string>
#include <vector>

#include "imprint/v1/admin_service.pb.h"

namespace imprint::client {

// One probe, asked of two versions.
struct ProbeChange {
  v1::ProbeResult before;
  v1::ProbeResult after;

  bool AnswerChanged() const { return before.answer() != after.answer(); }
};

// Pairs the results of each probe that both versions were asked, in the order of `before`.
std::vector<ProbeChange> PairResults(const v1::RunProbesResponse& before,
                                     const v1::RunProbesResponse& after);

// A block for each change: what was asked, the efficacies, and the answers side by side in
// `width` columns (0: as wide as a table in a pipe). Last, a line with the means.
std::string FormatChanges(const std::vector<ProbeChange>& changes, bool unchanged_too,
                          const std::string& before, const std::string& after, size_t width);

}  // namespace imprint::client

#endif  // IMPRINT_CLIENT_CLI_VERSION_DIFF_H_
