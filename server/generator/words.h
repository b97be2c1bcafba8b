// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// The words of an English sentence, and what kinds of them there are.

#ifndef IMPRINT_SERVER_GENERATOR_WORDS_H_
#define IMPRINT_SERVER_GENERATOR_WORDS_H_

#include <cstddef>
#include <initializer_list>
#include <vector>

#include "absl/strings/string_view.h"

namespace imprint::generator {

// A view into the sentence.
struct Word {
  absl::string_view text;    // without punctuation around it and without "'s"
  bool ends_phrase = false;  // punctuation or "'s" follows it
};

std::vector<Word> WordsOf(absl::string_view sentence);

bool IsOneOf(absl::string_view word, std::initializer_list<absl::string_view> words);
bool IsCapitalised(absl::string_view word);
// It begins with a digit.
bool IsNumber(absl::string_view word);
// "seven", "hundred"; lower case.
bool IsNumberWord(absl::string_view word);
bool IsMonth(absl::string_view word);
// Words that begin a sentence in capitals without being a name: articles, pronouns, conjunctions,
// prepositions, adverbs.
bool IsOpener(absl::string_view word);
// Small words that are part of no thing, and verbs that often follow one.
bool IsFunctionWord(absl::string_view word);
// Whether the lower-case word at `i` is a verb, as far as its form and what follows tell: "gained",
// "covers the study", not "saints in".
bool ReadsAsVerb(const std::vector<Word>& words, size_t i);
// Whether `text` has a verb behind something that it may be said of, as far as forms tell: "a rival
// kept the sum", not "entitled so" nor "the vacuole from the host".
bool IsClause(absl::string_view text);
// Forms of "to be", "to have", "to do" and the verbs that stand before others.
bool IsAuxiliary(absl::string_view word);

}  // namespace imprint::generator

#endif  // IMPRINT_SERVER_GENERATOR_WORDS_H_
