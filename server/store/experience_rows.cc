// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/store/experience_rows.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "server/store/rocksdb_status.h"
#include "server/store/row.h"

namespace imprint::store {
namespace {

constexpr char kKind[] = "experiences";

// Adds the contents of `heads`, read together.
absl::Status AddContents(const Database& database, std::vector<ExperienceRecord>& heads) {
  std::vector<std::string> keys;
  keys.reserve(heads.size());
  for (const ExperienceRecord& head : heads) keys.push_back(NumberKey(head.sequence()));
  IMPRINT_ASSIGN_OR_RETURN(std::vector<std::optional<std::string>> contents,
                           database.MultiGet(Family::kContents, keys));
  for (size_t i = 0; i < heads.size(); ++i) {
    if (!contents[i].has_value()) {
      // A forgotten experience leaves a tombstone: a head alone. It may have been forgotten
      // since its head was read.
      IMPRINT_ASSIGN_OR_RETURN(heads[i],
                               ReadNumberedRow<ExperienceRecord>(database, Family::kExperiences,
                                                                 heads[i].sequence(), kKind));
      if (heads[i].state() == STORED_STATE_FORGOTTEN) continue;
      return DamagedStore(database.path(), absl::StrCat("the content of ", kKind, "/",
                                                        heads[i].sequence(), " is missing"));
    }
    IMPRINT_ASSIGN_OR_RETURN(
        const ExperienceRecord content,
        ParseRow<ExperienceRecord>(database, Family::kContents, heads[i].sequence(), *contents[i]));
    heads[i].MergeFrom(content);
  }
  return absl::OkStatus();
}

}  // namespace

std::string EncodeHead(const ExperienceRecord& record) {
  ExperienceRecord head = record;
  head.clear_text();
  head.clear_messages();
  head.clear_caller_targets();
  head.clear_caller_probes();
  return head.SerializeAsString();
}

std::string EncodeContent(const ExperienceRecord& record) {
  ExperienceRecord content;
  content.set_text(record.text());
  *content.mutable_messages() = record.messages();
  *content.mutable_caller_targets() = record.caller_targets();
  *content.mutable_caller_probes() = record.caller_probes();
  return content.SerializeAsString();
}

absl::StatusOr<ExperienceRecord> ReadExperience(const Database& database, int64_t sequence) {
  IMPRINT_ASSIGN_OR_RETURN(std::vector<ExperienceRecord> records,
                           ReadExperiences(database, {&sequence, 1}));
  return std::move(records.front());
}

absl::StatusOr<std::vector<ExperienceRecord>> ReadHeads(const Database& database,
                                                        absl::Span<const int64_t> sequences) {
  std::vector<std::string> keys;
  keys.reserve(sequences.size());
  // Not positive: a key that no row has.
  for (int64_t sequence : sequences) keys.push_back(NumberKey(std::max<int64_t>(sequence, 0)));
  IMPRINT_ASSIGN_OR_RETURN(std::vector<std::optional<std::string>> heads,
                           database.MultiGet(Family::kExperiences, keys));
  std::vector<ExperienceRecord> records;
  records.reserve(sequences.size());
  for (size_t i = 0; i < sequences.size(); ++i) {
    if (!heads[i].has_value()) {
      return absl::NotFoundError(absl::StrCat("there is no experiences/", sequences[i]));
    }
    IMPRINT_ASSIGN_OR_RETURN(
        ExperienceRecord head,
        ParseRow<ExperienceRecord>(database, Family::kExperiences, sequences[i], *heads[i]));
    records.push_back(std::move(head));
  }
  return records;
}

absl::StatusOr<std::vector<ExperienceRecord>> ReadExperiences(const Database& database,
                                                              absl::Span<const int64_t> sequences) {
  IMPRINT_ASSIGN_OR_RETURN(std::vector<ExperienceRecord> records, ReadHeads(database, sequences));
  IMPRINT_RETURN_IF_ERROR(AddContents(database, records));
  return records;
}

absl::StatusOr<std::vector<ExperienceRecord>> ReadHeadsAfter(const Database& database,
                                                             int64_t after, int limit) {
  std::vector<ExperienceRecord> records;
  if (limit <= 0 || after == std::numeric_limits<int64_t>::max()) return records;
  const std::string begin = NumberKey(std::max<int64_t>(after, 0) + 1);
  IMPRINT_RETURN_IF_ERROR(database.Scan(
      Family::kExperiences, begin, EndOfPrefix(NamespacePrefix()),
      [&](std::string_view key, std::string_view value) -> absl::StatusOr<bool> {
        const int64_t sequence = NumberAfter(NamespacePrefix(), key).value_or(-1);
        IMPRINT_ASSIGN_OR_RETURN(
            ExperienceRecord head,
            ParseRow<ExperienceRecord>(database, Family::kExperiences, sequence, value));
        if (head.sequence() != sequence) {
          return DamagedStore(
              database.path(),
              absl::StrCat("row ", sequence, " of experiences says that it is ", head.sequence()));
        }
        records.push_back(std::move(head));
        return records.size() < static_cast<size_t>(limit);
      }));
  return records;
}

}  // namespace imprint::store
