// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/update/watchdog.h"

#include <utility>

namespace imprint::update {

using std::chrono::steady_clock;

Watchdog::Watchdog(absl::Duration limit, Bark bark) : limit_(limit), bark_(std::move(bark)) {
  if (limit_ < absl::InfiniteDuration()) thread_ = std::thread([this] { Loop(); });
}

Watchdog::~Watchdog() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

void Watchdog::Watch(int64_t work) {
  absl::MutexLock lock(&mutex_);
  watching_ = true;
  work_ = work;
  alive_ = steady_clock::now();
}

void Watchdog::SignOfLife() {
  absl::MutexLock lock(&mutex_);
  alive_ = steady_clock::now();
}

void Watchdog::Rest() {
  absl::MutexLock lock(&mutex_);
  watching_ = false;
}

void Watchdog::Loop() {
  const auto to_watch = [this]()
                            ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return stopping_ || watching_; };
  const auto to_rest = [this]()
                           ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return stopping_ || !watching_; };
  while (true) {
    int64_t still = 0;
    {
      absl::MutexLock lock(&mutex_, absl::Condition(&to_watch));
      if (stopping_) return;
      const absl::Duration left = limit_ - absl::FromChrono(steady_clock::now() - alive_);
      if (left > absl::ZeroDuration()) {
        // A sign of life meanwhile only makes it look again too early.
        mutex_.AwaitWithTimeout(absl::Condition(&to_rest), left);
        continue;
      }
      watching_ = false;
      still = work_;
    }
    bark_(still);
  }
}

}  // namespace imprint::update
