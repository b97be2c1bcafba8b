// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "common/resource_name.h"

#include <charconv>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/string_view.h"

namespace imprint {
namespace {

// A name in an error is cut here: it is whatever a caller sent.
constexpr size_t kMaxShownBytes = 80;

// The number that `digits` writes in the one canonical way; nullopt: none.
std::optional<int64_t> ParseCanonicalNumber(std::string_view digits) {
  if (digits.empty() || (digits.size() > 1 && digits.front() == '0')) return std::nullopt;
  for (char c : digits) {
    if (c < '0' || c > '9') return std::nullopt;
  }
  int64_t number = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc()) return std::nullopt;  // more than 63 bits
  return number;
}

}  // namespace

std::string FormatResourceName(std::string_view collection, int64_t id) {
  return absl::StrCat(ToAbsl(collection), "/", id);
}

absl::StatusOr<int64_t> ParseResourceName(std::string_view collection, std::string_view name) {
  if (name.size() > collection.size() && name.substr(0, collection.size()) == collection &&
      name[collection.size()] == '/') {
    std::optional<int64_t> number = ParseCanonicalNumber(name.substr(collection.size() + 1));
    if (number.has_value() && (*number > 0 || collection == kVersions)) return *number;
  }
  const std::string_view shown = name.substr(0, kMaxShownBytes);
  return absl::InvalidArgumentError(
      absl::StrCat("\"", absl::CHexEscape(ToAbsl(shown)), name.size() > shown.size() ? "..." : "",
                   "\" is not a name of the form \"", ToAbsl(collection), "/<number>\""));
}

}  // namespace imprint
