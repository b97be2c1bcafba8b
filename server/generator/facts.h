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
