// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// TaskPool's half that decides what the next step computes.

#include <algorithm>
#include <utility>
#include <vector>

#include "ATen/ATen.h"
#include "server/engine/task_pool.h"

namespace imprint::engine {
namespace {

const model::Weights* WeightsOf(const Task& task) { return task.version->weights.get(); }

}  // namespace

void TaskPool::Plan(Priority priority, Batch* batch) {
  const StepLimits limits = LimitsOfStep(options_, UsersStream());
  // A user who has to wait for room is not overtaken by the server's own work.
  const bool all_users = AdmitFrom(&waiting_users_, limits);
  if (priority == Priority::kBackground && all_users) AdmitFrom(&waiting_background_, limits);
  const model::Weights* weights = ChooseVersion(priority, limits);
  if (weights == nullptr) return;
  AddDecodes(weights, priority, batch);
  AddPrefills(weights, priority, limits.prefill, batch);
  const auto prefilled = static_cast<int64_t>(batch->tokens.size());
  AddPacked(weights, Waiting(priority), limits, limits.packed - prefilled, batch);
}

const model::Weights* TaskPool::ChooseVersion(Priority priority, const StepLimits& limits) {
  std::vector<const void*> groups;
  const auto note = [&groups](const Task& task) {
    if (std::find(groups.begin(), groups.end(), WeightsOf(task)) == groups.end()) {
      groups.push_back(WeightsOf(task));
    }
  };
  for (const auto& task : running_) {
    if (task->priority == priority) note(*task);
  }
  for (const auto& task : Waiting(priority)) {
    if (Packable(*task, limits)) note(*task);
  }
  if (groups.empty()) return nullptr;
  Turns& turns = priority == Priority::kUser ? user_turns_ : background_turns_;
  return static_cast<const model::Weights*>(groups[turns.Next(groups)]);
}

void TaskPool::AddDecodes(const model::Weights* weights, Priority priority, Batch* batch) {
  for (const auto& task : running_) {
    if (WeightsOf(*task) != weights || task->priority != priority || !task->decoding()) continue;
    batch->tasks.push_back(task.get());
    batch->AddChunk(task.get(), 1);
  }
}

void TaskPool::AddPrefills(const model::Weights* weights, Priority priority, int64_t budget,
                           Batch* batch) {
  for (const auto& task : running_) {
    if (budget == 0) return;
    if (WeightsOf(*task) != weights || task->priority != priority || task->decoding()) continue;
    if (!task->kv_cache.has_value()) {
      if (AwaitsPrefix(*task)) continue;
      batch->tasks.push_back(task.get());
      BeginPrefill(task.get());
    } else {
      batch->tasks.push_back(task.get());
    }
    int64_t end = std::min(task->length(), task->computed() + budget);
    // A chunk ends where the shared prefix does, so that it can be kept by itself.
    if (task->computed() < task->shared_prefix) end = std::min(end, task->shared_prefix);
    budget -= end - task->computed();
    batch->AddChunk(task.get(), end - task->computed());
  }
}

bool TaskPool::AwaitsPrefix(const Task& task) const {
  return std::any_of(running_.begin(), running_.end(), [&task](const auto& other) {
    // A user does not wait for background work, which may be held back.
    return other->kv_cache.has_value() && other->computed() < other->shared_prefix &&
           (other->is_user() || !task.is_user()) && task.SharesPrefixWith(*other);
  });
}

void TaskPool::BeginPrefill(Task* task) {
  // The last prompt token is always computed: its row gives the first answer.
  const auto reusable =
      absl::MakeConstSpan(task->tokens).subspan(0, static_cast<size_t>(task->prompt_length - 1));
  const PrefixCache::Hit hit = cache_.Find(*task->version, reusable);
  if (hit.length > 0) {
    task->kv_cache.emplace(hit.kv_cache->Fork(hit.length, task->kv_reservation));
  } else {
    const model::Weights& weights = *task->version->weights;
    task->kv_cache.emplace(weights.config, weights.placement, task->kv_reservation);
  }
  meter_->Prompt(*task, hit.length);
}

void TaskPool::AddPacked(const model::Weights* weights, const Queue& waiting,
                         const StepLimits& limits, int64_t budget, Batch* batch) {
  std::vector<std::vector<Task*>> groups;  // tasks of a group share their prefix
  for (const auto& task : waiting) {
    if (WeightsOf(*task) != weights || !Packable(*task, limits)) continue;
    const auto group = std::find_if(groups.begin(), groups.end(), [&task](const auto& members) {
      return task->SharesPrefixWith(*members.front());
    });
    const bool shared = group != groups.end();
    const int64_t cost = shared ? task->length() - task->shared_prefix : task->length();
    if (cost > budget && !groups.empty()) break;
    budget -= cost;
    meter_->Prompt(*task, shared ? task->shared_prefix : 0);
    if (shared) {
      group->push_back(task.get());
    } else {
      groups.push_back({task.get()});
    }
    if (budget <= 0) break;
  }
  for (const std::vector<Task*>& group : groups) batch->AddScoreGroup(group);
}

}  // namespace imprint::engine
