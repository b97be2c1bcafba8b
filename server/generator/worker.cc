// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/generator/worker.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/status_macros.h"
#include "spdlog/spdlog.h"

namespace imprint::generator {
namespace {

constexpr int kMaxAttempts = 5;
constexpr absl::Duration kFirstPause = absl::Milliseconds(200);

}  // namespace

GeneratorWorker::GeneratorWorker(const Generator* generator, experience::ExperienceLog* log)
    : generator_(generator), log_(log), thread_([this] { Loop(); }) {}

GeneratorWorker::~GeneratorWorker() {
  stopping_.Notify();
  log_->WakeWaiters();
  thread_.join();
}

void GeneratorWorker::Loop() {
  int attempts = 0;
  while (!stopping_.HasBeenNotified()) {
    const std::optional<int64_t> sequence = log_->NextQueued(/*after=*/0);
    if (!sequence.has_value()) {
      log_->AwaitQueued(/*after=*/0, absl::InfiniteFuture());
      continue;
    }
    const absl::Status status = Process(*sequence);
    if (status.ok() || stopping_.HasBeenNotified()) {
      attempts = 0;
      continue;
    }
    ++attempts;
    spdlog::warn("experiences/{}: writing target sentences failed (attempt {} of {}): {}",
                 *sequence, attempts, kMaxAttempts, status.ToString());
    if (attempts == kMaxAttempts) {
      const absl::Status quarantined = log_->Quarantine(
          *sequence,
          absl::StrCat("writing target sentences failed ", attempts, " times: ", status.message()));
      if (quarantined.ok()) attempts = 0;
    }
    stopping_.WaitForNotificationWithTimeout(kFirstPause * (1 << std::min(attempts, 6)));
  }
}

absl::Status GeneratorWorker::Process(int64_t sequence) {
  IMPRINT_ASSIGN_OR_RETURN(const store::ExperienceRecord experience, log_->Get(sequence));
  absl::StatusOr<GeneratedSentences> sentences =
      generator_->Generate(experience, [this] { return stopping_.HasBeenNotified(); });
  if (absl::IsInvalidArgument(sentences.status())) {
    spdlog::warn("experiences/{} is quarantined: {}", sequence, sentences.status().ToString());
    return log_->Quarantine(sequence, std::string(sentences.status().message()));
  }
  if (!sentences.ok()) return sentences.status();
  const absl::Status stored =
      log_->StoreTargets(sequence, sentences->targets, std::move(sentences->probes));
  // Not QUEUED any more: it was held or forgotten while its sentences were written.
  if (absl::IsFailedPrecondition(stored)) return absl::OkStatus();
  return stored;
}

}  // namespace imprint::generator
