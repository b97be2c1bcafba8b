// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/engine/compute_share.h"

#include <algorithm>

namespace imprint::engine {
namespace {

// Bounds credit and debt, so that one very long step (a swap of memory, a debugger) does
// not shut the other side out for as long.
constexpr absl::Duration kMaxCredit = absl::Seconds(1);

double CreditRate(double training_share) {
  const double share = std::clamp(training_share, 0.05, 0.95);
  return share / (1 - share);
}

}  // namespace

ComputeShare::ComputeShare(double training_share, const Clock* clock)
    : credit_rate_(CreditRate(training_share)), clock_(clock) {}

bool ComputeShare::ServingMayBegin() const {
  return training_ == 0 && !(training_waits_ > 0 && training_credit_ > absl::ZeroDuration());
}

bool ComputeShare::TrainingMayBegin() const {
  return !serving_ && (!serving_waits_ || training_credit_ > absl::ZeroDuration());
}

void ComputeShare::BeginServing() {
  absl::MutexLock lock(&mutex_);
  serving_waits_ = true;
  mutex_.Await(absl::Condition(this, &ComputeShare::ServingMayBegin));
  serving_waits_ = false;
  serving_ = true;
  serving_began_ = clock_->Now();
}

void ComputeShare::EndServing() {
  absl::MutexLock lock(&mutex_);
  serving_ = false;
  if (training_waits_ == 0) return;
  const absl::Duration earned = (clock_->Now() - serving_began_) * credit_rate_;
  training_credit_ = std::min(training_credit_ + earned, kMaxCredit);
}

void ComputeShare::AwaitTrainingTurn() {
  ++training_waits_;
  mutex_.Await(absl::Condition(this, &ComputeShare::TrainingMayBegin));
  --training_waits_;
  if (training_++ == 0) training_counted_ = clock_->Now();
}

void ComputeShare::Charge() {
  const absl::Time now = clock_->Now();
  training_credit_ = std::max(training_credit_ - (now - training_counted_), -kMaxCredit);
  training_counted_ = now;
}

void ComputeShare::BeginTraining() {
  absl::MutexLock lock(&mutex_);
  // As in Yield: what was earned beside serving that goes on is kept from turn to turn.
  const bool alone = training_ == 0 && training_waits_ == 0;
  if (alone && !serving_ && !serving_waits_) training_credit_ = absl::ZeroDuration();
  AwaitTrainingTurn();
}

void ComputeShare::Yield() {
  absl::MutexLock lock(&mutex_);
  if (!serving_waits_) {
    // A gap in serving: what training takes here is free, and nothing is saved up
    // against the next request.
    training_counted_ = clock_->Now();
    training_credit_ = absl::ZeroDuration();
    return;
  }
  Charge();
  if (training_credit_ > absl::ZeroDuration()) return;
  --training_;
  AwaitTrainingTurn();
}

void ComputeShare::EndTraining() {
  absl::MutexLock lock(&mutex_);
  if (serving_waits_) Charge();
  --training_;
}

}  // namespace imprint::engine
