// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Reads what can be read of a damaged store. Private to server/store.

#ifndef IMPRINT_SERVER_STORE_SALVAGE_H_
#define IMPRINT_SERVER_STORE_SALVAGE_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "server/store/database.h"
#include "server/store/keys.h"
#include "server/store/records.pb.h"

namespace imprint::store {

// Rows by number, and the numbers whose rows are there and cannot be read.
template <typename Record>
struct Salvaged {
  std::map<int64_t, Record> rows;
  std::vector<int64_t> unreadable;
};

// The values of the family's rows whose key is a number, around what is damaged. `last`: the
// largest number that may be there, as far as is known; 0: it is not known.
Salvaged<std::string> SalvageNumbered(const Database& database, Family family, int64_t last);

// The same as records; a row that is no record is unreadable.
template <typename Record>
Salvaged<Record> SalvageRecords(const Database& database, Family family, int64_t last) {
  Salvaged<std::string> values = SalvageNumbered(database, family, last);
  Salvaged<Record> records;
  records.unreadable = std::move(values.unreadable);
  for (const auto& [number, value] : values.rows) {
    Record record;
    if (record.ParseFromString(value)) {
      records.rows.emplace(number, std::move(record));
    } else {
      records.unreadable.push_back(number);
    }
  }
  return records;
}

// The last row's number; 0: there is none, or it cannot be read.
int64_t LastReadable(const Database& database, Family family);

struct SalvagedTargets {
  std::vector<TargetRecord> targets;
  // Not all of them can be read, or one is missing between others.
  bool damaged = false;
};
SalvagedTargets SalvageTargets(const Database& database, int64_t sequence);

}  // namespace imprint::store

#endif  // IMPRINT_SERVER_STORE_SALVAGE_H_
