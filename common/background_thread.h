// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Long computing beside work that is waited for.

#ifndef IMPRINT_COMMON_BACKGROUND_THREAD_H_
#define IMPRINT_COMMON_BACKGROUND_THREAD_H_

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"

namespace imprint {

// Runs `work` on a thread of its own and returns when it is done; what it throws is thrown here.
// That thread, and those that it starts, get a core only while no other thread of the machine (in
// a container: of the container) wants it, which takes it back at once (Linux's SCHED_IDLE); where
// the system does not allow that, which is logged, they compete with the others as equals; where it
// gives no thread, `work` runs on the caller's.
//
// It may be stopped anywhere: `work` holds no lock that those wait for who are to go first.
void RunInBackground(absl::FunctionRef<void()> work);

// What RunInBackground does first on its thread: makes the calling thread such a one, for good.
// UNAVAILABLE where the system does not allow it.
absl::Status BecomeBackgroundThread();

}  // namespace imprint

#endif  // IMPRINT_COMMON_BACKGROUND_THREAD_H_
