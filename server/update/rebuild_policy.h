// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// When a version is made again, and from which older one.

#ifndef IMPRINT_SERVER_UPDATE_REBUILD_POLICY_H_
#define IMPRINT_SERVER_UPDATE_REBUILD_POLICY_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "server/store/records.pb.h"

namespace imprint::update {

struct RebuildOptions {
  // Whether a job that the gate rejects for retention is tried again, once, as a REBUILD from
  // an anchor that carries less drift (--rebuild.on_retention).
  bool on_retention = true;
  // Share of the gate's budget (--gate.max_retention_kl) that an anchor may have used where
  // drift is the reason to rebuild; a parent that used more is to blame for a rejection
  // (--rebuild.anchor_drift).
  double anchor_drift = 0.25;
  // The gate's budget, nats per token.
  double max_retention_kl = 0.1;
};

using Sequences = absl::flat_hash_set<int64_t>;

// Versions whose files are there and that contain nothing but some of `keep`, newest first;
// the base, which always will do, is the last. `rows` in order of number.
std::vector<int64_t> Anchors(const std::vector<store::VersionRecord>& rows, const Sequences& keep);

// Those of `anchors` that a rebuild against drift may start from: not `current` itself, and
// not drifted themselves.
std::vector<int64_t> AnchorsAgainstDrift(const RebuildOptions& options,
                                         const std::vector<int64_t>& anchors,
                                         const std::vector<store::VersionRecord>& rows,
                                         int64_t current);

// Whether a job that was rejected for retention failed for the drift that its parent
// brought. `parent` nullopt: the base.
bool DriftIsToBlame(const RebuildOptions& options, const store::JobRecord& rejected,
                    const std::optional<store::VersionRecord>& parent);

}  // namespace imprint::update

#endif  // IMPRINT_SERVER_UPDATE_REBUILD_POLICY_H_
