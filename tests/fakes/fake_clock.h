// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// A clock that only moves when told to.

#ifndef IMPRINT_TESTS_FAKES_FAKE_CLOCK_H_
#define IMPRINT_TESTS_FAKES_FAKE_CLOCK_H_

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/clock.h"

namespace imprint::fakes {

// Thread-safe.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(absl::Time now = absl::FromUnixSeconds(1'800'000'000)) : now_(now) {}

  absl::Time Now() const override {
    absl::MutexLock lock(&mutex_);
    return now_;
  }

  void Advance(absl::Duration duration) {
    absl::MutexLock lock(&mutex_);
    now_ += duration;
  }

 private:
  mutable absl::Mutex mutex_;
  absl::Time now_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace imprint::fakes

#endif  // IMPRINT_TESTS_FAKES_FAKE_CLOCK_H_
