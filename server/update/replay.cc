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

absl::StatusOr<std::vector<Replayed>> ChooseReplay(const store::Store& store,
                                                   const std::vector<int64_t>& earlier,
                                                   size_t budget, uint64_t seed,
                                                   ReplayOrder order) {
  std::vector<Replayed> replay;
  if (budget == 0) return replay;
  std::vector<Candidate> candidates;
  for (const int64_t sequence : Sample(earlier, kReplaySample, seed)) {
    IMPRINT_ASSIGN_OR_RETURN(const store::ExperienceRecord row, store.GetExperience(sequence));
    const double efficacy =
        row.has_efficacy() ? row.efficacy() : std::numeric_limits<double>::infinity();
    candidates.push_back({.efficacy = efficacy, .sequence = sequence});
  }
  if (order == ReplayOrder::kMostForgottenFirst) {
    // Equals stay as they were drawn.
    std::stable_sort(
        candidates.begin(), candidates.end(),
        [](const Candidate& a, const Candidate& b) { return a.efficacy < b.efficacy; });
  }

  std::vector<std::vector<Replayed>> opened;
  size_t at_hand = 0;
  for (const Candidate& candidate : candidates) {
    if (at_hand >= 2 * budget && opened.size() >= kReplaySpread) break;
    IMPRINT_ASSIGN_OR_RETURN(std::vector<store::TargetRecord> targets,
                             store.GetTargets(candidate.sequence));
    // Another part of them each time.
    targets = Sample(std::move(targets), budget, seed + opened.size());
    at_hand += targets.size();
    std::vector<Replayed>& own = opened.emplace_back();
    for (store::TargetRecord& target : targets) {
      own.push_back({.sequence = candidate.sequence, .sentence = std::move(target)});
    }
  }
  for (size_t round = 0; replay.size() < budget; ++round) {
    const size_t before = replay.size();
    for (std::vector<Replayed>& targets : opened) {
      if (round < targets.size() && replay.size() < budget) {
        replay.push_back(std::move(targets[round]));
      }
    }
    if (replay.size() == before) break;  // all are in
  }
  return replay;
}

uint64_t SeedOf(const std::vector<store::TargetRecord>& targets) {
  // FNV-1a over the ids: the same everywhere, which std::hash is not.
  uint64_t hash = 0xcbf29ce484222325;
  const auto add = [&hash](uint64_t word) {
    for (int byte = 0; byte < 8; ++byte) {
      hash ^= word >> (8 * byte) & 0xff;
      hash *= 0x100000001b3;
    }
  };
  for (const store::TargetRecord& target : targets) {
    add(static_cast<uint64_t>(target.student_prompt_ids_size()));
    for (const int32_t id : target.student_prompt_ids()) add(static_cast<uint64_t>(id));
    add(static_cast<uint64_t>(target.target_ids_size()));
    for (const int32_t id : target.target_ids()) add(static_cast<uint64_t>(id));
  }
  return hash;
}

}  // namespace imprint::update
