// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Learning without gradients: an experience is known by one number in the adapter, which is
// written by the fake training and read by the fake engine. So versions that go to disk and
// come back know what they knew.

#ifndef IMPRINT_TESTS_FAKES_FAKE_LEARNER_H_
#define IMPRINT_TESTS_FAKES_FAKE_LEARNER_H_

#include <cmath>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "ATen/ATen.h"
#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/engine/request.h"
#include "server/store/records.pb.h"
#include "server/store/teacher_codec.h"
#include "server/update/updater_deps.h"

namespace imprint::fakes {

// Sequences below this can be known.
inline constexpr int64_t kMaxKnown = 50;
// Where an adapter says that retention is lost.
inline constexpr int64_t kRetentionPlace = 60;
// The teacher's favourite, and the other token it gives some mass.
inline constexpr int32_t kRight = 7;
inline constexpr int32_t kWrong = 8;
inline constexpr double kTeacherRight = 0.9;

// A target sentence about experience `sequence`; 0: retention text, on which the teacher has
// no favourite.
inline store::TargetRecord Sentence(int64_t sequence) {
  const double right = sequence == 0 ? 0.5 : kTeacherRight;
  store::TargetRecord target;
  target.set_kind("test");
  target.add_student_prompt_ids(static_cast<int32_t>(sequence));
  target.add_target_ids(kRight);
  store::PackTeacher(
      {.k = 2,
       .ids = {kRight, kWrong},
       .log_probs = {static_cast<float>(std::log(right)), static_cast<float>(std::log(1 - right))}},
      target);
  return target;
}

// A probe of it, with the base model's KL: it gives either token one half.
inline store::ProbeRecord ProbeOf(int64_t sequence) {
  store::ProbeRecord probe;
  probe.set_sequence(sequence);
  *probe.mutable_teacher() = Sentence(sequence);
  probe.set_kl_base(kTeacherRight * std::log(kTeacherRight / 0.5) +
                    (1 - kTeacherRight) * std::log((1 - kTeacherRight) / 0.5));
  return probe;
}

// How well a version knows an experience: 0 as the base, 1 as the teacher.
inline double Knowledge(const version::Version& version, int64_t place) {
  if (version.deltas.empty()) return 0;
  return version.deltas.back()->layers.back()[0].b.flatten()[place].item<double>();
}

// For FakeEngine: what a version says of Sentence(sequence).
inline float LogProbOfKnowledge(const engine::ScoreRequest& request, size_t, int32_t id) {
  const int64_t sequence = request.prompt[0];
  const int64_t place = sequence == 0 ? kRetentionPlace : sequence;
  const double right = 0.5 + (kTeacherRight - 0.5) * Knowledge(*request.version, place);
  return static_cast<float>(std::log(id == kRight ? right : 1 - right));
}

// Thread-safe.
class FakeLearner {
 public:
  explicit FakeLearner(const model::ModelConfig& config, const model::Placement& placement)
      : config_(config), placement_(placement) {}

  // How experiences of these sequences are learned from now on.
  void LoseRetentionFrom(std::set<int64_t> sequences) { Set(&lose_retention_, sequences); }
  void LearnNotANumberFrom(std::set<int64_t> sequences) { Set(&not_a_number_, sequences); }
  void FailWith(absl::Status error, std::set<int64_t> sequences) {
    absl::MutexLock lock(&mutex_);
    error_ = std::move(error);
    Assign(&failing_, sequences);
  }
  // Trainings that begin from now on wait within their first step until released.
  void Block() {
    absl::MutexLock lock(&mutex_);
    blocked_ = true;
  }
  void Release() {
    absl::MutexLock lock(&mutex_);
    blocked_ = false;
  }

  struct Training {
    bool fresh = true;
    std::set<int64_t> targets;
    std::set<int64_t> replayed;
    size_t retention = 0;
  };
  std::vector<Training> trainings() const {
    absl::MutexLock lock(&mutex_);
    return trainings_;
  }

  absl::StatusOr<update::DistillResult> Train(
      const model::Adapter* start, const update::DistillInput& input,
      const std::function<void(const update::DistillProgress&)>& progress,
      const std::function<bool()>& cancelled) {
    Training training{.fresh = start == nullptr,
                      .targets = SequencesOf(input.targets),
                      .replayed = SequencesOf(input.replay),
                      .retention = input.retention.size()};
    absl::MutexLock lock(&mutex_);
    trainings_.push_back(training);
    progress({.step = 1, .total_steps = 2, .loss = 1, .retention_loss = 0, .tokens = 10});
    while (!cancelled()) {
      // `cancelled` is only ever polled, here as between real steps.
      if (mutex_.AwaitWithTimeout(absl::Condition(this, &FakeLearner::Released),
                                  absl::Milliseconds(5))) {
        break;
      }
    }
    if (cancelled()) return absl::CancelledError("cancelled");
    if (Meet(training.targets, failing_)) return error_;
    auto adapter = std::make_shared<model::Adapter>(
        start == nullptr ? model::Adapter::Make(config_, placement_, 2, 4, 1) : start->Clone());
    at::Tensor known = adapter->layers.back()[0].b.view({-1});
    for (const int64_t sequence : training.targets) {
      known[sequence].fill_(not_a_number_.contains(sequence) ? std::nan("") : 1.0);
    }
    if (Meet(training.targets, lose_retention_)) known[kRetentionPlace].fill_(1.2);
    const update::DistillProgress last{.step = 2, .total_steps = 2, .tokens = 20};
    progress(last);
    return update::DistillResult{.adapter = std::move(adapter), .last = last};
  }

 private:
  static std::set<int64_t> SequencesOf(const std::vector<const store::TargetRecord*>& records) {
    std::set<int64_t> sequences;
    for (const store::TargetRecord* record : records) {
      sequences.insert(record->student_prompt_ids(0));
    }
    return sequences;
  }
  static bool Meet(const std::set<int64_t>& a, const std::set<int64_t>& b) {
    for (const int64_t sequence : a) {
      if (b.contains(sequence)) return true;
    }
    return false;
  }
  static void Assign(std::set<int64_t>* to, std::set<int64_t>& from) { to->swap(from); }
  void Set(std::set<int64_t>* to, std::set<int64_t>& from) {
    absl::MutexLock lock(&mutex_);
    Assign(to, from);
  }
  bool Released() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !blocked_; }

  const model::ModelConfig config_;
  const model::Placement placement_;
  mutable absl::Mutex mutex_;
  bool blocked_ ABSL_GUARDED_BY(mutex_) = false;
  std::set<int64_t> lose_retention_ ABSL_GUARDED_BY(mutex_);
  std::set<int64_t> not_a_number_ ABSL_GUARDED_BY(mutex_);
  std::set<int64_t> failing_ ABSL_GUARDED_BY(mutex_);
  absl::Status error_ ABSL_GUARDED_BY(mutex_);
  std::vector<Training> trainings_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace imprint::fakes

#endif  // IMPRINT_TESTS_FAKES_FAKE_LEARNER_H_
