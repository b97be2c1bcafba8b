// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef IMPRINT_SERVER_TEXT_UTF8_H_
#define IMPRINT_SERVER_TEXT_UTF8_H_

#include <string_view>

namespace imprint::text {

// Whether `text` is well-formed UTF-8 (RFC 3629: shortest forms, no surrogates).
bool IsValidUtf8(std::string_view text);

}  // namespace imprint::text

#endif  // IMPRINT_SERVER_TEXT_UTF8_H_
