// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Which stored target sentences of earlier experiences an update trains on again.

#ifndef IMPRINT_SERVER_UPDATE_REPLAY_H_
#define IMPRINT_SERVER_UPDATE_REPLAY_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "server/store/store.h"

namespace imprint::update {

// Up to `budget` target sentences of `earlier`, most forgotten first: the lower the recorded
// efficacy, the earlier an experience is taken; those never measured come last. Every chosen
// experience gives one sentence before any gives its second. Deterministic in `seed`.
//
// However long the log is, at most kReplaySample of its rows are read, drawn anew for each
// seed, and of those not more target sentences than about twice the budget, so that the
// most forgotten give about half of theirs.
absl::StatusOr<std::vector<store::TargetRecord>> ChooseReplay(const store::Store& store,
                                                              const std::vector<int64_t>& earlier,
                                                              size_t budget, uint64_t seed);

inline constexpr size_t kReplaySample = 256;
// Experiences that share the budget, at least (where there are as many).
inline constexpr size_t kReplaySpread = 16;

}  // namespace imprint::update

#endif  // IMPRINT_SERVER_UPDATE_REPLAY_H_
