// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef IMPRINT_COMMON_UTF8_H_
#define IMPRINT_COMMON_UTF8_H_

#include <string_view>

namespace imprint {

// Whether `text` is well-formed UTF-8 (RFC 3629: shortest forms, no surrogates).
bool IsValidUtf8(std::string_view text);

}  // namespace imprint

#endif  // IMPRINT_COMMON_UTF8_H_
