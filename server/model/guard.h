// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Errors of libtorch and its libraries, which throw, as a status.

#ifndef IMPRINT_SERVER_MODEL_GUARD_H_
#define IMPRINT_SERVER_MODEL_GUARD_H_

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace imprint::model {

// Runs `compute`. RESOURCE_EXHAUSTED: out of memory, of the host or the device. INTERNAL:
// anything else that was thrown. The message is "`what`: ", then the first line of the error.
absl::Status Guarded(absl::string_view what, absl::FunctionRef<void()> compute);

}  // namespace imprint::model

#endif  // IMPRINT_SERVER_MODEL_GUARD_H_
