// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/model/team.h"

#include <algorithm>
#include <chrono>
#include <system_error>
#include <utility>

#include "ATen/Parallel.h"

namespace imprint::model {
namespace {

// Parts of a loop for each thread: one whose core is taken away for a while leaves its own to the
// others.
constexpr int64_t kPartsAThread = 4;
// How long a thread waits without sleeping: longer than the pauses within a step of decoding.
constexpr std::chrono::microseconds kAwake(100);
// Looks between two looks at the clock.
constexpr int kLooks = 64;

constexpr uint64_t kOneLoop = uint64_t{1} << 32;
constexpr uint64_t kLeft = kOneLoop - 1;

thread_local Team* team_of_thread = nullptr;

void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

// Waits until `is_due` or until it was awake for long enough.
template <typename IsDue>
void StayAwake(const IsDue& is_due) {
  const auto end = std::chrono::steady_clock::now() + kAwake;
  do {
    for (int i = 0; i < kLooks; ++i) {
      if (is_due()) return;
      Pause();
    }
  } while (std::chrono::steady_clock::now() < end);
}

}  // namespace

Team::~Team() {
  stop_.store(true);
  loop_and_left_.fetch_add(kOneLoop);  // no parts are left
  loop_and_left_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

Team* Team::OfThisThread() { return team_of_thread; }

void Team::Run(int64_t count, int64_t grain, LoopBody body) {
  if (count <= 0) return;
  const int64_t most = kPartsAThread * threads_;
  const int64_t parts = std::clamp<int64_t>(count / std::max<int64_t>(grain, 1), 1, most);
  if (parts == 1 || threads_ == 1) return body(0, count);
  if (workers_.empty()) BeginWorkers();

  const TeamScope none(nullptr);  // for loops within
  body_ = &body;
  count_ = count;
  part_size_ = (count + parts - 1) / parts;
  const auto published = static_cast<uint64_t>((count + part_size_ - 1) / part_size_);
  done_.store(0, std::memory_order_relaxed);
  const uint64_t loop = (loop_and_left_.load(std::memory_order_relaxed) & ~kLeft) + kOneLoop;
  loop_and_left_.store(loop | published, std::memory_order_release);
  loop_and_left_.notify_all();

  while (RunOnePart()) {
  }
  const auto all_done = [&] {
    return done_.load(std::memory_order_acquire) == static_cast<int64_t>(published);
  };
  StayAwake(all_done);
  for (int64_t done = done_.load(); !all_done(); done = done_.load()) done_.wait(done);

  std::exception_ptr error;
  {
    absl::MutexLock lock(&mutex_);
    std::swap(error, error_);
  }
  if (error != nullptr) std::rethrow_exception(error);
}

void Team::BeginWorkers() {
  try {
    while (static_cast<int>(workers_.size()) + 1 < threads_) {
      workers_.emplace_back([this] { Work(); });
    }
  } catch (const std::system_error&) {
    threads_ = static_cast<int>(workers_.size()) + 1;
  }
}

bool Team::RunOnePart() {
  uint64_t seen = loop_and_left_.load(std::memory_order_acquire);
  do {
    if ((seen & kLeft) == 0) return false;
  } while (!loop_and_left_.compare_exchange_weak(seen, seen - 1, std::memory_order_acq_rel,
                                                 std::memory_order_acquire));
  const int64_t begin = static_cast<int64_t>((seen & kLeft) - 1) * part_size_;
  try {
    (*body_)(begin, std::min(begin + part_size_, count_));
  } catch (...) {
    absl::MutexLock lock(&mutex_);
    if (error_ == nullptr) error_ = std::current_exception();
  }
  done_.fetch_add(1, std::memory_order_release);
  done_.notify_one();
  return true;
}

void Team::Work() {
  // Else the first of libtorch's loops in this thread would set it, within a part.
  at::internal::lazy_init_num_threads();
  while (!stop_.load()) {
    if (RunOnePart()) continue;
    const uint64_t nothing = loop_and_left_.load(std::memory_order_acquire);
    if ((nothing & kLeft) != 0) continue;
    StayAwake([&] { return loop_and_left_.load(std::memory_order_acquire) != nothing; });
    if (!stop_.load()) loop_and_left_.wait(nothing, std::memory_order_acquire);
  }
}

TeamScope::TeamScope(Team* team) : before_(std::exchange(team_of_thread, team)) {}

TeamScope::~TeamScope() { team_of_thread = before_; }

void ParallelFor(int64_t count, int64_t grain, LoopBody body) {
  if (team_of_thread != nullptr) return team_of_thread->Run(count, grain, body);
  at::parallel_for(0, count, grain, [&body](int64_t begin, int64_t end) { body(begin, end); });
}

}  // namespace imprint::model
