// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Cuts a text into sentences, and into chunks that fit beside a question.

#ifndef IMPRINT_SERVER_GENERATOR_SENTENCES_H_
#define IMPRINT_SERVER_GENERATOR_SENTENCES_H_

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace imprint::generator {

// How many tokens a text has.
using TokenCounter = std::function<absl::StatusOr<int>(absl::string_view)>;

// Words parted by single spaces, as sentences have them.
size_t CountWords(absl::string_view text);

// Whether an opened bracket is not closed in `text`.
bool EndsWithinBrackets(absl::string_view text);

// The sentences of `text` in order, trimmed, none empty. A sentence ends at . ! ? (and
// closing quotes) before white space and something that can begin a sentence, and at every
// line break; not after an initial or a common abbreviation.
std::vector<std::string> SplitSentences(absl::string_view text);

// A sentence, or where it has many words the parts of it that say something each: cut at
// semicolons, and before ", and", ", but" and the like, which are left out.
std::vector<std::string> SplitStatements(absl::string_view sentence);

// `text` in pieces of whole sentences for which `count_tokens` is at most `max_tokens`. A
// single sentence that is longer is cut between words, and a word between characters, each
// piece as long as may be. What is counted grows with the text as n log n, whatever is in it.
// Errors of `count_tokens` end it and pass through: so it may be cancelled.
absl::StatusOr<std::vector<std::string>> SplitChunks(absl::string_view text, int max_tokens,
                                                     const TokenCounter& count_tokens);

}  // namespace imprint::generator

#endif  // IMPRINT_SERVER_GENERATOR_SENTENCES_H_
