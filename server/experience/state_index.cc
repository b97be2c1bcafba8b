// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/experience/state_index.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace imprint::experience {
namespace {

// Rows read at once while loading.
constexpr size_t kLoadChunk = 256;

absl::Time ExpireTime(const store::ExperienceRecord& record) {
  const int64_t micros = store::ExpireTimeMicros(record);
  return micros == 0 ? absl::InfiniteFuture() : absl::FromUnixMicros(micros);
}

absl::Status BadIndex(int64_t sequence, const char* what) {
  return absl::DataLossError(
      absl::StrCat("the experience log is damaged: experiences/", sequence, " ", what,
                   " in the index by state; restore the data folder from a backup, or move it "
                   "away to begin a new one"));
}

}  // namespace

absl::StatusOr<StateIndex> StateIndex::Load(const store::Store& store) {
  StateIndex index;
  const int64_t last = store.GetCounters().last_sequence;
  index.states_.assign(static_cast<size_t>(last) + 1, 0);
  std::vector<int64_t> waiting;
  for (int number = 1; number < store::StoredState_ARRAYSIZE; ++number) {
    const auto state = static_cast<store::StoredState>(number);
    IMPRINT_ASSIGN_OR_RETURN(const std::vector<int64_t> sequences,
                             store.ListByState(state, 0, std::numeric_limits<int>::max()));
    for (int64_t sequence : sequences) {
      if (sequence > last) return BadIndex(sequence, "is beyond the last number");
      if (index.states_[sequence] != 0) return BadIndex(sequence, "is twice");
      index.SetState(sequence, state);
    }
    if (state == store::STORED_STATE_QUEUED || state == store::STORED_STATE_READY) {
      waiting.insert(waiting.end(), sequences.begin(), sequences.end());
    }
  }
  for (int64_t sequence = 1; sequence <= last; ++sequence) {
    if (index.states_[sequence] == 0) return BadIndex(sequence, "is missing");
  }
  for (size_t begin = 0; begin < waiting.size(); begin += kLoadChunk) {
    const size_t count = std::min(kLoadChunk, waiting.size() - begin);
    IMPRINT_ASSIGN_OR_RETURN(const std::vector<store::ExperienceRecord> records,
                             store.GetExperiences({waiting.data() + begin, count}));
    for (const store::ExperienceRecord& record : records) {
      if (record.state() != index.state(record.sequence())) {
        return BadIndex(record.sequence(), "has another state than");
      }
      index.Apply(record);
    }
  }
  return index;
}

bool StateIndex::Apply(const store::ExperienceRecord& record) {
  const int64_t sequence = record.sequence();
  const store::StoredState before = state(sequence);
  SetState(sequence, record.state());
  StopWaiting(sequence, queued_);
  StopWaiting(sequence, ready_);
  if (record.state() == store::STORED_STATE_QUEUED || record.state() == store::STORED_STATE_READY) {
    WaitingMap& map = record.state() == store::STORED_STATE_QUEUED ? queued_ : ready_;
    map[sequence] = Waiting{.accepted = absl::FromUnixMicros(record.create_time_micros()),
                            .since = absl::FromUnixMicros(record.update_time_micros()),
                            .target_tokens = record.target_tokens(),
                            .labels = {record.labels().begin(), record.labels().end()},
                            .supersedes = record.supersedes(),
                            .expires = ExpireTime(record)};
    if (record.supersedes() != 0) superseded_.insert(record.supersedes());
  }
  return before != record.state();
}

void StateIndex::StopWaiting(int64_t sequence, WaitingMap& map) {
  const auto found = map.find(sequence);
  if (found == map.end()) return;
  if (const auto one = superseded_.find(found->second.supersedes); one != superseded_.end()) {
    superseded_.erase(one);
  }
  map.erase(found);
}

store::StoredState StateIndex::state(int64_t sequence) const {
  if (sequence <= 0 || sequence > last_sequence()) return store::STORED_STATE_UNSPECIFIED;
  return static_cast<store::StoredState>(states_[sequence]);
}

void StateIndex::SetState(int64_t sequence, store::StoredState state) {
  if (sequence > last_sequence()) states_.resize(static_cast<size_t>(sequence) + 1, 0);
  if (states_[sequence] != 0) --counts_[states_[sequence]];
  ++counts_[state];
  states_[sequence] = static_cast<uint8_t>(state);
}

}  // namespace imprint::experience
