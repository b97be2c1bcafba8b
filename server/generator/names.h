// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// The names of a text, told by how its words are written.

#ifndef IMPRINT_SERVER_GENERATOR_NAMES_H_
#define IMPRINT_SERVER_GENERATOR_NAMES_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace imprint::generator {

// A name or a date ("July 2015", "July 22, 2014", "10 July 1856") where it stands.
struct Mention {
  std::string text;  // as the sentence has it
  bool is_date = false;
  size_t first_word = 0;  // its place among WordsOf the sentence
  size_t end_word = 0;    // one past its last word
};

// Those of each sentence in order: runs of capitalised words and initials, joined by "of", "de" and
// the like, up to a number. A word that is capitalised only for beginning a sentence, as far as the
// other sentences and the word after it tell, is none, nor is one that says of which country
// something is ("the Swiss canton").
std::vector<std::vector<Mention>> FindMentions(const std::vector<std::string>& sentences);

// The names in `text` as often as they occur, without dates.
std::vector<std::string> FindNames(absl::string_view text);

}  // namespace imprint::generator

#endif  // IMPRINT_SERVER_GENERATOR_NAMES_H_
