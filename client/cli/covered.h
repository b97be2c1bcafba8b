// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// What `imprint updates run --wait` waits for.

#ifndef IMPRINT_CLIENT_CLI_COVERED_H_
#define IMPRINT_CLIENT_CLI_COVERED_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "client/cli/command.h"
#include "imprint/v1/experience.pb.h"

namespace imprint::client {

using ExperiencesByName = std::map<std::string, v1::Experience>;

// Experiences that were set aside (HELD, QUARANTINED, FORGOTTEN), to be asked before the
// update is: an update does not take them.
grpc::Status ListSetAside(const Command& command, ExperiencesByName& out);

struct Covered {
  // Not in the weights yet: still on the way, or set aside since.
  std::vector<v1::Experience> waited_for;
  // Set aside before and untouched since.
  std::vector<v1::Experience> set_aside;
};

// Everything up to `last_sequence` that is not INTEGRATED, without its content; `before` is
// what ListSetAside gave. One listing without a filter: it meets each experience once,
// whatever state it changes to meanwhile.
grpc::Status ListCovered(const Command& command, int64_t last_sequence,
                         const ExperiencesByName& before, Covered& out);

}  // namespace imprint::client

#endif  // IMPRINT_CLIENT_CLI_COVERED_H_
