// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef IMPRINT_SERVER_ENGINE_ENGINE_IMPL_H_
#define IMPRINT_SERVER_ENGINE_ENGINE_IMPL_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/synchronization/mutex.h"
#include "c10/core/Device.h"
#include "server/engine/engine.h"
#include "server/engine/meter.h"
#include "server/engine/task.h"
#include "server/engine/task_pool.h"

namespace imprint::engine {

// Submissions and orders cross to the engine's thread under one mutex; everything else
// belongs to that thread alone.
class EngineImpl final : public Engine {
 public:
  EngineImpl(const EngineOptions& options, ComputeShare* share, metrics::EngineMetrics* metrics,
             const Clock* clock);
  ~EngineImpl() override;

  absl::StatusOr<RequestHandle> Generate(GenerateRequest request,
                                         GenerateCallbacks callbacks) override;
  absl::StatusOr<RequestHandle> Score(
      ScoreRequest request, std::function<void(absl::StatusOr<ScoreResult>)> on_done) override;
  void SetCurrent(SharedVersion version) override;
  void Drain(absl::Time deadline) override;
  EngineLoad load() const override;

 private:
  struct Superseded {
    std::weak_ptr<const version::Version> version;
    absl::Time end_at;  // of its streams
  };
  // What the thread is told between two steps.
  struct Orders {
    std::vector<std::unique_ptr<Task>> tasks;
    bool stop = false;
    bool switched = false;  // `superseded` is not what it was
    absl::Time drain_at = absl::InfiniteFuture();
    // Versions that are to be drained, by number.
    absl::btree_map<int64_t, Superseded> superseded;
  };

  // The version asked for, or the current one.
  absl::StatusOr<SharedVersion> VersionFor(SharedVersion requested) const
      ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<RequestHandle> Submit(std::unique_ptr<Task> task) ABSL_LOCKS_EXCLUDED(mutex_);
  bool HasOrders() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  void Loop();
  // Waits for an order where there is nothing to do; false: the engine stops.
  bool AwaitWork() ABSL_LOCKS_EXCLUDED(mutex_);
  void TakeOrders() ABSL_LOCKS_EXCLUDED(mutex_);
  // Whether a user's task is there, or has just come.
  bool UsersAsk() ABSL_LOCKS_EXCLUDED(mutex_);
  // Ends the tasks of this priority whose time is over.
  void EndDue(Priority priority);
  bool IsSuperseded(const Task& task) const;
  absl::Status DueStatus(const Task& task, absl::Time now) const;
  // The turn of whoever has it: one step of users, or one of the server's own work.
  void RunTurn();
  // False: nothing of this priority can compute now.
  bool RunStep(Priority priority);
  // Between two layers of a step of the server's own work on `device`: runs a step of users where
  // they ask and the credit is spent.
  void LetUsersIn(c10::Device device);
  // Counts what that step has computed since the last count.
  void CountBackground();
  void Deliver(const Batch& batch, const std::vector<int32_t>& sampled);
  void DeliverToken(Task* task, int32_t token, absl::Time now);
  // Takes the task out of the pool and gives its answer: `status`, or its result.
  void Finish(Task* task, const absl::Status& status, FinishReason reason = FinishReason::kStop);
  void PublishLoad() ABSL_LOCKS_EXCLUDED(mutex_);

  const EngineOptions options_;
  ComputeShare* const share_;
  const Clock* const clock_;

  mutable absl::Mutex mutex_;
  SharedVersion current_ ABSL_GUARDED_BY(mutex_);
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  // `tasks` are taken by the thread; the rest stays.
  Orders orders_ ABSL_GUARDED_BY(mutex_);
  EngineLoad load_ ABSL_GUARDED_BY(mutex_);
  int waiting_users_ ABSL_GUARDED_BY(mutex_) = 0;  // those in orders_ among them

  // The thread's own.
  Meter meter_;
  TaskPool pool_;
  Orders rules_;  // as taken last; `tasks` is empty
  BackgroundCredit credit_;
  // Of the step of the server's own work that runs: since when it has computed, and for how long
  // before that.
  absl::Time background_since_;
  absl::Duration background_took_;

  std::thread thread_;  // last: everything else is there when it begins
};

}  // namespace imprint::engine

#endif  // IMPRINT_SERVER_ENGINE_ENGINE_IMPL_H_
