// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Notices work that does not get on.

#ifndef IMPRINT_SERVER_UPDATE_WATCHDOG_H_
#define IMPRINT_SERVER_UPDATE_WATCHDOG_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <thread>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace imprint::update {

// Thread-safe. Time in which the machine sleeps, or by which its clock is put forward, is none.
class Watchdog {
 public:
  // Told once of each piece of work without a sign of life for `limit`, on a thread of this; it
  // may be over just then. Neither blocks for long nor calls this.
  using Bark = std::function<void(int64_t work)>;

  // Infinite: it never barks.
  Watchdog(absl::Duration limit, Bark bark);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  // `work` begins, and is the only one that is watched.
  void Watch(int64_t work) ABSL_LOCKS_EXCLUDED(mutex_);
  void SignOfLife() ABSL_LOCKS_EXCLUDED(mutex_);
  // Nothing is watched.
  void Rest() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Loop() ABSL_LOCKS_EXCLUDED(mutex_);

  const absl::Duration limit_;
  const Bark bark_;

  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool watching_ ABSL_GUARDED_BY(mutex_) = false;
  int64_t work_ ABSL_GUARDED_BY(mutex_) = 0;
  std::chrono::steady_clock::time_point alive_ ABSL_GUARDED_BY(mutex_);

  std::thread thread_;
};

}  // namespace imprint::update

#endif  // IMPRINT_SERVER_UPDATE_WATCHDOG_H_
