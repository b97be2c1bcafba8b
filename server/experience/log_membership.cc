// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// The parts of ExperienceLog that follow the current version, and those that tell of it.

#include <algorithm>
#include <limits>
#include <utility>

#include "common/status_macros.h"
#include "server/experience/experience_log.h"
#include "server/experience/states.h"

namespace imprint::experience {

absl::Status ExperienceLog::StageIntegrated(store::Transaction& transaction,
                                            const std::vector<int64_t>& sequences, int64_t version,
                                            const std::map<int64_t, double>& efficacies) {
  const absl::Time now = clock_->Now();
  for (int64_t sequence : sequences) {
    IMPRINT_ASSIGN_OR_RETURN(store::ExperienceRecord record, transaction.GetExperience(sequence));
    if (record.state() != store::STORED_STATE_INTEGRATED) {
      IMPRINT_RETURN_IF_ERROR(MoveTo(store::STORED_STATE_INTEGRATED, "", now, record));
      record.set_version(version);
    }
    if (auto efficacy = efficacies.find(sequence); efficacy != efficacies.end()) {
      record.set_efficacy(efficacy->second);
      record.set_efficacy_version(version);
    }
    transaction.PutExperience(record);
    MarkStaged(sequence);
  }
  return absl::OkStatus();
}

absl::Status ExperienceLog::StageSetAside(store::Transaction& transaction,
                                          const std::vector<int64_t>& sequences,
                                          store::StoredState state, const std::string& reason) {
  const absl::Time now = clock_->Now();
  for (int64_t sequence : sequences) {
    IMPRINT_ASSIGN_OR_RETURN(store::ExperienceRecord record, transaction.GetExperience(sequence));
    if (record.state() != store::STORED_STATE_READY) continue;
    IMPRINT_RETURN_IF_ERROR(MoveTo(state, reason, now, record));
    transaction.PutExperience(record);
    MarkStaged(sequence);
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> ExperienceLog::StageMembership(
    store::Transaction& transaction, absl::FunctionRef<bool(int64_t sequence)> contained) {
  struct Rule {
    store::StoredState from;
    bool when_contained;
    store::StoredState to;
    const char* reason;
  };
  const Rule rules[] = {
      {store::STORED_STATE_INTEGRATED, false, store::STORED_STATE_HELD,
       "a rollback went back to a version that does not contain it"},
      {store::STORED_STATE_HELD, true, store::STORED_STATE_INTEGRATED, ""},
      // Released after a rollback, and not trained since.
      {store::STORED_STATE_READY, true, store::STORED_STATE_INTEGRATED, ""},
      // Released after a rollback, and failed then.
      {store::STORED_STATE_QUARANTINED, true, store::STORED_STATE_INTEGRATED, ""},
  };
  const absl::Time now = clock_->Now();
  int64_t held = 0;
  for (const Rule& rule : rules) {
    IMPRINT_ASSIGN_OR_RETURN(const std::vector<int64_t> sequences,
                             store_->ListByState(rule.from, 0, std::numeric_limits<int>::max()));
    for (int64_t sequence : sequences) {
      if (contained(sequence) != rule.when_contained) continue;
      IMPRINT_ASSIGN_OR_RETURN(store::ExperienceRecord record, transaction.GetExperience(sequence));
      // The list is of what was committed; this transaction may have moved it already.
      if (record.state() != rule.from) continue;
      IMPRINT_RETURN_IF_ERROR(MoveTo(rule.to, rule.reason, now, record));
      transaction.PutExperience(record);
      MarkStaged(sequence);
      if (rule.to == store::STORED_STATE_HELD) ++held;
    }
  }
  return held;
}

absl::Status ExperienceLog::StageReleaseHeld(store::Transaction& transaction,
                                             const std::vector<int64_t>& sequences) {
  const absl::Time now = clock_->Now();
  for (int64_t sequence : sequences) {
    IMPRINT_ASSIGN_OR_RETURN(store::ExperienceRecord record, transaction.GetExperience(sequence));
    if (record.state() != store::STORED_STATE_HELD) continue;
    IMPRINT_RETURN_IF_ERROR(MoveTo(store::STORED_STATE_READY, "", now, record));
    transaction.PutExperience(record);
    MarkStaged(sequence);
  }
  return absl::OkStatus();
}

void ExperienceLog::MarkStaged(int64_t sequence) {
  absl::MutexLock lock(&mutex_);
  staged_.insert(sequence);
}

absl::Status ExperienceLog::Refresh() {
  absl::Status status;
  {
    absl::MutexLock lock(&write_mutex_);
    ReloadIfReopened();
    status = ApplyStaged();
  }
  Deliver();
  return status;
}

absl::Status ExperienceLog::ApplyStaged() {
  std::vector<int64_t> staged;
  // Within a transaction, because then no other one is half-way: what is staged by now is
  // committed or never will be.
  IMPRINT_RETURN_IF_ERROR(store_->Transact([&](store::Transaction&) {
    absl::MutexLock lock(&mutex_);
    staged.assign(staged_.begin(), staged_.end());
    staged_.clear();
    return absl::OkStatus();
  }));
  // In the order of the log, whatever the order of the set.
  std::sort(staged.begin(), staged.end());
  absl::StatusOr<std::vector<store::ExperienceRecord>> records = store_->GetExperiences(staged);
  if (!records.ok()) {
    absl::MutexLock lock(&mutex_);
    staged_.insert(staged.begin(), staged.end());
    return records.status();
  }
  {
    absl::MutexLock lock(&mutex_);
    std::erase_if(*records, [&](const store::ExperienceRecord& record) {
      mutex_.AssertHeld();
      return record.state() == index_.state(record.sequence());
    });
  }
  Applied(*records);
  return absl::OkStatus();
}

void ExperienceLog::SetTraining(const std::vector<int64_t>& sequences) {
  absl::MutexLock lock(&mutex_);
  training_.clear();
  for (int64_t sequence : sequences) {
    if (index_.state(sequence) == store::STORED_STATE_READY) training_.insert(sequence);
  }
}

bool ExperienceLog::IsTraining(int64_t sequence) const {
  absl::MutexLock lock(&mutex_);
  return training_.contains(sequence);
}

void ExperienceLog::AddListener(Listener listener) {
  absl::MutexLock lock(&mutex_);
  listeners_.push_back(std::move(listener));
}

void ExperienceLog::Tell(store::ExperienceRecord record) {
  if (!listeners_.empty()) untold_.push_back(std::move(record));
}

void ExperienceLog::Deliver() {
  {
    // One thread tells at a time, so that the order is kept; it also tells what others queue
    // meanwhile.
    absl::MutexLock lock(&mutex_);
    if (telling_) return;
    telling_ = true;
  }
  while (true) {
    std::vector<Listener> listeners;
    store::ExperienceRecord record;
    {
      absl::MutexLock lock(&mutex_);
      if (untold_.empty()) {
        telling_ = false;
        return;
      }
      listeners = listeners_;
      record = std::move(untold_.front());
      untold_.pop_front();
    }
    for (const Listener& listener : listeners) listener(record);
  }
}

}  // namespace imprint::experience
