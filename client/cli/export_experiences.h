// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// An experience as a line that `imprint inject` takes.

#ifndef IMPRINT_CLIENT_CLI_EXPORT_EXPERIENCES_H_
#define IMPRINT_CLIENT_CLI_EXPORT_EXPERIENCES_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "client/cli/command.h"
#include "imprint/v1/experience.pb.h"
#include "nlohmann/json.hpp"

namespace imprint::client {

// What the caller sent, with the request_id: content, labels, own target sentences and
// probes, and what is left of its time to live. `experience` is in the FULL view.
// `supersedes` is the request_id of the older one that it is still to replace; empty: none.
nlohmann::ordered_json ToInjectItem(const v1::Experience& experience, const std::string& supersedes,
                                    absl::Time now);

// Prints such a line for each experience that is not forgotten and carries `labels`, in the
// log's order.
int Export(const Command& command, const std::vector<std::string>& labels);

}  // namespace imprint::client

#endif  // IMPRINT_CLIENT_CLI_EXPORT_EXPERIENCES_H_
