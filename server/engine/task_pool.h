// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// The tasks that the engine has, the room for keys and values that they share, and the
// plan of each step.

#ifndef IMPRINT_SERVER_ENGINE_TASK_POOL_H_
#define IMPRINT_SERVER_ENGINE_TASK_POOL_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/types/span.h"
#include "server/engine/batch.h"
#include "server/engine/engine.h"
#include "server/engine/meter.h"
#include "server/engine/prefix_cache.h"
#include "server/engine/step_policy.h"
#include "server/engine/task.h"

namespace imprint::engine {

// A task waits until a slot and room for all tokens that it may come to hold are free:
// once it runs it is never put back, and the limit on tokens (--serve.kv_tokens) is never
// exceeded. Score tasks that fit into one step need neither. What is free otherwise is
// the prefix cache's. Not thread-safe; the engine's thread owns it.
class TaskPool {
 public:
  // `meter` outlives the pool.
  TaskPool(const EngineOptions& options, Meter* meter);

  void Add(std::unique_ptr<Task> task);
  bool empty() const;
  // All tasks, those that run first.
  std::vector<Task*> All() const;

  // Whether there are tasks of this priority.
  bool Has(Priority priority) const;

  // Lets waiting tasks in and plans the next step of this priority and of one version into
  // `batch`. On an exception (memory for keys and values), `batch->tasks` are those that it
  // touched. Empty where there is none of this priority, or none that runs and no room for those
  // that wait; not for both priorities, where the pool is not empty. Tasks of the other priority
  // that are in a step at the time stay as they are.
  void Plan(Priority priority, Batch* batch);

  // Keeps the keys and values of the prefix of a task that has just computed it, if there
  // is room.
  void KeepPrefix(const Task& task);
  // Takes the task out and frees its room.
  std::unique_ptr<Task> Remove(const Task* task);
  // Keeps the keys and values of a removed task, a chat that may go on.
  void KeepWhole(const Task& task);

  // See PrefixCache::Purge.
  void PurgeCache(absl::FunctionRef<bool(int64_t version)> keep) { cache_.Purge(keep); }

  EngineLoad load() const;
  int waiting_users() const { return static_cast<int>(waiting_users_.size()); }

 private:
  using Queue = std::deque<std::unique_ptr<Task>>;

  // Whether some user's task generates.
  bool UsersStream() const;
  const Queue& Waiting(Priority priority) const {
    return priority == Priority::kUser ? waiting_users_ : waiting_background_;
  }
  // Whether one step can score the task without a key-value cache.
  static bool Packable(const Task& task, const StepLimits& limits);
  // Moves tasks from `waiting` into slots, first come first served; false: the first of
  // them has to wait.
  bool AdmitFrom(Queue* waiting, const StepLimits& limits);
  bool HasRoomFor(const Task& task);
  // Evicts from the prefix cache until `tokens` more fit; false: they cannot.
  bool MakeRoom(int64_t tokens);

  // Null where nothing of the priority can compute.
  const model::Weights* ChooseVersion(Priority priority, const StepLimits& limits);
  void AddDecodes(const model::Weights* weights, Priority priority, Batch* batch);
  void AddPrefills(const model::Weights* weights, Priority priority, int64_t budget, Batch* batch);
  // Whether another task is computing the prefix that this one is going to need.
  bool AwaitsPrefix(const Task& task) const;
  void BeginPrefill(Task* task);
  // As many tokens as `budget`, which is no more than limits.packed; the first task in any case.
  void AddPacked(const model::Weights* weights, const Queue& waiting, const StepLimits& limits,
                 int64_t budget, Batch* batch);

  const EngineOptions options_;
  Meter* const meter_;
  std::vector<std::unique_ptr<Task>> running_;  // in the order of admission
  Queue waiting_users_;
  Queue waiting_background_;
  PrefixCache cache_;
  Turns user_turns_;
  Turns background_turns_;
  int64_t reserved_ = 0;  // tokens of running tasks
  int64_t background_reserved_ = 0;
  int background_running_ = 0;
};

}  // namespace imprint::engine

#endif  // IMPRINT_SERVER_ENGINE_TASK_POOL_H_
