// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/engine/meter.h"

#include "server/metrics/metrics.h"

namespace imprint::engine {

void Meter::Step(size_t batch_size, absl::Duration took) {
  if (metrics_ == nullptr) return;
  metrics_->step_seconds->Observe(absl::ToDoubleSeconds(took));
  metrics_->batch_size->Observe(static_cast<double>(batch_size));
}

void Meter::Prompt(const Task& task, int64_t hit_tokens) {
  if (metrics_ == nullptr) return;
  metrics_->prefix_hit_tokens->Increment(static_cast<double>(hit_tokens));
  metrics_->prefix_miss_tokens->Increment(static_cast<double>(task.prompt_length - hit_tokens));
  if (task.is_user()) metrics_->prompt_tokens->Increment(static_cast<double>(task.prompt_length));
}

void Meter::Token(const Task& task, absl::Time now) {
  if (metrics_ == nullptr) return;
  if (!task.is_user()) {
    metrics_->background_tokens->Increment();
    return;
  }
  metrics_->output_tokens->Increment();
  const absl::Time last = std::get<Generation>(task.work).last_token_at;
  if (last == absl::InfinitePast()) {
    metrics_->time_to_first_token_seconds->Observe(absl::ToDoubleSeconds(now - task.submitted_at));
  } else {
    metrics_->inter_token_seconds->Observe(absl::ToDoubleSeconds(now - last));
  }
}

void Meter::Scored(const Task& task) {
  if (metrics_ == nullptr || task.is_user()) return;
  metrics_->background_tokens->Increment(
      static_cast<double>(std::get<Scoring>(task.work).target.size()));
}

void Meter::Load(const EngineLoad& load) {
  if (metrics_ == nullptr) return;
  metrics_->running->Set(load.running);
  metrics_->waiting->Set(load.waiting);
  metrics_->kv_tokens->Set(static_cast<double>(load.kv_tokens));
}

}  // namespace imprint::engine
