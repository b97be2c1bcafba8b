// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// What a text is about and which words in it carry its facts, by rule: small models stay on
// the subject when the answer is picked before the question is written.

#ifndef IMPRINT_SERVER_GENERATOR_FACTS_H_
#define IMPRINT_SERVER_GENERATOR_FACTS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace imprint::generator {

enum class FactKind {
  kName,
  kNumber,  // with its unit
  kDate,    // a month and a day or a year: "July 2015"
  kThing,   // what an article or a preposition comes before: "printing press"
};

// A span worth asking for.
struct Fact {
  std::string text;
  FactKind kind = FactKind::kName;
  // The sentence that it stands in.
  int sentence = 0;
};

// The names in `text`, as often as they occur: runs of capitalised words and initials, joined by
// "of", "de" and the like, up to a number. A word that is capitalised only for beginning a
// sentence is not one, nor is a date.
std::vector<std::string> FindNames(absl::string_view text);

// For each sentence that begins with "he", "she", "his" or "her" whom that stands for, most likely:
// the first name that can be a person's in the nearest sentence before that begins with none
// of these and has one. Empty for the others, and where there is no such name.
std::vector<std::string> FindPersons(const std::vector<std::string>& sentences);

// What the sentences are about: the name that occurs most, the earliest of equals; a longer name
// counts for the shorter ones within it, and a person is also meant by FindPersons. Empty when
// there is none.
std::string FindSubject(const std::vector<std::string>& sentences);

// Where `text` has `words` as whole words: "Germany" does not have "German", "Luther's" has
// "Luther". npos: nowhere, or `words` is empty.
size_t FindWords(absl::string_view text, absl::string_view words);
bool ContainsWords(absl::string_view text, absl::string_view words);

// Facts of all sentences, in order, each text once. The subject itself is not one.
std::vector<Fact> FindFacts(const std::vector<std::string>& sentences, absl::string_view subject);

// Whether every number and every name in `sentence` also stands in `source`: what a small
// model made up is dropped before it is learned.
bool IsGrounded(absl::string_view sentence, absl::string_view source);

// Lower-case words without punctuation: equal for sentences that differ in form only.
std::string NormalForm(absl::string_view sentence);

}  // namespace imprint::generator

#endif  // IMPRINT_SERVER_GENERATOR_FACTS_H_
