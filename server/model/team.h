// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Threads that compute the steps of one other thread together with it.
//
// A step of decoding is a few hundred short loops with shorter pauses between them. libgomp, on
// which at::parallel_for runs, lets its threads sleep at once where all of a process together are
// more than there are cores, as in a server whose training has its own: to wake one up then takes
// as long as its part of a loop. A team waits for the next loop without sleeping, for a short
// while.

#ifndef IMPRINT_SERVER_MODEL_TEAM_H_
#define IMPRINT_SERVER_MODEL_TEAM_H_

#include <atomic>
#include <cstdint>
#include <exception>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/synchronization/mutex.h"

namespace imprint::model {

// Part of a loop: [begin, end).
using LoopBody = absl::FunctionRef<void(int64_t begin, int64_t end)>;

// Belongs to the thread that makes it, which alone may call it.
class Team {
 public:
  // `threads` with the caller's, at least 1. The others begin with the first loop; they are fewer
  // where the system gives no more.
  explicit Team(int threads) : threads_(threads) {}
  ~Team();

  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  // That of the innermost TeamScope; null where there is none.
  static Team* OfThisThread();

  int threads() const { return threads_; }

  // Calls `body` for parts of [0, count) that are no shorter than `grain`, but for what is left
  // over, on the caller's thread and on others that are free; returns when all are done. What
  // `body` throws is thrown here, after the others are done. A loop within a loop is not the
  // team's.
  void Run(int64_t count, int64_t grain, LoopBody body);

 private:
  void BeginWorkers();
  void Work();
  // Takes one part of the loop that is published and runs it; false when none is left.
  bool RunOnePart();

  int threads_;
  // Number of the loop, and how many parts of it nobody has taken: what is changed first, so that
  // who comes late cannot take a part of a loop that has ended.
  std::atomic<uint64_t> loop_and_left_ = 0;
  std::atomic<int64_t> done_ = 0;
  std::atomic<bool> stop_ = false;
  // Of the published loop; stay as they are while a part of it is not done.
  const LoopBody* body_ = nullptr;
  int64_t count_ = 0;
  int64_t part_size_ = 0;
  absl::Mutex mutex_;
  std::exception_ptr error_ ABSL_GUARDED_BY(mutex_);  // the first of this loop
  std::vector<std::thread> workers_;
};

// While it lives, ParallelFor runs on `team` in this thread; null: as without.
class TeamScope {
 public:
  explicit TeamScope(Team* team);
  ~TeamScope();

  TeamScope(const TeamScope&) = delete;
  TeamScope& operator=(const TeamScope&) = delete;

 private:
  Team* const before_;
};

// As Team::Run, on the team of this thread; as at::parallel_for where it has none.
void ParallelFor(int64_t count, int64_t grain, LoopBody body);

}  // namespace imprint::model

#endif  // IMPRINT_SERVER_MODEL_TEAM_H_
