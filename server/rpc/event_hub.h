// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// What has happened lately, and whoever wants to hear of it.

#ifndef IMPRINT_SERVER_RPC_EVENT_HUB_H_
#define IMPRINT_SERVER_RPC_EVENT_HUB_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/clock.h"
#include "imprint/v1/admin_service.pb.h"

namespace imprint::rpc {

// Keeps the last events in a ring; each listener reads from it at its own pace, so a slow
// one costs nothing and is told when it fell out of the ring. Thread-safe.
class EventHub {
 public:
  using Entry = std::shared_ptr<const v1::StreamEventsResponse>;

  class Listener {
   public:
    virtual ~Listener() = default;
    // There is something new, or the hub was closed. Must not block.
    virtual void Wake() = 0;
  };

  EventHub(const Clock* clock, int capacity);

  // Gives the event its id and time.
  void Publish(v1::Event event) ABSL_LOCKS_EXCLUDED(mutex_);
  // Wakes every listener; After gives UNAVAILABLE from now on.
  void Close() ABSL_LOCKS_EXCLUDED(mutex_);

  // Woken for every event from now on, as long as it lives.
  void Listen(std::weak_ptr<Listener> listener) ABSL_LOCKS_EXCLUDED(mutex_);

  // The id of the newest event; 0: there is none yet.
  int64_t last_id() const ABSL_LOCKS_EXCLUDED(mutex_);
  // The event that follows `id`; null: not happened yet. OUT_OF_RANGE: it is not in
  // memory any more, or `id` is of an earlier run of the server. UNAVAILABLE: closed.
  absl::StatusOr<Entry> After(int64_t id) const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void WakeAll() ABSL_LOCKS_EXCLUDED(mutex_);

  const Clock* const clock_;
  const size_t capacity_;
  mutable absl::Mutex mutex_;
  // Ids are last_id_ - size + 1 ... last_id_.
  std::deque<Entry> ring_ ABSL_GUARDED_BY(mutex_);
  int64_t last_id_ ABSL_GUARDED_BY(mutex_) = 0;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::weak_ptr<Listener>> listeners_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace imprint::rpc

#endif  // IMPRINT_SERVER_RPC_EVENT_HUB_H_
