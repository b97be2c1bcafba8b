// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/rpc/event_hub.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/rpc/convert.h"
#include "server/rpc/errors.h"

namespace imprint::rpc {

EventHub::EventHub(const Clock* clock, int capacity)
    : clock_(clock), capacity_(static_cast<size_t>(capacity)) {}

void EventHub::Publish(v1::Event event) {
  auto entry = std::make_shared<v1::StreamEventsResponse>();
  *entry->mutable_event() = std::move(event);
  *entry->mutable_event()->mutable_time() = ToTimestamp(absl::ToUnixMicros(clock_->Now()));
  {
    absl::MutexLock lock(&mutex_);
    if (closed_) return;
    entry->mutable_event()->set_id(++last_id_);
    ring_.push_back(std::move(entry));
    if (ring_.size() > capacity_) ring_.pop_front();
  }
  WakeAll();
}

void EventHub::Close() {
  {
    absl::MutexLock lock(&mutex_);
    closed_ = true;
  }
  WakeAll();
}

void EventHub::Listen(std::weak_ptr<Listener> listener) {
  absl::MutexLock lock(&mutex_);
  listeners_.erase(std::remove_if(listeners_.begin(), listeners_.end(),
                                  [](const auto& other) { return other.expired(); }),
                   listeners_.end());
  listeners_.push_back(std::move(listener));
}

int64_t EventHub::last_id() const {
  absl::MutexLock lock(&mutex_);
  return last_id_;
}

absl::StatusOr<EventHub::Entry> EventHub::After(int64_t id) const {
  absl::MutexLock lock(&mutex_);
  if (closed_) {
    return WithReason(absl::UnavailableError("the server is shutting down"), kReasonDraining);
  }
  if (id == last_id_) return Entry();
  const int64_t oldest = last_id_ - static_cast<int64_t>(ring_.size()) + 1;
  if (id < oldest - 1 || id > last_id_) {
    return WithReason(
        absl::OutOfRangeError(absl::StrCat(
            "the event after ", id, " is not in memory; the events ", oldest, " to ", last_id_,
            " are (ids start again with the server); list experiences and jobs, then stream from "
            "now on")),
        kReasonEventsDropped);
  }
  return ring_[static_cast<size_t>(id + 1 - oldest)];
}

void EventHub::WakeAll() {
  // Listeners are called without the lock: they read from the hub.
  std::vector<std::weak_ptr<Listener>> listeners;
  {
    absl::MutexLock lock(&mutex_);
    listeners = listeners_;
  }
  for (const std::weak_ptr<Listener>& weak : listeners) {
    if (std::shared_ptr<Listener> listener = weak.lock()) listener->Wake();
  }
}

}  // namespace imprint::rpc
