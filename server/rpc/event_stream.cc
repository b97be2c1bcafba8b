// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/rpc/event_stream.h"

#include <utility>

#include "absl/status/statusor.h"
#include "server/rpc/errors.h"

namespace imprint::rpc {

grpc::ServerWriteReactor<v1::StreamEventsResponse>* EventStream::Make(EventHub* hub,
                                                                      int64_t after_id) {
  auto stream = std::make_shared<EventStream>(hub, after_id > 0 ? after_id : hub->last_id());
  stream->self_ = stream;
  hub->Listen(stream);
  // Headers say that the stream hears from here on, before there is an event.
  stream->StartSendInitialMetadata();
  stream->Wake();
  return stream.get();
}

void EventStream::Wake() {
  absl::MutexLock lock(&mutex_);
  Advance();
}

void EventStream::OnWriteDone(bool ok) {
  std::shared_ptr<EventStream> self = self_;
  absl::MutexLock lock(&mutex_);
  writing_ = nullptr;
  if (!ok) cancelled_ = true;
  Advance();
}

void EventStream::OnCancel() {
  std::shared_ptr<EventStream> self = self_;
  absl::MutexLock lock(&mutex_);
  cancelled_ = true;
  Advance();
}

void EventStream::OnDone() { std::shared_ptr<EventStream> self = std::move(self_); }

void EventStream::Advance() {
  if (writing_ != nullptr || finished_) return;
  absl::StatusOr<EventHub::Entry> next =
      cancelled_ ? absl::CancelledError("the caller gave up") : hub_->After(last_id_);
  if (!next.ok()) {
    finished_ = true;
    Finish(ToGrpcStatus(next.status()));
    return;
  }
  if (*next == nullptr) return;
  last_id_ = (*next)->event().id();
  writing_ = *std::move(next);
  StartWrite(writing_.get());
}

}  // namespace imprint::rpc
