// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/update/rebuild_policy.h"

#include <algorithm>

namespace imprint::update {
namespace {

bool HasDrifted(const RebuildOptions& options, const store::VersionRecord& version) {
  return version.retention_kl() > options.anchor_drift * options.max_retention_kl;
}

}  // namespace

std::vector<int64_t> Anchors(const std::vector<store::VersionRecord>& rows, const Sequences& keep) {
  Sequences fitting = {0};  // numbers; a parent comes before its children
  std::vector<int64_t> anchors = {0};
  for (const store::VersionRecord& row : rows) {
    const bool fits = fitting.contains(row.parent()) &&
                      std::all_of(row.added().begin(), row.added().end(),
                                  [&keep](int64_t sequence) { return keep.contains(sequence); });
    if (!fits) continue;
    fitting.insert(row.number());
    if (!row.dropped()) anchors.push_back(row.number());
  }
  std::reverse(anchors.begin(), anchors.end());
  return anchors;
}

std::vector<int64_t> AnchorsAgainstDrift(const RebuildOptions& options,
                                         const std::vector<int64_t>& anchors,
                                         const std::vector<store::VersionRecord>& rows,
                                         int64_t current) {
  Sequences unfit;  // numbers
  if (current != 0) unfit.insert(current);
  for (const store::VersionRecord& row : rows) {
    if (HasDrifted(options, row)) unfit.insert(row.number());
  }
  std::vector<int64_t> left;
  for (const int64_t anchor : anchors) {
    if (!unfit.contains(anchor)) left.push_back(anchor);
  }
  return left;
}

bool DriftIsToBlame(const RebuildOptions& options, const store::JobRecord& rejected,
                    const std::optional<store::VersionRecord>& parent) {
  return options.on_retention && rejected.kind() == store::STORED_JOB_KIND_UPDATE &&
         !rejected.rebuild_tried() && parent.has_value() && HasDrifted(options, *parent);
}

}  // namespace imprint::update
