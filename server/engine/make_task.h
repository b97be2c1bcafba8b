// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// From a request to a task, checked against the model and the engine's limits.

#ifndef IMPRINT_SERVER_ENGINE_MAKE_TASK_H_
#define IMPRINT_SERVER_ENGINE_MAKE_TASK_H_

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "server/engine/request.h"
#include "server/engine/task.h"

namespace imprint::engine {

// INVALID_ARGUMENT names what is wrong and the limit: the model's window or
// --serve.kv_tokens. The request's version is not null.
absl::StatusOr<std::unique_ptr<Task>> MakeGenerateTask(GenerateRequest request,
                                                       GenerateCallbacks callbacks,
                                                       int64_t kv_tokens);
absl::StatusOr<std::unique_ptr<Task>> MakeScoreTask(
    ScoreRequest request, std::function<void(absl::StatusOr<ScoreResult>)> on_done,
    int64_t kv_tokens);

}  // namespace imprint::engine

#endif  // IMPRINT_SERVER_ENGINE_MAKE_TASK_H_
