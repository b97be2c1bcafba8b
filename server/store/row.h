// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Bytes of a row to its record.

#ifndef IMPRINT_SERVER_STORE_ROW_H_
#define IMPRINT_SERVER_STORE_ROW_H_

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "server/store/database.h"
#include "server/store/rocksdb_status.h"

namespace imprint::store {

// DATA_LOSS naming the row when `bytes` are not a record.
template <typename Record>
absl::StatusOr<Record> ParseRow(const Database& database, Family family, int64_t number,
                                std::string_view bytes) {
  Record record;
  if (!record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return DamagedStore(database.path(), absl::StrCat("row ", number, " of ", FamilyName(family),
                                                      " is not a record"));
  }
  return record;
}

// The row of `number` in a family whose keys are one number; NOT_FOUND names it by `kind`.
template <typename Record>
absl::StatusOr<Record> ReadNumberedRow(const Database& database, Family family, int64_t number,
                                       const char* kind) {
  if (number > 0) {
    absl::StatusOr<std::optional<std::string>> bytes = database.Get(family, NumberKey(number));
    if (!bytes.ok()) return bytes.status();
    if (bytes->has_value()) return ParseRow<Record>(database, family, number, **bytes);
  }
  return absl::NotFoundError(absl::StrCat("there is no ", kind, "/", number));
}

}  // namespace imprint::store

#endif  // IMPRINT_SERVER_STORE_ROW_H_
