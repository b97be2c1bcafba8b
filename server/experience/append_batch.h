// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Appends that become durable by one sync: which of them are new, which are repetitions.

#ifndef IMPRINT_SERVER_EXPERIENCE_APPEND_BATCH_H_
#define IMPRINT_SERVER_EXPERIENCE_APPEND_BATCH_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/store/store.h"

namespace imprint::experience {

// Stages appends into one transaction, one after another; then gives the outcome of each.
// Not thread-safe.
class AppendBatch {
 public:
  // For want of which new experiences are refused; one that is there already needs none.
  struct Room {
    // How many more there may be, and the limit to name when there are as many.
    int64_t experiences;
    int64_t max_waiting;
    // What the disk says to more than it holds.
    absl::Status disk;
  };

  AppendBatch(const store::Store* store, absl::Time now, Room room);

  // `record` gets its place in the log, unless its request_id is there already: then the
  // outcome is the stored record, or ALREADY_EXISTS when the bodies differ. `supersedes` as
  // in ExperienceLog::Append.
  void Add(store::Transaction& transaction, store::ExperienceRecord record,
           const std::string& supersedes);

  // Outcomes in the order of Add. `written` is the transaction's: where it is an error, no
  // append that was new has happened.
  std::vector<absl::StatusOr<store::ExperienceRecord>> Outcomes(const absl::Status& written);

  // What was staged, in order of sequence.
  const std::vector<store::ExperienceRecord>& added() const { return added_; }

 private:
  // Where an outcome comes from: added_ at an index, or settled before the write.
  struct Outcome {
    int added = -1;
    absl::StatusOr<store::ExperienceRecord> settled = absl::UnknownError("");
  };

  Outcome Stage(store::Transaction& transaction, store::ExperienceRecord record,
                const std::string& supersedes);
  // Where the record of a request_id is; 0: nowhere.
  absl::StatusOr<int64_t> FindRequest(const std::string& request_id) const;
  absl::StatusOr<int64_t> FindSuperseded(store::Transaction& transaction,
                                         const std::string& reference) const;

  const store::Store* const store_;
  const absl::Time now_;
  const Room room_;
  std::vector<store::ExperienceRecord> added_;
  absl::flat_hash_map<std::string, int> added_by_request_;
  std::vector<Outcome> outcomes_;
};

}  // namespace imprint::experience

#endif  // IMPRINT_SERVER_EXPERIENCE_APPEND_BATCH_H_
