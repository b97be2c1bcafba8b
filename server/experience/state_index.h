// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// What the log keeps in memory of the store: a byte of state for each experience, and a
// little more for those that wait.

#ifndef IMPRINT_SERVER_EXPERIENCE_STATE_INDEX_H_
#define IMPRINT_SERVER_EXPERIENCE_STATE_INDEX_H_

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/store/store.h"

namespace imprint::experience {

// Not thread-safe.
class StateIndex {
 public:
  // What is known of an experience that waits for generation or training.
  struct Waiting {
    absl::Time accepted;
    absl::Time since;  // in this state
    int32_t target_tokens;
    std::map<std::string, std::string> labels;
    int64_t supersedes;  // 0: none
    absl::Time expires;
  };
  // By sequence.
  using WaitingMap = absl::btree_map<int64_t, Waiting>;

  // Reads the index by state, and the rows of those that wait. DATA_LOSS when a sequence
  // number is missing or there twice. Nothing may be written meanwhile.
  static absl::StatusOr<StateIndex> Load(const store::Store& store);

  // Takes over a row as it is in the store now. Whether its state changed.
  bool Apply(const store::ExperienceRecord& record);

  // UNSPECIFIED: there is none.
  store::StoredState state(int64_t sequence) const;
  int64_t count(store::StoredState state) const { return counts_[state]; }
  int64_t last_sequence() const { return static_cast<int64_t>(states_.size()) - 1; }
  const WaitingMap& queued() const { return queued_; }
  const WaitingMap& ready() const { return ready_; }
  // An experience that waits supersedes it.
  bool superseded(int64_t sequence) const { return superseded_.contains(sequence); }
  int64_t waiting_count() const { return static_cast<int64_t>(queued_.size() + ready_.size()); }

 private:
  void SetState(int64_t sequence, store::StoredState state);
  void StopWaiting(int64_t sequence, WaitingMap& map);

  // By sequence; the first one is of no experience.
  std::vector<uint8_t> states_ = {0};
  std::array<int64_t, store::StoredState_ARRAYSIZE> counts_ = {};
  WaitingMap queued_;
  WaitingMap ready_;
  // Those that an experience in queued_ or ready_ supersedes, once for each.
  absl::btree_multiset<int64_t> superseded_;
};

}  // namespace imprint::experience

#endif  // IMPRINT_SERVER_EXPERIENCE_STATE_INDEX_H_
