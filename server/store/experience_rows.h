// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// An experience is two rows: its head, which changes with each state, and its content,
// which may be a megabyte and is written once.

#ifndef IMPRINT_SERVER_STORE_EXPERIENCE_ROWS_H_
#define IMPRINT_SERVER_STORE_EXPERIENCE_ROWS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "server/store/database.h"
#include "server/store/records.pb.h"

namespace imprint::store {

// The two values of a record.
std::string EncodeHead(const ExperienceRecord& record);
std::string EncodeContent(const ExperienceRecord& record);

// NOT_FOUND when there is no such experience.
absl::StatusOr<ExperienceRecord> ReadExperience(const Database& database, int64_t sequence);

// One head for each sequence; NOT_FOUND when one is not there.
absl::StatusOr<std::vector<ExperienceRecord>> ReadHeads(const Database& database,
                                                        absl::Span<const int64_t> sequences);

// Up to `limit` heads with sequence > after, in order.
absl::StatusOr<std::vector<ExperienceRecord>> ReadHeadsAfter(const Database& database,
                                                             int64_t after, int limit);

// One record for each sequence; NOT_FOUND when one is not there.
absl::StatusOr<std::vector<ExperienceRecord>> ReadExperiences(const Database& database,
                                                              absl::Span<const int64_t> sequences);

}  // namespace imprint::store

#endif  // IMPRINT_SERVER_STORE_EXPERIENCE_ROWS_H_
