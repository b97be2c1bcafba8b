// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/generator/worker.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/failpoint.h"
#include "common/status_macros.h"
#include "spdlog/spdlog.h"

namespace imprint::generator {
namespace {

constexpr int kMaxFailures = 5;
constexpr absl::Duration kFirstPause = absl::Milliseconds(200);
constexpr absl::Duration kLookAgain = absl::Seconds(1);

}  // namespace

GeneratorWorker::GeneratorWorker(const Generator* generator, experience::ExperienceLog* log,
                                 int threads)
    : generator_(generator), log_(log) {
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { Loop(); });
}

GeneratorWorker::~GeneratorWorker() {
  stopping_.Notify();
  log_->WakeWaiters();
  for (std::thread& thread : threads_) thread.join();
}

void GeneratorWorker::Loop() {
  int failed_in_a_row = 0;
  while (!stopping_.HasBeenNotified()) {
    const std::optional<int64_t> sequence = Claim();
    if (!sequence.has_value()) {
      // One wake-up is for one waiter: the others look again by themselves.
      log_->AwaitQueued(LastClaimed(), absl::Now() + kLookAgain);
      continue;
    }
    const absl::Status status = Process(*sequence);
    if (status.ok() || stopping_.HasBeenNotified()) {
      Release(*sequence);
      failed_in_a_row = 0;
      continue;
    }
    ++failed_in_a_row;
    spdlog::warn("experiences/{}: {}; it is tried again", *sequence, status.ToString());
    stopping_.WaitForNotificationWithTimeout(kFirstPause * (1 << std::min(failed_in_a_row, 6)));
    Release(*sequence);
  }
}

absl::Status GeneratorWorker::Fail(int64_t sequence, const absl::Status& reason) {
  int failures = 0;
  {
    absl::MutexLock lock(&mutex_);
    failures = ++failures_[sequence];
  }
  if (failures < kMaxFailures) return reason;
  // An error here is the store's: the count stays, and the next failure tries again.
  IMPRINT_RETURN_IF_ERROR(log_->Quarantine(
      sequence,
      absl::StrCat("writing target sentences failed ", failures, " times: ", reason.message())));
  spdlog::warn("experiences/{} is quarantined: {}", sequence, reason.ToString());
  absl::MutexLock lock(&mutex_);
  failures_.erase(sequence);
  return absl::OkStatus();
}

std::optional<int64_t> GeneratorWorker::Claim() {
  absl::MutexLock lock(&mutex_);
  std::optional<int64_t> sequence = log_->NextQueued(/*after=*/0);
  while (sequence.has_value() && !claimed_.insert(*sequence).second) {
    sequence = log_->NextQueued(*sequence);
  }
  return sequence;
}

void GeneratorWorker::Release(int64_t sequence) {
  absl::MutexLock lock(&mutex_);
  claimed_.erase(sequence);
}

int64_t GeneratorWorker::LastClaimed() const {
  absl::MutexLock lock(&mutex_);
  return claimed_.empty() ? 0 : *claimed_.rbegin();
}

absl::Status GeneratorWorker::Process(int64_t sequence) {
  IMPRINT_ASSIGN_OR_RETURN(const store::ExperienceRecord experience, log_->Get(sequence));
  absl::StatusOr<GeneratedSentences> sentences = generator_->Generate(experience, [this, sequence] {
    return stopping_.HasBeenNotified() || log_->IsForgotten(sequence);
  });
  // Nothing more is written about it, nor asked of anybody.
  if (log_->IsForgotten(sequence)) return absl::OkStatus();
  if (absl::IsInvalidArgument(sentences.status())) {
    spdlog::warn("experiences/{} is quarantined: {}", sequence, sentences.status().ToString());
    return log_->Quarantine(sequence, std::string(sentences.status().message()));
  }
  if (absl::IsCancelled(sentences.status()) || absl::IsUnavailable(sentences.status())) {
    return sentences.status();  // the server is on its way out
  }
  if (!sentences.ok()) return Fail(sequence, sentences.status());
  {
    absl::MutexLock lock(&mutex_);
    failures_.erase(sequence);
  }
  IMPRINT_FAILPOINT_OR_RETURN("targets.before");
  const absl::Status stored =
      log_->StoreTargets(sequence, sentences->targets, std::move(sentences->probes));
  IMPRINT_FAILPOINT("targets.after");
  // Not QUEUED any more: it was held or forgotten while its sentences were written.
  if (absl::IsFailedPrecondition(stored)) return absl::OkStatus();
  return stored;
}

}  // namespace imprint::generator
