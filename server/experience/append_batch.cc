// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/experience/append_batch.h"

#include <optional>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/resource_name.h"
#include "common/status_macros.h"

namespace imprint::experience {
namespace {

// 128 random bits: no two of them will ever be equal.
std::string MakeRequestId() {
  std::random_device random;
  return absl::StrFormat("%08x%08x%08x%08x", random(), random(), random(), random());
}

// `stored` again, if it is what was asked for.
absl::StatusOr<store::ExperienceRecord> Repetition(const store::ExperienceRecord& stored,
                                                   const std::string& body_digest) {
  // Of a forgotten one nothing is kept that a body could be compared with.
  if (stored.state() == store::STORED_STATE_FORGOTTEN) return stored;
  if (stored.body_digest() == body_digest) return stored;
  return absl::AlreadyExistsError(absl::StrCat(
      "request_id \"", stored.request_id(), "\" was used for experiences/", stored.sequence(),
      " with another body; give each experience its own request_id"));
}

}  // namespace

AppendBatch::AppendBatch(const store::Store* store, absl::Time now, Room room)
    : store_(store), now_(now), room_(std::move(room)) {}

void AppendBatch::Add(store::Transaction& transaction, store::ExperienceRecord record,
                      const std::string& supersedes) {
  outcomes_.push_back(Stage(transaction, std::move(record), supersedes));
}

absl::StatusOr<int64_t> AppendBatch::FindRequest(const std::string& request_id) const {
  if (auto found = added_by_request_.find(request_id); found != added_by_request_.end()) {
    return added_[found->second].sequence();
  }
  IMPRINT_ASSIGN_OR_RETURN(const std::optional<int64_t> stored, store_->FindRequest(request_id));
  return stored.value_or(0);
}

absl::StatusOr<int64_t> AppendBatch::FindSuperseded(store::Transaction& transaction,
                                                    const std::string& reference) const {
  int64_t sequence = 0;
  const absl::StatusOr<int64_t> named = ParseResourceName(kExperiences, reference);
  if (named.ok()) {
    const absl::Status read = transaction.GetExperience(*named).status();
    if (!read.ok() && !absl::IsNotFound(read)) return read;
    if (read.ok()) sequence = *named;
  } else {
    IMPRINT_ASSIGN_OR_RETURN(sequence, FindRequest(reference));
  }
  if (sequence != 0) return sequence;
  return absl::NotFoundError(
      absl::StrCat("there is no experience \"", reference, "\" that could be superseded"));
}

AppendBatch::Outcome AppendBatch::Stage(store::Transaction& transaction,
                                        store::ExperienceRecord record,
                                        const std::string& supersedes) {
  if (record.request_id().empty()) record.set_request_id(MakeRequestId());
  if (auto found = added_by_request_.find(record.request_id()); found != added_by_request_.end()) {
    absl::StatusOr<store::ExperienceRecord> repeated =
        Repetition(added_[found->second], record.body_digest());
    // A repetition stands or falls with the first one's write.
    if (repeated.ok()) return {.added = found->second};
    return {.settled = repeated.status()};
  }
  absl::StatusOr<std::optional<int64_t>> sequence = store_->FindRequest(record.request_id());
  if (!sequence.ok()) return {.settled = sequence.status()};
  if (sequence->has_value()) {
    absl::StatusOr<store::ExperienceRecord> stored = store_->GetExperience(**sequence);
    if (!stored.ok()) return {.settled = stored.status()};
    return {.settled = Repetition(*stored, record.body_digest())};
  }
  if (!room_.disk.ok()) return {.settled = room_.disk};
  if (static_cast<int64_t>(added_.size()) >= room_.experiences) {
    return {.settled = absl::ResourceExhaustedError(
                absl::StrCat("too many experiences wait for generation or training; the limit is ",
                             room_.max_waiting, " (--inject.max_waiting)"))};
  }
  if (!supersedes.empty()) {
    const absl::StatusOr<int64_t> older = FindSuperseded(transaction, supersedes);
    if (!older.ok()) return {.settled = older.status()};
    record.set_supersedes(*older);
  }
  record.set_sequence(transaction.NextSequence());
  record.set_state(store::STORED_STATE_QUEUED);
  record.set_create_time_micros(absl::ToUnixMicros(now_));
  record.set_update_time_micros(record.create_time_micros());
  transaction.PutExperience(record);
  const int index = static_cast<int>(added_.size());
  added_by_request_[record.request_id()] = index;
  added_.push_back(std::move(record));
  return {.added = index};
}

std::vector<absl::StatusOr<store::ExperienceRecord>> AppendBatch::Outcomes(
    const absl::Status& written) {
  std::vector<absl::StatusOr<store::ExperienceRecord>> results;
  results.reserve(outcomes_.size());
  for (Outcome& outcome : outcomes_) {
    if (outcome.added < 0) {
      results.push_back(std::move(outcome.settled));
    } else if (written.ok()) {
      results.push_back(added_[outcome.added]);
    } else {
      results.push_back(written);
    }
  }
  return results;
}

}  // namespace imprint::experience
