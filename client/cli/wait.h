// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Waiting until experiences have come as far as asked.

#ifndef IMPRINT_CLIENT_CLI_WAIT_H_
#define IMPRINT_CLIENT_CLI_WAIT_H_

#include <string>
#include <vector>

#include "client/cli/command.h"
#include "imprint/v1/experience.pb.h"

namespace imprint::client {

enum class WaitFor { kAccepted, kReady, kIntegrated };

// Asks again and again until each of `experiences` is READY (or beyond), or INTEGRATED, or can
// get there no more (held, quarantined, forgotten, updates paused). Shows a progress bar. Puts
// the last state into `experiences`. Gives kOk only when all arrived.
int Await(const Command& command, WaitFor wait_for, std::vector<v1::Experience>& experiences);

// Waits until nothing that was forgotten is in the current version or in the server's files.
int AwaitForgotten(const Command& command);

// Waits until the job is over; kOk only when it is COMMITTED.
int AwaitJob(const Command& command, const std::string& name);

}  // namespace imprint::client

#endif  // IMPRINT_CLIENT_CLI_WAIT_H_
