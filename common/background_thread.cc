// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "common/background_thread.h"

#include <pthread.h>
#include <sched.h>

#include <exception>
#include <string>
#include <system_error>
#include <thread>

#include "absl/base/call_once.h"
#include "absl/status/status.h"
#include "spdlog/spdlog.h"

namespace imprint {
namespace {

void SayOnce(const std::string& why) {
  static absl::once_flag said;
  absl::call_once(said, [&why] {
    spdlog::warn("training competes for the cores with what is served: {}", why);
  });
}

}  // namespace

absl::Status BecomeBackgroundThread() {
#if defined(SCHED_IDLE)
  const sched_param none = {};
  const int error = pthread_setschedparam(pthread_self(), SCHED_IDLE, &none);
  if (error != 0) return absl::ErrnoToStatus(error, "SCHED_IDLE for a thread");
  return absl::OkStatus();
#else
  return absl::UnavailableError("this system has no SCHED_IDLE");
#endif
}

void RunInBackground(absl::FunctionRef<void()> work) {
  std::exception_ptr thrown;
  const auto run = [&] {
    const absl::Status status = BecomeBackgroundThread();
    if (!status.ok()) SayOnce(status.ToString());
    try {
      work();
    } catch (...) {
      thrown = std::current_exception();
    }
  };
  std::thread background;
  try {
    background = std::thread(run);
  } catch (const std::system_error& error) {
    SayOnce(error.what());
    return work();
  }
  background.join();
  if (thrown != nullptr) std::rethrow_exception(thrown);
}

}  // namespace imprint
