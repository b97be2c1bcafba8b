// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// How much of something may be had in some time.

#ifndef IMPRINT_SERVER_AUTH_QUOTA_H_
#define IMPRINT_SERVER_AUTH_QUOTA_H_

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/clock.h"

namespace imprint::auth {

// A bucket that holds `limit`, is full at first and fills at `limit` per `period`: after a quiet
// period all of it may be had at once. Thread-safe.
class Quota {
 public:
  // 0: no limit. `clock` outlives it.
  Quota(int64_t limit, absl::Duration period, const Clock* clock);

  // Takes `amount` where it is there: zero. Else takes nothing and gives how long it takes to
  // be there; InfiniteDuration where it is more than the limit.
  absl::Duration Take(int64_t amount) ABSL_LOCKS_EXCLUDED(mutex_);

  int64_t limit() const { return limit_; }

 private:
  const int64_t limit_;
  const absl::Duration period_;
  const Clock* const clock_;

  absl::Mutex mutex_;
  double left_ ABSL_GUARDED_BY(mutex_);
  absl::Time filled_at_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace imprint::auth

#endif  // IMPRINT_SERVER_AUTH_QUOTA_H_
