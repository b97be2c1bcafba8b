// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// One StreamEvents: reads from the hub at its client's pace.

#ifndef IMPRINT_SERVER_RPC_EVENT_STREAM_H_
#define IMPRINT_SERVER_RPC_EVENT_STREAM_H_

#include <cstdint>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "grpcpp/support/server_callback.h"
#include "imprint/v1/admin_service.pb.h"
#include "server/rpc/event_hub.h"

namespace imprint::rpc {

// Owns itself: gRPC and a hub that wakes it hold it as long as they may call it.
class EventStream final : public grpc::ServerWriteReactor<v1::StreamEventsResponse>,
                          public EventHub::Listener,
                          public std::enable_shared_from_this<EventStream> {
 public:
  // From the event after `after_id` on; 0: from now on.
  static grpc::ServerWriteReactor<v1::StreamEventsResponse>* Make(EventHub* hub, int64_t after_id);

  EventStream(EventHub* hub, int64_t after_id) : hub_(hub), last_id_(after_id) {}

  void Wake() override ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void OnWriteDone(bool ok) override ABSL_LOCKS_EXCLUDED(mutex_);
  void OnCancel() override ABSL_LOCKS_EXCLUDED(mutex_);
  void OnDone() override;

  // Writes the next event, waits for one, or finishes.
  void Advance() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  EventHub* const hub_;
  // Keeps the stream alive until OnDone.
  std::shared_ptr<EventStream> self_;

  absl::Mutex mutex_;
  int64_t last_id_ ABSL_GUARDED_BY(mutex_);
  // The event that is being written; null: none is.
  EventHub::Entry writing_ ABSL_GUARDED_BY(mutex_);
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace imprint::rpc

#endif  // IMPRINT_SERVER_RPC_EVENT_STREAM_H_
