// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/generator/pronouns.h"

#include <algorithm>
#include <array>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "server/generator/words.h"

namespace imprint::generator {
namespace {

struct Form {
  absl::string_view text;  // as it begins a sentence
  PronounKind kind;
  bool is_possessive;
};

constexpr std::array<Form, 8> kForms = {{{"It", PronounKind::kThing, false},
                                         {"Its", PronounKind::kThing, true},
                                         {"He", PronounKind::kPerson, false},
                                         {"She", PronounKind::kPerson, false},
                                         {"His", PronounKind::kPerson, true},
                                         {"Her", PronounKind::kPerson, true},
                                         {"They", PronounKind::kMany, false},
                                         {"Their", PronounKind::kMany, true}}};

// Words before a "he" that may still be the sentence's own.
constexpr size_t kMostWordsBefore = 8;

// "It was not until 1518 that ...", "It is said that ...", "It took years to ...".
bool StandsForNothing(absl::string_view sentence) {
  const std::vector<absl::string_view> words =
      absl::StrSplit(sentence, absl::MaxSplits(' ', 4), absl::SkipEmpty());
  if (words.size() < 4 || words[0] != "It") return false;
  const absl::string_view verb = words[1], next = words[2];
  if (verb == "took" || verb == "takes") {
    constexpr std::array<absl::string_view, 4> kOfItsOwn = {"its", "part", "place", "over"};
    return absl::StrContains(sentence, " to ") &&
           std::find(kOfItsOwn.begin(), kOfItsOwn.end(), next) == kOfItsOwn.end();
  }
  if (next == "not" && words[3] == "until") return true;
  // "It was only the orbit of Mercury that ..."
  if (next == "only" && absl::StrContains(sentence, " that ")) return true;
  constexpr std::array<absl::string_view, 16> kOpinions = {
      "said",    "believed", "known",   "clear", "likely",   "estimated",  "thought",  "unclear",
      "claimed", "argued",   "unknown", "hoped", "possible", "impossible", "reported", "true"};
  return std::find(kOpinions.begin(), kOpinions.end(), next) != kOpinions.end();
}

}  // namespace

std::optional<Pronoun> FindPronoun(absl::string_view sentence) {
  const std::vector<Word> words = WordsOf(sentence);
  if (words.empty() || StandsForNothing(sentence)) return std::nullopt;
  const auto pronoun = [&](const Form& form, size_t word) {
    const absl::string_view text = words[word].text;
    return Pronoun{.kind = form.kind,
                   .is_possessive = form.is_possessive,
                   .begin = static_cast<size_t>(text.data() - sentence.data()),
                   .text = text,
                   .word = word};
  };
  for (const Form& form : kForms) {
    // Not "It's" and "He, who": what follows is not the sentence's.
    const bool is_first = words[0].text == form.text && words[0].text.data() == sentence.data();
    if (is_first && !words[0].ends_phrase) return pronoun(form, 0);
  }
  for (size_t i = 1; i < std::min(words.size(), kMostWordsBefore); ++i) {
    for (const Form& form : kForms) {
      if (form.is_possessive || form.kind != PronounKind::kPerson) continue;
      if (absl::EqualsIgnoreCase(words[i].text, form.text)) return pronoun(form, i);
    }
  }
  return std::nullopt;
}

}  // namespace imprint::generator
