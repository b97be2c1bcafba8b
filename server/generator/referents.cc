// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/generator/referents.h"

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/generator/facts.h"
#include "server/generator/names.h"
#include "server/generator/pronouns.h"
#include "server/generator/words.h"

namespace imprint::generator {
namespace {

bool IsOneOf(absl::string_view word, std::initializer_list<absl::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// The earliest of those that are spoken of most, if at least so often.
std::string NameMostSpokenOf(const std::vector<std::string>& names, int least = 1) {
  std::string subject;
  int most = least - 1;
  for (const std::string& candidate : names) {
    int count = 0;
    for (const std::string& name : names) {
      if (ContainsWords(candidate, name) || ContainsWords(name, candidate)) ++count;
    }
    if (count > most) {
      most = count;
      subject = candidate;
    }
  }
  return subject;
}

// What is named less often is not what a text is about, for this.
constexpr int kTimesOfSubject = 3;

std::vector<std::string> NamesOf(const std::vector<std::vector<Mention>>& mentions) {
  std::vector<std::string> names;
  for (const std::vector<Mention>& of_sentence : mentions) {
    for (const Mention& mention : of_sentence) {
      if (!mention.is_date) names.push_back(mention.text);
    }
  }
  return names;
}

// A person's name, by its form: letters only, not "Bank of Norway".
bool CanBePerson(const Mention& mention) {
  if (mention.is_date || IsMonth(mention.text)) return false;
  const bool has_digit = std::any_of(mention.text.begin(), mention.text.end(), absl::ascii_isdigit);
  return !has_digit && !absl::StrContains(mention.text, " of ") &&
         !absl::StrContains(mention.text, " for ") && !absl::StrContains(mention.text, " & ");
}

// A name is hardly ever a person's after these, or the person is not spoken of.
bool PutsAside(absl::string_view before) {
  return IsOneOf(
      before, {"in",     "to",     "from",       "at",    "of",     "near",    "into",    "on",
               "over",   "across", "through",    "via",   "around", "towards", "toward",  "outside",
               "inside", "within", "throughout", "under", "for",    "with",    "against", "between",
               "than",   "like",   "the",        "a",     "an",     "this",    "that",    "these",
               "his",    "her",    "its",        "their", "by"});
}

// "Yuan emperor", "Time magazine": says of which kind the noun after it is.
bool StandsBeforeNoun(const std::vector<Word>& words, const Mention& mention) {
  if (words[mention.end_word - 1].ends_phrase || mention.end_word == words.size()) return false;
  const absl::string_view next = words[mention.end_word].text;
  return absl::ascii_islower(next[0]) && !IsFunctionWord(next) && !IsOpener(next) &&
         !ReadsAsVerb(words, mention.end_word);
}

bool IsPossessive(absl::string_view sentence, const Word& word) {
  const size_t end = static_cast<size_t>(word.text.data() - sentence.data()) + word.text.size();
  return absl::StartsWith(sentence.substr(end), "'s") ||
         absl::StartsWith(sentence.substr(end), "\u2019s");
}

// The person that somebody would go on to speak of after `sentence`.
std::string PersonOf(absl::string_view sentence, const std::vector<Mention>& mentions,
                     absl::string_view subject) {
  const std::vector<Word> words = WordsOf(sentence);
  std::string person, aside;  // of whom it speaks, or hardly
  for (const Mention& mention : mentions) {
    if (!CanBePerson(mention) || StandsBeforeNoun(words, mention)) continue;
    const bool is_owner = IsPossessive(sentence, words[mention.end_word - 1]);
    if (mention.first_word == 0 && !is_owner) return mention.text;
    const Word before = mention.first_word == 0 ? Word{} : words[mention.first_word - 1];
    if (is_owner || (PutsAside(absl::AsciiStrToLower(before.text)) && !before.ends_phrase)) {
      // "Founded by Marta Vessling" speaks of her, if of nobody else; so does "on Tesla's
      // birthday".
      const bool is_maker = before.text == "by" && absl::StrContains(mention.text, ' ');
      if (aside.empty() && (is_owner || is_maker)) aside = mention.text;
      continue;
    }
    const bool of_subject = !subject.empty() && (ContainsWords(mention.text, subject) ||
                                                 ContainsWords(subject, mention.text));
    if (of_subject) return mention.text;
    if (person.empty()) person = mention.text;
  }
  return person.empty() ? aside : person;
}

// What a sentence begins with, with its article; empty where that is no name.
std::string BeginningOf(absl::string_view sentence, const std::vector<Mention>& mentions) {
  if (mentions.empty() || mentions[0].is_date) return "";
  const Mention& first = mentions[0];
  const std::vector<Word> words = WordsOf(sentence);
  // "Tesla's father" and "Westinghouse Electric, ..." begin with something else, or go on with it.
  if (words[first.end_word - 1].ends_phrase) return "";
  // "The Tammer rises in": a verb, more likely than a plural.
  const bool ends_as_verb =
      first.end_word < words.size() && absl::EndsWith(words[first.end_word].text, "s");
  if (StandsBeforeNoun(words, first) && !ends_as_verb) return "";
  if (first.first_word == 0) return first.text;
  if (first.first_word == 1 && words[0].text == "The") return absl::StrCat("The ", first.text);
  return "";
}

bool IsPlural(absl::string_view name) {
  return absl::EndsWith(name, "s") && !absl::EndsWith(name, "ss") && !absl::EndsWith(name, "us") &&
         !absl::EndsWith(name, "is");
}

}  // namespace

std::vector<std::string> FindReferents(const std::vector<std::string>& sentences) {
  const Spelling spelling(sentences);
  std::vector<std::vector<Mention>> mentions;
  for (const std::string& sentence : sentences) {
    mentions.push_back(FindMentions(sentence, spelling));
  }
  const std::string subject = NameMostSpokenOf(NamesOf(mentions), kTimesOfSubject);

  std::vector<std::string> referents;
  std::string person, thing;  // of the sentences before
  for (size_t i = 0; i < sentences.size(); ++i) {
    const std::optional<Pronoun> pronoun = FindPronoun(sentences[i]);
    std::string referent;
    if (pronoun.has_value() && pronoun->kind == PronounKind::kPerson) {
      const bool names_one_before =
          std::any_of(mentions[i].begin(), mentions[i].end(), [&](const Mention& mention) {
            return mention.first_word < pronoun->word && CanBePerson(mention) &&
                   !PersonOf(sentences[i], {mention}, subject).empty();
          });
      // "Shortly after he arrived, Tesla fell ill" says it already.
      const bool is_named = pronoun->word > 0 && ContainsWords(sentences[i], person);
      if (!names_one_before && !is_named) referent = person;
    } else if (pronoun.has_value()) {
      const bool fits = pronoun->kind == PronounKind::kThing ? !IsPlural(thing) : IsPlural(thing);
      if (fits && thing != person) referent = thing;
    }
    referents.push_back(referent);

    if (!pronoun.has_value() || referent.empty()) {
      std::string next = PersonOf(sentences[i], mentions[i], subject);
      if (!next.empty()) person = std::move(next);
    }
    const bool goes_on = pronoun.has_value() && pronoun->kind != PronounKind::kPerson;
    if (!goes_on) thing = BeginningOf(sentences[i], mentions[i]);
  }
  return referents;
}

std::string FindSubject(const std::vector<std::string>& sentences) {
  const Spelling spelling(sentences);
  const std::vector<std::string> referents = FindReferents(sentences);
  std::vector<std::string> names;
  for (size_t i = 0; i < sentences.size(); ++i) {
    if (!referents[i].empty()) names.emplace_back(absl::StripPrefix(referents[i], "The "));
    for (Mention& mention : FindMentions(sentences[i], spelling)) {
      if (!mention.is_date) names.push_back(std::move(mention.text));
    }
  }
  return NameMostSpokenOf(names);
}

}  // namespace imprint::generator
