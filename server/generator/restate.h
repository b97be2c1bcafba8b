// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Questions and answers made of a text's own sentences by rule, without the model: a small
// model asks for a few facts of a text only, and misses the rest.

#ifndef IMPRINT_SERVER_GENERATOR_RESTATE_H_
#define IMPRINT_SERVER_GENERATOR_RESTATE_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "server/generator/facts.h"

namespace imprint::generator {

struct Exchange {
  std::string question;
  std::string answer;
};

// `sentence` with a name for its pronoun (FindPronoun: "It was built in 1923.", "Her best known
// work is ...", "In 1990 he painted ..."): so that it says by itself what it is about. As it is
// where it has none, or `referent` is empty.
std::string NameSubject(absl::string_view sentence, absl::string_view referent);

// The thing as `sentence` has it: with its article ("the printing press"). Other facts as they
// are.
std::string WithArticle(absl::string_view sentence, const Fact& fact);

// Asks for `fact`, which stands in `sentence`: "The Hollin Quay was founded by whom?", answered
// by the sentence as far as it goes on about the fact. None where too little is left to ask by.
std::optional<Exchange> AskFor(absl::string_view sentence, const Fact& fact,
                               absl::string_view subject);

}  // namespace imprint::generator

#endif  // IMPRINT_SERVER_GENERATOR_RESTATE_H_
