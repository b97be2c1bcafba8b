// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Cuts a text into sentences, and into chunks that fit beside a question.

#ifndef IMPRINT_SERVER_GENERATOR_SENTENCES_H_
#define IMPRINT_SERVER_GENERATOR_SENTENCES_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace imprint::generator {

// The sentences of `text` in order, trimmed, none empty. A sentence ends at . ! ? (and
// closing quotes) before white space and something that can begin a sentence, and at every
// line break; not after an initial or a common abbreviation.
std::vector<std::string> SplitSentences(absl::string_view text);

// `text` in pieces of whole sentences for which `count_tokens` is at most `max_tokens`. A
// single sentence that is longer is cut between words.
std::vector<std::string> SplitChunks(absl::string_view text, int max_tokens,
                                     const std::function<int(absl::string_view)>& count_tokens);

}  // namespace imprint::generator

#endif  // IMPRINT_SERVER_GENERATOR_SENTENCES_H_
