// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/update/replay.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "common/status_macros.h"
#include "server/update/sample.h"

namespace imprint::update {
namespace {

struct Candidate {
  double efficacy;  // infinite: never measured
  int64_t sequence;
};

}  // namespace

absl::StatusOr<std::vector<store::TargetRecord>> ChooseReplay(const store::Store& store,
                                                              const std::vector<int64_t>& earlier,
                                                              size_t budget, uint64_t seed) {
  std::vector<store::TargetRecord> replay;
  if (budget == 0) return replay;
  std::vector<Candidate> candidates;
  for (const int64_t sequence : Sample(earlier, kReplaySample, seed)) {
    IMPRINT_ASSIGN_OR_RETURN(const store::ExperienceRecord row, store.GetExperience(sequence));
    const double efficacy =
        row.has_efficacy() ? row.efficacy() : std::numeric_limits<double>::infinity();
    candidates.push_back({.efficacy = efficacy, .sequence = sequence});
  }
  std::sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
    return std::pair(a.efficacy, a.sequence) < std::pair(b.efficacy, b.sequence);
  });

  std::vector<std::vector<store::TargetRecord>> opened;
  size_t at_hand = 0;
  for (const Candidate& candidate : candidates) {
    if (at_hand >= 2 * budget && opened.size() >= kReplaySpread) break;
    IMPRINT_ASSIGN_OR_RETURN(std::vector<store::TargetRecord> targets,
                             store.GetTargets(candidate.sequence));
    // Another part of them each time.
    targets = Sample(std::move(targets), budget, seed + static_cast<uint64_t>(candidate.sequence));
    at_hand += targets.size();
    opened.push_back(std::move(targets));
  }
  for (size_t round = 0; replay.size() < budget; ++round) {
    const size_t before = replay.size();
    for (std::vector<store::TargetRecord>& targets : opened) {
      if (round < targets.size() && replay.size() < budget) {
        replay.push_back(std::move(targets[round]));
      }
    }
    if (replay.size() == before) break;  // all are in
  }
  return replay;
}

}  // namespace imprint::update
