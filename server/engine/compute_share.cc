// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/engine/compute_share.h"

#include <algorithm>

namespace imprint::engine {
namespace {

// Bounds what one serving step can make the streams wait before the next: a very long one (a
// swap of memory, a debugger, a clock that is set) is not paid for in full.
constexpr absl::Duration kMostOwed = absl::Seconds(1);

double OwedRate(double training_share) {
  const double share = std::clamp(training_share, 0.05, 0.95);
  return share / (1 - share);
}

}  // namespace

ComputeShare::ComputeShare(double training_share, const Clock* clock)
    : owed_rate_(OwedRate(training_share)), clock_(clock) {}

void ComputeShare::Count() {
  const absl::Time now = clock_->Now();
  owed_ = std::clamp(owed_ - (now - counted_), absl::ZeroDuration(), owed_);
  counted_ = now;
}

void ComputeShare::BeginServing() {
  absl::MutexLock lock(&mutex_);
  const auto training_ended = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !training_; };
  if (training_) Count();
  while (training_ && owed_ > absl::ZeroDuration()) {
    if (mutex_.AwaitWithTimeout(absl::Condition(&training_ended), owed_)) break;
    Count();
  }
  serving_ = true;
  serving_began_ = clock_->Now();
}

void ComputeShare::EndServing() {
  absl::MutexLock lock(&mutex_);
  serving_ = false;
  serving_.notify_all();
  if (!training_) return;
  counted_ = clock_->Now();
  const absl::Duration earned = (counted_ - serving_began_) * owed_rate_;
  owed_ = std::clamp(owed_ + earned, absl::ZeroDuration(), kMostOwed);
}

void ComputeShare::BeginTraining() {
  absl::MutexLock lock(&mutex_);
  training_ = true;
  owed_ = absl::ZeroDuration();
  counted_ = clock_->Now();
}

void ComputeShare::EndTraining() {
  absl::MutexLock lock(&mutex_);
  training_ = false;
}

void ComputeShare::Yield() { serving_.wait(true); }

}  // namespace imprint::engine
