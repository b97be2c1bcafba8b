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
  bool is_female = false;
};

constexpr std::array<Form, 8> kForms = {{{"It", PronounKind::kThing, false},
                                         {"Its", PronounKind::kThing, true},
                                         {"He", PronounKind::kPerson, false},
                                         {"She", PronounKind::kPerson, false, true},
                                         {"His", PronounKind::kPerson, true},
                                         {"Her", PronounKind::kPerson, true, true},
                                         {"They", PronounKind::kMany, false},
                                         {"Their", PronounKind::kMany, true}}};

// Words before a "he" that may still be the sentence's own.
constexpr size_t kMostWordsBefore = 8;

// Words that may stand, alone or with a phrase, before a sentence's own subject.
bool GoesBeforeSubject(absl::string_view word) {
  return IsOneOf(word,
                 {"In",        "On",      "At",        "During",    "By",         "From",
                  "For",       "With",    "Through",   "Under",     "Until",      "Within",
                  "Upon",      "Despite", "Also",      "However",   "Later",      "Then",
                  "There",     "Thus",    "Therefore", "Moreover",  "Eventually", "Finally",
                  "Initially", "Today",   "Instead",   "Meanwhile", "Originally", "Furthermore"});
}

// "It was not until 1518 that ...", "It is said that ...", "It took years to ...".
bool StandsForNothing(absl::string_view sentence) {
  const std::vector<absl::string_view> words =
      absl::StrSplit(sentence, absl::MaxSplits(' ', 4), absl::SkipEmpty());
  if (words.size() < 4 || words[0] != "It") return false;
  const absl::string_view verb = words[1], next = words[2];
  if (verb == "took" || verb == "takes") {
    return absl::StrContains(sentence, " to ") && !IsOneOf(next, {"its", "part", "place", "over"});
  }
  if (next == "not" && words[3] == "until") return true;
  // "It is here that the river turns."
  if (words[3] == "that") return true;
  // "It was only the orbit of Mercury that ..."
  if (next == "only" && absl::StrContains(sentence, " that ")) return true;
  return IsOneOf(next, {"said", "believed", "known", "clear", "likely", "estimated", "thought",
                        "unclear", "claimed", "argued", "unknown", "hoped", "possible",
                        "impossible", "reported", "true"});
}

}  // namespace

std::optional<Pronoun> FindPronoun(absl::string_view sentence) {
  const std::vector<Word> words = WordsOf(sentence);
  if (words.empty() || StandsForNothing(sentence)) return std::nullopt;
  const auto pronoun = [&](const Form& form, size_t word) {
    const absl::string_view text = words[word].text;
    return Pronoun{.kind = form.kind,
                   .is_possessive = form.is_possessive,
                   .is_female = form.is_female,
                   .begin = static_cast<size_t>(text.data() - sentence.data()),
                   .text = text,
                   .word = word};
  };
  for (const Form& form : kForms) {
    // Not "It's" and "He, who": what follows is not the sentence's.
    const bool is_first = words[0].text == form.text && words[0].text.data() == sentence.data();
    if (is_first && !words[0].ends_phrase) return pronoun(form, 0);
  }
  if (!GoesBeforeSubject(words[0].text)) return std::nullopt;
  for (size_t i = 1; i < std::min(words.size(), kMostWordsBefore); ++i) {
    if (words[i].text == "he" || words[i].text == "she") {
      return pronoun(kForms[words[i].text == "he" ? 2 : 3], i);
    }
    // "In the war the mayor said he was ill": somebody else's clause.
    if (ReadsAsVerb(words, i) || IsOneOf(words[i].text, {"that", "who", "which", "said"})) break;
  }
  return std::nullopt;
}

}  // namespace imprint::generator
