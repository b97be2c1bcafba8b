// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// How an experience becomes a tombstone.

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/failpoint.h"
#include "common/status_macros.h"
#include "server/experience/experience_log.h"
#include "server/experience/states.h"

namespace imprint::experience {
namespace {

// What stays: place, request_id, times, which version had it first.
store::ExperienceRecord Tombstone(const store::ExperienceRecord& record) {
  store::ExperienceRecord tombstone;
  tombstone.set_sequence(record.sequence());
  tombstone.set_state(record.state());
  tombstone.set_request_id(record.request_id());
  tombstone.set_create_time_micros(record.create_time_micros());
  tombstone.set_version(record.version());
  return tombstone;
}

}  // namespace

absl::StatusOr<std::vector<int64_t>> ExperienceLog::Select(const ForgetSelector& selector) const {
  int64_t sequence = selector.sequence;
  if (!selector.request_id.empty()) {
    IMPRINT_ASSIGN_OR_RETURN(const std::optional<int64_t> found,
                             store_->FindRequest(selector.request_id));
    if (!found.has_value()) {
      return absl::NotFoundError(absl::StrCat("no experience was injected with the request_id \"",
                                              selector.request_id, "\""));
    }
    if (sequence != 0 && sequence != *found) return std::vector<int64_t>();
    sequence = *found;
  }
  std::vector<int64_t> selected;
  if (sequence != 0) {
    IMPRINT_ASSIGN_OR_RETURN(const store::ExperienceRecord head, GetHead(sequence));
    if (Carries(head.labels(), selector.labels)) selected.push_back(sequence);
    return selected;
  }
  if (selector.labels.empty()) return selected;
  IMPRINT_ASSIGN_OR_RETURN(Found found,
                           Find({.labels = selector.labels}, /*after=*/0, kAllRows, kAllRows));
  return std::move(found.sequences);
}

absl::Status ExperienceLog::StageForget(store::Transaction& transaction, int64_t sequence,
                                        const std::string& reason, bool keep_probes) {
  IMPRINT_ASSIGN_OR_RETURN(const store::ExperienceRecord record,
                           transaction.GetExperience(sequence));
  if (record.state() == store::STORED_STATE_FORGOTTEN) return absl::OkStatus();
  store::ExperienceRecord tombstone = Tombstone(record);
  IMPRINT_RETURN_IF_ERROR(MoveTo(store::STORED_STATE_FORGOTTEN, reason, clock_->Now(), tombstone));
  transaction.PutExperience(tombstone);
  transaction.DeleteTargets(sequence);
  MarkStaged(sequence);
  {
    absl::MutexLock lock(&mutex_);
    open_tombstones_.insert(sequence);
  }
  return keep_probes ? absl::OkStatus() : StageDropProbes(transaction, sequence);
}

absl::Status ExperienceLog::StageDropProbes(store::Transaction& transaction, int64_t sequence) {
  IMPRINT_ASSIGN_OR_RETURN(const std::vector<store::ProbeRecord> probes,
                           store_->GetProbes(sequence));
  for (const store::ProbeRecord& probe : probes) transaction.DeleteProbe(probe);
  return absl::OkStatus();
}

void ExperienceLog::CloseTombstones(const std::vector<int64_t>& sequences) {
  absl::MutexLock lock(&mutex_);
  for (const int64_t sequence : sequences) open_tombstones_.erase(sequence);
}

absl::StatusOr<std::vector<store::ExperienceRecord>> ExperienceLog::Forget(
    const std::vector<int64_t>& sequences, const std::string& reason,
    absl::FunctionRef<bool(int64_t sequence)> keep_probes) {
  IMPRINT_FAILPOINT_OR_RETURN("forget.before");
  const absl::Status written =
      store_->Transact([&](store::Transaction& transaction) -> absl::Status {
        for (const int64_t sequence : sequences) {
          IMPRINT_RETURN_IF_ERROR(
              StageForget(transaction, sequence, reason, keep_probes(sequence)));
        }
        return absl::OkStatus();
      });
  IMPRINT_FAILPOINT("forget.after");
  // Whatever came of it: what was staged is looked up.
  const absl::Status refreshed = Refresh();
  IMPRINT_RETURN_IF_ERROR(written);
  IMPRINT_RETURN_IF_ERROR(refreshed);
  return store_->GetExperiences(sequences);
}

}  // namespace imprint::experience
