// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Text as a terminal shows it: how many columns it takes, and what is safe to print. What an
// experience says was written by somebody else: it must neither move the cursor nor shift a
// table.

#ifndef IMPRINT_CLIENT_CLI_TEXT_WIDTH_H_
#define IMPRINT_CLIENT_CLI_TEXT_WIDTH_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace imprint::client {

// Columns of UTF-8 text on a terminal: 2 for a wide character (Chinese, Japanese, Korean,
// emoji), 0 for one that combines with the character before it, 1 for all others and for a
// byte that is no UTF-8.
size_t DisplayWidth(absl::string_view text);

// The text in one line of at most `columns`; a longer one ends in "...". Line breaks and
// control characters become spaces.
std::string Shorten(absl::string_view text, size_t columns);

// The text in lines of at most `columns` (at least 2), broken between words and within those
// that are longer. Line breaks and control characters become spaces. An empty text has no line.
std::vector<std::string> WrapText(absl::string_view text, size_t columns);

// Two texts beside each other, `width` columns in all (at least 8): a wrapped column each, with
// " | " between them.
std::string SideBySide(absl::string_view left, absl::string_view right, size_t width);

// The text with its line breaks and tabs; other control characters become "?".
std::string Printable(absl::string_view text);

}  // namespace imprint::client

#endif  // IMPRINT_CLIENT_CLI_TEXT_WIDTH_H_
