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

enum class ReplayOrder {
  // The lower the recorded efficacy, the earlier an experience is taken; those never measured
  // come last.
  kMostForgottenFirst,
  // As the seed draws them. For a rebuild: what is recorded was measured on versions that it
  // is to be independent of.
  kDrawn,
};

struct Replayed {
  int64_t sequence;  // of its experience
  store::TargetRecord sentence;
};

// Up to `budget` target sentences of `earlier`. Every chosen experience gives one sentence
// before any gives its second. Deterministic in `seed`; the numbers of the experiences do not
// matter, only their order.
//
// However long the log is, at most kReplaySample of its rows are read, drawn anew for each
// seed, and of those not more target sentences than about twice the budget, so that the
// most forgotten give about half of theirs.
absl::StatusOr<std::vector<Replayed>> ChooseReplay(const store::Store& store,
                                                   const std::vector<int64_t>& earlier,
                                                   size_t budget, uint64_t seed, ReplayOrder order);

// A seed made of what is trained: the same sentences give the same one, in whichever job,
// version or store.
uint64_t SeedOf(const std::vector<store::TargetRecord>& targets);

inline constexpr size_t kReplaySample = 256;
// Experiences that share the budget, at least (where there are as many).
inline constexpr size_t kReplaySpread = 16;

}  // namespace imprint::update

#endif  // IMPRINT_SERVER_UPDATE_REPLAY_H_
