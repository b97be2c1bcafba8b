// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Takes QUEUED experiences in order, one at a time, and makes them READY.

#ifndef IMPRINT_SERVER_GENERATOR_WORKER_H_
#define IMPRINT_SERVER_GENERATOR_WORKER_H_

#include <cstdint>
#include <thread>

#include "absl/status/status.h"
#include "absl/synchronization/notification.h"
#include "server/experience/experience_log.h"
#include "server/generator/generator.h"

namespace imprint::generator {

// Owns one thread. A crash loses no finished work: an experience is QUEUED until its
// sentences are stored. One that nothing can be made of is quarantined with the reason; an
// error of the engine is tried again after a pause that grows, a few times.
class GeneratorWorker {
 public:
  // All pointers outlive the worker.
  GeneratorWorker(const Generator* generator, experience::ExperienceLog* log);
  // Stops at the next engine step and joins.
  ~GeneratorWorker();

  GeneratorWorker(const GeneratorWorker&) = delete;
  GeneratorWorker& operator=(const GeneratorWorker&) = delete;

 private:
  void Loop();
  // From QUEUED to READY or QUARANTINED; an error: try again later.
  absl::Status Process(int64_t sequence);

  const Generator* const generator_;
  experience::ExperienceLog* const log_;
  absl::Notification stopping_;
  std::thread thread_;
};

}  // namespace imprint::generator

#endif  // IMPRINT_SERVER_GENERATOR_WORKER_H_
