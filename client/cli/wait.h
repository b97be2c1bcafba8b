// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Waiting until experiences have come as far as asked.

#ifndef IMPRINT_CLIENT_CLI_WAIT_H_
#define IMPRINT_CLIENT_CLI_WAIT_H_

#include <string>
#include <vector>

#include "client/cli/command.h"
#include "imprint/v1/admin_service.pb.h"
#include "imprint/v1/experience.pb.h"

namespace imprint::client {

enum class WaitFor { kAccepted, kReady, kIntegrated };

// READY or beyond, or INTEGRATED; every accepted experience has arrived at kAccepted.
bool HasArrived(const v1::Experience& experience, WaitFor wait_for);

// It goes no further by itself: HELD, QUARANTINED or FORGOTTEN.
bool IsSetAside(const v1::Experience& experience);

// "experiences/7 is quarantined: the gate ...".
std::string DescribeState(const v1::Experience& experience);

// Asks for an update with all that is accepted by now, again while updates stand still for a
// moment (see Standstill). FAILED_PRECONDITION with the reason when they are paused or the
// standstill lasts; other errors are the server's.
grpc::Status AskForUpdate(const Command& command, v1::RunUpdateResponse& response);

// Says why AskForUpdate gave up, and gives the exit code for it.
int FailToAsk(const Command& command, const grpc::Status& status);

// Asks again and again until each of `experiences` has arrived, or can get there no more (it
// is set aside, updates are paused or stand still for long). Shows a progress bar. Puts the
// last state into `experiences`, without their content. Gives kOk only when all arrived; says
// on standard error which did not, and why.
int Await(const Command& command, WaitFor wait_for, std::vector<v1::Experience>& experiences);

// Waits until nothing that was forgotten is in the current version or in the server's files.
// kFailed while it is in the weights and updates are paused or stand still for long.
int AwaitForgotten(const Command& command);

// Waits until the job is over; kOk only when it is COMMITTED. kFailed also when it cannot begin
// since updates are paused or stand still for long.
int AwaitJob(const Command& command, const std::string& name);

}  // namespace imprint::client

#endif  // IMPRINT_CLIENT_CLI_WAIT_H_
