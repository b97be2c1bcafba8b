// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Calls that several verbs make. Errors are the server's; what is filled in then is undefined.

#ifndef IMPRINT_CLIENT_CLI_CALLS_H_
#define IMPRINT_CLIENT_CLI_CALLS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "client/cli/command.h"
#include "imprint/v1/admin_service.pb.h"
#include "imprint/v1/experience.pb.h"
#include "imprint/v1/imprint_service.pb.h"

namespace imprint::client {

grpc::Status GetStatus(const Command& command, v1::GetStatusResponse& status);

// `name` is "experiences/<sequence>".
grpc::Status GetExperience(const Command& command, const std::string& name, v1::ExperienceView view,
                           v1::Experience& experience);

// `name` is "jobs/<id>".
grpc::Status GetJob(const Command& command, const std::string& name, v1::Job& job);

// The newest ones, newest first; `limit` 0: all.
grpc::Status ListJobs(const Command& command, int64_t limit, std::vector<v1::Job>& jobs);
grpc::Status ListVersions(const Command& command, int64_t limit,
                          std::vector<v1::Version>& versions);

// Asks the probes of `experiences` ("7" or "experiences/7"; none: all of them) of a version;
// takes as long as there are probes.
grpc::Status RunProbes(const Command& command, const v1::VersionSelector& version,
                       const std::vector<std::string>& experiences,
                       v1::RunProbesResponse& response);

}  // namespace imprint::client

#endif  // IMPRINT_CLIENT_CLI_CALLS_H_
