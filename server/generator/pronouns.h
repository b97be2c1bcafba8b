// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// The pronoun of a sentence in whose place a name makes it say by itself what it is about.

#ifndef IMPRINT_SERVER_GENERATOR_PRONOUNS_H_
#define IMPRINT_SERVER_GENERATOR_PRONOUNS_H_

#include <cstddef>
#include <optional>

#include "absl/strings/string_view.h"

namespace imprint::generator {

enum class PronounKind {
  kPerson,  // he, she, his, her
  kThing,   // it, its
  kMany,    // they, their
};

struct Pronoun {
  PronounKind kind;
  bool is_possessive;
  bool is_female;          // she, her
  size_t begin;            // in the sentence
  absl::string_view text;  // of the sentence
  size_t word;             // its place among WordsOf the sentence
};

// The one that the sentence begins with; or a "he" or "she" before which only a phrase of time,
// place or the like stands ("In 1990 he painted ...", "However, she left"). None for the "it" of
// "It was not until 1518 that ...", which stands for nothing.
std::optional<Pronoun> FindPronoun(absl::string_view sentence);

}  // namespace imprint::generator

#endif  // IMPRINT_SERVER_GENERATOR_PRONOUNS_H_
