// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/engine/task_pool.h"

#include <algorithm>
#include <utility>

#include "ATen/ATen.h"
#include "server/model/guard.h"
#include "spdlog/spdlog.h"

namespace imprint::engine {

TaskPool::TaskPool(const EngineOptions& options, Meter* meter) : options_(options), meter_(meter) {}

void TaskPool::Add(std::unique_ptr<Task> task) {
  Queue& queue = task->is_user() ? waiting_users_ : waiting_background_;
  queue.push_back(std::move(task));
}

bool TaskPool::empty() const {
  return running_.empty() && waiting_users_.empty() && waiting_background_.empty();
}

std::vector<Task*> TaskPool::All() const {
  std::vector<Task*> all;
  all.reserve(running_.size() + waiting_users_.size() + waiting_background_.size());
  for (const auto& task : running_) all.push_back(task.get());
  for (const auto& task : waiting_users_) all.push_back(task.get());
  for (const auto& task : waiting_background_) all.push_back(task.get());
  return all;
}

EngineLoad TaskPool::load() const {
  EngineLoad load;
  load.running = static_cast<int>(running_.size());
  load.waiting = static_cast<int>(waiting_users_.size() + waiting_background_.size());
  load.kv_tokens = reserved_ + cache_.tokens();
  return load;
}

bool TaskPool::Has(Priority priority) const {
  const bool is_user = priority == Priority::kUser;
  return !Waiting(priority).empty() ||
         std::any_of(running_.begin(), running_.end(),
                     [is_user](const auto& task) { return task->is_user() == is_user; });
}

bool TaskPool::UsersStream() const {
  const auto streams = [](const std::unique_ptr<Task>& task) {
    return task->is_user() && task->generation() != nullptr;
  };
  return std::any_of(running_.begin(), running_.end(), streams) ||
         std::any_of(waiting_users_.begin(), waiting_users_.end(), streams);
}

bool TaskPool::Packable(const Task& task, const StepLimits& limits) {
  return std::holds_alternative<Scoring>(task.work) && task.length() <= limits.packed;
}

bool TaskPool::AdmitFrom(Queue* waiting, const StepLimits& limits) {
  bool all = true;
  for (std::unique_ptr<Task>& task : *waiting) {
    if (Packable(*task, limits)) continue;
    if (!HasRoomFor(*task)) {
      all = false;
      break;
    }
    reserved_ += task->kv_reservation;
    if (!task->is_user()) {
      background_reserved_ += task->kv_reservation;
      ++background_running_;
    }
    running_.push_back(std::move(task));
  }
  std::erase(*waiting, nullptr);
  return all;
}

bool TaskPool::HasRoomFor(const Task& task) {
  if (static_cast<int>(running_.size()) >= std::max(options_.max_running, 1)) return false;
  if (!task.is_user() && background_running_ > 0) {
    if (background_running_ >= BackgroundSlots(options_)) return false;
    if (background_reserved_ + task.kv_reservation > BackgroundKvTokens(options_)) return false;
  }
  return MakeRoom(task.kv_reservation);
}

bool TaskPool::MakeRoom(int64_t tokens) {
  if (reserved_ + tokens > options_.kv_tokens) return false;
  while (reserved_ + cache_.tokens() + tokens > options_.kv_tokens) {
    if (!cache_.EvictOne()) return false;
  }
  return true;
}

void TaskPool::KeepPrefix(const Task& task) {
  if (!MakeRoom(task.shared_prefix)) return;
  const absl::Status kept = model::Guarded("a shared prefix was not kept", [&] {
    cache_.Insert(*task.version, task.prefix(),
                  task.kv_cache->Fork(task.shared_prefix, task.shared_prefix));
  });
  if (!kept.ok()) spdlog::warn("{}", kept.ToString());
}

std::unique_ptr<Task> TaskPool::Remove(const Task* task) {
  const auto is_it = [task](const std::unique_ptr<Task>& other) { return other.get() == task; };
  std::unique_ptr<Task> removed;
  if (auto it = std::find_if(running_.begin(), running_.end(), is_it); it != running_.end()) {
    removed = std::move(*it);
    running_.erase(it);
    reserved_ -= removed->kv_reservation;
    if (!removed->is_user()) {
      background_reserved_ -= removed->kv_reservation;
      --background_running_;
    }
    return removed;
  }
  Queue& queue = task->is_user() ? waiting_users_ : waiting_background_;
  const auto it = std::find_if(queue.begin(), queue.end(), is_it);
  removed = std::move(*it);
  queue.erase(it);
  return removed;
}

void TaskPool::KeepWhole(const Task& task) {
  if (!task.kv_cache.has_value() || !MakeRoom(task.computed())) return;
  const int64_t length = task.computed();
  const absl::Status kept = model::Guarded("a chat's keys and values were not kept", [&] {
    cache_.Insert(*task.version, absl::MakeConstSpan(task.tokens).subspan(0, length),
                  task.kv_cache->Fork(length, length));
  });
  if (!kept.ok()) spdlog::warn("{}", kept.ToString());
}

}  // namespace imprint::engine
