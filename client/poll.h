// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// How a caller who waits for something asks again and again.

#ifndef IMPRINT_CLIENT_POLL_H_
#define IMPRINT_CLIENT_POLL_H_

#include <optional>

#include "absl/time/time.h"
#include "grpcpp/grpcpp.h"

namespace imprint::client {

// After what time the server wants to be asked again (RetryInfo); none: it does not say.
std::optional<absl::Duration> RetryDelay(const grpc::Status& status);

// Asks often at first, for what is soon there, then less: a long wait uses up no quota.
class Poll {
 public:
  // Sleeps no longer than until `end`.
  explicit Poll(absl::Time end = absl::InfiniteFuture()) : end_(end) {}

  bool is_over() const;
  // Until the next look.
  void Sleep();
  // What `call` (grpc::Status()) gives; where a quota refused it, that same call again once there
  // is more, until the wait is over.
  template <typename Call>
  grpc::Status Patiently(Call call) {
    grpc::Status status;
    do {
      status = call();
    } while (SleepOff(status));
    return status;
  }

  // What Sleep() sleeps: from 200 ms to 2 s.
  absl::Duration Next();

 private:
  // True after a sleep until a quota has more; false at once where none refused, or the wait is
  // over.
  bool SleepOff(const grpc::Status& status);

  const absl::Time end_;
  absl::Duration next_ = absl::Milliseconds(200);
};

}  // namespace imprint::client

#endif  // IMPRINT_CLIENT_POLL_H_
