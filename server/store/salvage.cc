// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/store/salvage.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

namespace imprint::store {
namespace {

// How far beyond an unreadable row others are looked for, where it is not known how many there
// are: one at a time, some microseconds each.
constexpr int64_t kBlindReach = 100'000;

// Reads rows from number `from` on, in order, up to the first that cannot be read; gives whether it
// came to the end.
bool ReadOn(const Database& database, Family family, int64_t from,
            std::map<int64_t, std::string>& rows) {
  const absl::Status scanned =
      database.Scan(family, NumberKey(from), EndOfPrefix(NamespacePrefix()),
                    [&rows](std::string_view key, std::string_view value) -> absl::StatusOr<bool> {
                      const std::optional<int64_t> number = NumberAfter(NamespacePrefix(), key);
                      if (number.has_value()) rows.insert_or_assign(*number, std::string(value));
                      return true;
                    });
  return scanned.ok();
}

}  // namespace

int64_t LastReadable(const Database& database, Family family) {
  int64_t last = 0;
  database
      .ScanBack(family, NamespacePrefix(), EndOfPrefix(NamespacePrefix()),
                [&last](std::string_view key, std::string_view) -> absl::StatusOr<bool> {
                  last = NumberAfter(NamespacePrefix(), key).value_or(0);
                  return false;
                })
      .IgnoreError();  // then it is not known
  return last;
}

Salvaged<std::string> SalvageNumbered(const Database& database, Family family, int64_t last) {
  Salvaged<std::string> salvaged;
  int64_t next = 0;
  last = std::max(last, LastReadable(database, family));
  while (!ReadOn(database, family, next, salvaged.rows)) {
    // A block of rows is damaged. Those behind it are found one by one: a scan would have to go
    // through it.
    const int64_t read = salvaged.rows.empty() ? -1 : salvaged.rows.rbegin()->first;
    next = std::max(next, read + 1);
    const int64_t end = last > 0 ? last : next + kBlindReach;
    for (; next <= end; ++next) {
      absl::StatusOr<std::optional<std::string>> value = database.Get(family, NumberKey(next));
      if (!value.ok()) {
        salvaged.unreadable.push_back(next);
      } else if (value->has_value()) {
        // Kept, since a scan may not even begin here: it looks into more tables than Get.
        salvaged.rows.insert_or_assign(next++, **std::move(value));
        break;  // perhaps behind the damage: the rest is scanned again
      }
    }
    if (next > end) break;
  }
  if (last == 0) {
    // The last ones may have been looked for in vain in a block that holds fewer.
    const int64_t end = salvaged.rows.empty() ? 0 : salvaged.rows.rbegin()->first;
    std::erase_if(salvaged.unreadable, [end](int64_t number) { return number > end; });
  }
  return salvaged;
}

SalvagedTargets SalvageTargets(const Database& database, int64_t sequence) {
  SalvagedTargets salvaged;
  const std::string prefix = TargetPrefix(sequence);
  const absl::Status scanned =
      database.Scan(Family::kTargets, prefix, EndOfPrefix(prefix),
                    [&](std::string_view key, std::string_view value) -> absl::StatusOr<bool> {
                      const auto place = static_cast<int64_t>(salvaged.targets.size());
                      TargetRecord target;
                      if (NumberAfter(prefix, key) != place ||
                          !target.ParseFromArray(value.data(), static_cast<int>(value.size()))) {
                        salvaged.damaged = true;
                        return false;
                      }
                      salvaged.targets.push_back(std::move(target));
                      return true;
                    });
  salvaged.damaged |= !scanned.ok();
  return salvaged;
}

}  // namespace imprint::store
