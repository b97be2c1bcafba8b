// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// The boundary at which libtorch's exceptions become statuses.

#ifndef IMPRINT_SERVER_ENGINE_GUARD_H_
#define IMPRINT_SERVER_ENGINE_GUARD_H_

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"

namespace imprint::engine {

// Runs `compute`. RESOURCE_EXHAUSTED: out of memory, of the host or the device. INTERNAL:
// anything else that libtorch refused.
absl::Status Guarded(absl::FunctionRef<void()> compute);

}  // namespace imprint::engine

#endif  // IMPRINT_SERVER_ENGINE_GUARD_H_
