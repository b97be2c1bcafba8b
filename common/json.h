// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef IMPRINT_COMMON_JSON_H_
#define IMPRINT_COMMON_JSON_H_

#include <string_view>

#include "nlohmann/json.hpp"

namespace imprint {

// Objects and lists within each other: as serde_json, which reads the tokenizer's, and more than
// any file or answer that is read here has.
inline constexpr int kMaxJsonDepth = 128;

// Whether it nests no deeper. Copying, comparing and printing a value of nlohmann::json goes down
// into it on the stack, of which 100 kB of "[" leave nothing.
bool IsShallowJson(std::string_view text);

// The way to read JSON that somebody else wrote: is_discarded() where it is none, is not UTF-8, or
// is not shallow.
template <typename Json = nlohmann::json>
Json ParseJson(std::string_view text) {
  if (!IsShallowJson(text)) return Json(Json::value_t::discarded);
  return Json::parse(text.begin(), text.end(), /*cb=*/nullptr, /*allow_exceptions=*/false);
}

}  // namespace imprint

#endif  // IMPRINT_COMMON_JSON_H_
