// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Names of resources in the API: "experiences/12", "jobs/3", "versions/4", "probes/5".

#ifndef IMPRINT_COMMON_RESOURCE_NAME_H_
#define IMPRINT_COMMON_RESOURCE_NAME_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace imprint {

inline constexpr std::string_view kExperiences = "experiences";
inline constexpr std::string_view kJobs = "jobs";
inline constexpr std::string_view kVersions = "versions";
inline constexpr std::string_view kProbes = "probes";
inline constexpr std::string_view kBackups = "backups";

// "<collection>/<id>".
std::string FormatResourceName(std::string_view collection, int64_t id);

// The number of `name`, which must be exactly what FormatResourceName writes: no sign, no
// leading zero, no space. Numbers begin at 1; only versions have a 0, the base model.
// INVALID_ARGUMENT says which form was expected.
absl::StatusOr<int64_t> ParseResourceName(std::string_view collection, std::string_view name);

}  // namespace imprint

#endif  // IMPRINT_COMMON_RESOURCE_NAME_H_
