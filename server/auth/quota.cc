// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/auth/quota.h"

#include <algorithm>

namespace imprint::auth {

Quota::Quota(int64_t limit, absl::Duration period, const Clock* clock)
    : limit_(limit),
      period_(period),
      clock_(clock),
      left_(static_cast<double>(limit)),
      filled_at_(clock->Now()) {}

absl::Duration Quota::Take(int64_t amount) {
  if (limit_ == 0) return absl::ZeroDuration();
  if (amount > limit_) return absl::InfiniteDuration();
  const auto limit = static_cast<double>(limit_);
  const auto wanted = static_cast<double>(amount);
  absl::MutexLock lock(&mutex_);
  // A clock that was set back gives nothing and takes nothing away, and goes on from there.
  const absl::Time now = clock_->Now();
  if (now > filled_at_) {
    left_ = std::min(limit, left_ + limit * absl::FDivDuration(now - filled_at_, period_));
  }
  filled_at_ = now;
  if (left_ >= wanted) {
    left_ -= wanted;
    return absl::ZeroDuration();
  }
  return std::max(absl::Milliseconds(1), (wanted - left_) / limit * period_);
}

}  // namespace imprint::auth
