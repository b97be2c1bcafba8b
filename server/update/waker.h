// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Ends a thread's wait when something may be there to do.

#ifndef IMPRINT_SERVER_UPDATE_WAKER_H_
#define IMPRINT_SERVER_UPDATE_WAKER_H_

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace imprint::update {

// Thread-safe. Take count() before looking for work, and give it to Await: a wake in between
// is not lost. Holds no other lock, so it may be called under any.
class Waker {
 public:
  void Wake() {
    absl::MutexLock lock(&mutex_);
    ++wakes_;
  }

  int64_t count() const {
    absl::MutexLock lock(&mutex_);
    return wakes_;
  }

  // Until a wake beyond `seen`, or `timeout`.
  void Await(int64_t seen, absl::Duration timeout) const {
    const auto woken = [this, seen]()
                           ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return wakes_ != seen; };
    absl::MutexLock lock(&mutex_);
    mutex_.AwaitWithTimeout(absl::Condition(&woken), timeout);
  }

 private:
  mutable absl::Mutex mutex_;
  int64_t wakes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace imprint::update

#endif  // IMPRINT_SERVER_UPDATE_WAKER_H_
