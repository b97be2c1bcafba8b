// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Whom or what the pronouns of a text stand for. A sentence is learned by itself, and then says of
// whatever stands for its pronoun: so only where it is fairly sure one is put in its place.

#ifndef IMPRINT_SERVER_GENERATOR_REFERENTS_H_
#define IMPRINT_SERVER_GENERATOR_REFERENTS_H_

#include <string>
#include <vector>

namespace imprint::generator {

// For each sentence what the pronoun stands for that NameSubject would replace:
//   he, she   a person of the nearest sentence before that names one: whom it begins with, or whom
//             it speaks of (not what follows "in" and the like; a maker or an owner only where
//             nobody else is named), rather whom most of the text is about
//   it        what the sentence before begins with ("The Rhine rises in ..."), unless that can be
//             a person's name
//   they      the same, where it is a plural ("The Normans were ...")
// and who or what a pronoun stood for in the sentence before goes on; not "he" where "she" did.
// Empty where no pronoun is to be replaced, and where it is not clear by what.
std::vector<std::string> FindReferents(const std::vector<std::string>& sentences);

// What the sentences are about: the name that occurs most, the earliest of equals; a longer name
// counts for the shorter ones within it, and so do its pronouns. Empty when there is none.
std::string FindSubject(const std::vector<std::string>& sentences);

}  // namespace imprint::generator

#endif  // IMPRINT_SERVER_GENERATOR_REFERENTS_H_
