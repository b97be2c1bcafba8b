// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// The reads of ExperienceLog.

#include <algorithm>
#include <iterator>
#include <utility>

#include "common/status_macros.h"
#include "server/experience/experience_log.h"

namespace imprint::experience {
namespace {

// Heads read at once where few of them may fit.
constexpr int kScanChunk = 256;

bool IsWaiting(store::StoredState state) {
  return state == store::STORED_STATE_QUEUED || state == store::STORED_STATE_READY;
}

}  // namespace

absl::StatusOr<store::ExperienceRecord> ExperienceLog::Get(int64_t sequence) const {
  return store_->GetExperience(sequence);
}

absl::StatusOr<store::ExperienceRecord> ExperienceLog::GetHead(int64_t sequence) const {
  IMPRINT_ASSIGN_OR_RETURN(std::vector<store::ExperienceRecord> heads,
                           store_->GetHeads({&sequence, 1}));
  return std::move(heads.front());
}

absl::StatusOr<ExperienceLog::Listing> ExperienceLog::List(const Filter& filter, int64_t after,
                                                           int limit, int max_rows) const {
  IMPRINT_ASSIGN_OR_RETURN(const Found found, Find(filter, after, limit, max_rows));
  Listing listing = {.records = {}, .next_after = found.next_after, .rows = found.rows};
  IMPRINT_ASSIGN_OR_RETURN(listing.records, store_->GetExperiences(found.sequences));
  // A row may have moved on since its head was read.
  std::erase_if(listing.records,
                [&](const store::ExperienceRecord& record) { return !Fits(filter, record); });
  return listing;
}

absl::StatusOr<ExperienceLog::Found> ExperienceLog::Find(const Filter& filter, int64_t after,
                                                         int limit, int max_rows) const {
  const bool most_fit = filter.labels.empty() && !filter.training.has_value();
  Found found = {.sequences = {}, .next_after = after};
  const auto left = [&] { return limit - static_cast<int>(found.sequences.size()); };
  while (left() > 0 && found.rows < max_rows) {
    const int count = std::min({most_fit ? left() : kScanChunk, kScanChunk, max_rows - found.rows});
    IMPRINT_ASSIGN_OR_RETURN(const std::vector<store::ExperienceRecord> heads,
                             NextHeads(filter, *found.next_after, count));
    for (const store::ExperienceRecord& head : heads) {
      if (left() == 0) return found;
      ++found.rows;
      found.next_after = head.sequence();
      if (Fits(filter, head)) found.sequences.push_back(head.sequence());
    }
    if (static_cast<int>(heads.size()) < count) {
      found.next_after.reset();
      break;
    }
  }
  return found;
}

absl::StatusOr<std::vector<store::ExperienceRecord>> ExperienceLog::NextHeads(const Filter& filter,
                                                                              int64_t after,
                                                                              int count) const {
  if (!filter.state.has_value()) return store_->ListHeads(after, count);
  IMPRINT_ASSIGN_OR_RETURN(const std::vector<int64_t> sequences,
                           store_->ListByState(*filter.state, after, count));
  return store_->GetHeads(sequences);
}

bool ExperienceLog::Fits(const Filter& filter, const store::ExperienceRecord& record) const {
  if (filter.state.has_value() && record.state() != *filter.state) return false;
  if (filter.training.has_value() && IsTraining(record.sequence()) != *filter.training) {
    return false;
  }
  return Carries(record.labels(), filter.labels);
}

std::optional<int64_t> ExperienceLog::NextQueued(int64_t after) const {
  absl::MutexLock lock(&mutex_);
  auto next = index_.queued().upper_bound(after);
  if (next == index_.queued().end()) return std::nullopt;
  return next->first;
}

void ExperienceLog::AwaitQueued(int64_t after, absl::Time deadline) const {
  absl::MutexLock lock(&mutex_);
  const int64_t wakes = wakes_;
  while (!wake_is_due_ && wakes_ == wakes && !stopping_ &&
         index_.queued().upper_bound(after) == index_.queued().end()) {
    if (queued_or_woken_.WaitWithDeadline(&mutex_, deadline)) break;
  }
  wake_is_due_ = false;
}

void ExperienceLog::WakeWaiters() {
  absl::MutexLock lock(&mutex_);
  ++wakes_;
  // Somebody may be about to wait, having looked before this call.
  wake_is_due_ = true;
  queued_or_woken_.SignalAll();
}

std::vector<ExperienceLog::ReadyExperience> ExperienceLog::Ready() const {
  absl::MutexLock lock(&mutex_);
  std::vector<ReadyExperience> ready;
  ready.reserve(index_.ready().size());
  for (const auto& [sequence, waiting] : index_.ready()) {
    if (index_.superseded(sequence)) continue;
    ready.push_back({sequence, waiting.since, waiting.target_tokens});
  }
  return ready;
}

int64_t ExperienceLog::CountQueued(int64_t last) const {
  absl::MutexLock lock(&mutex_);
  return std::distance(index_.queued().begin(), index_.queued().upper_bound(last));
}

absl::StatusOr<std::vector<store::ExperienceRecord>> ExperienceLog::Pending(const Labels& labels,
                                                                            int limit) const {
  std::vector<int64_t> sequences;
  const absl::Time now = clock_->Now();
  {
    absl::MutexLock lock(&mutex_);
    auto queued = index_.queued().rbegin();
    auto ready = index_.ready().rbegin();
    while (static_cast<int>(sequences.size()) < limit) {
      const bool more_queued = queued != index_.queued().rend();
      const bool more_ready = ready != index_.ready().rend();
      if (!more_queued && !more_ready) break;
      auto& newest = more_queued && (!more_ready || queued->first > ready->first) ? queued : ready;
      const bool outdated = index_.superseded(newest->first) || newest->second.expires <= now;
      if (!outdated && Carries(newest->second.labels, labels)) sequences.push_back(newest->first);
      ++newest;
    }
  }
  IMPRINT_ASSIGN_OR_RETURN(std::vector<store::ExperienceRecord> records,
                           store_->GetExperiences(sequences));
  std::erase_if(records,
                [](const store::ExperienceRecord& record) { return !IsWaiting(record.state()); });
  return records;
}

StateCounts ExperienceLog::Counts() const {
  absl::MutexLock lock(&mutex_);
  return {.queued = index_.count(store::STORED_STATE_QUEUED),
          .ready = index_.count(store::STORED_STATE_READY),
          .training = static_cast<int64_t>(training_.size()),
          .integrated = index_.count(store::STORED_STATE_INTEGRATED),
          .held = index_.count(store::STORED_STATE_HELD),
          .quarantined = index_.count(store::STORED_STATE_QUARANTINED),
          .forgotten = index_.count(store::STORED_STATE_FORGOTTEN)};
}

std::optional<absl::Time> ExperienceLog::OldestWaiting() const {
  absl::MutexLock lock(&mutex_);
  std::optional<absl::Time> oldest;
  for (const StateIndex::WaitingMap* waiting : {&index_.queued(), &index_.ready()}) {
    if (waiting->empty()) continue;
    const absl::Time accepted = waiting->begin()->second.accepted;
    oldest = oldest.has_value() ? std::min(*oldest, accepted) : accepted;
  }
  return oldest;
}

bool ExperienceLog::IsSuperseded(int64_t sequence) const {
  absl::MutexLock lock(&mutex_);
  return index_.superseded(sequence);
}

bool ExperienceLog::IsForgotten(int64_t sequence) const {
  absl::MutexLock lock(&mutex_);
  return index_.state(sequence) == store::STORED_STATE_FORGOTTEN;
}

std::vector<int64_t> ExperienceLog::OpenTombstones() const {
  absl::MutexLock lock(&mutex_);
  return {open_tombstones_.begin(), open_tombstones_.end()};
}

int64_t ExperienceLog::last_sequence() const {
  absl::MutexLock lock(&mutex_);
  return index_.last_sequence();
}

}  // namespace imprint::experience
