// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/generator/referents.h"

#include <algorithm>
#include <cstddef>
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

std::vector<std::string> AllNames(const std::vector<std::vector<Mention>>& mentions) {
  std::vector<std::string> names;
  for (const std::vector<Mention>& of_sentence : mentions) {
    for (const Mention& mention : of_sentence) {
      if (!mention.is_date) names.push_back(mention.text);
    }
  }
  return names;
}

bool HasPluralForm(absl::string_view name) {
  return absl::EndsWith(name, "s") && !absl::EndsWith(name, "ss") && !absl::EndsWith(name, "us") &&
         !absl::EndsWith(name, "is");
}

// A person's name, by its form: letters only, not "Bank of Norway".
bool CanBePerson(const Mention& mention) {
  if (mention.is_date || IsMonth(mention.text)) return false;
  const bool has_digit = std::any_of(mention.text.begin(), mention.text.end(), absl::ascii_isdigit);
  return !has_digit && !absl::StrContains(mention.text, " of ") &&
         !absl::StrContains(mention.text, " for ") && !absl::StrContains(mention.text, " & ") &&
         // "Jews", "Turks": many of a kind.
         (absl::StrContains(mention.text, ' ') || !HasPluralForm(mention.text));
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
         !absl::EndsWith(next, "ly") && !ReadsAsVerb(words, mention.end_word);
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
    if (mention.first_word == 0 && !is_owner) {
      // Of two who are named together nobody knows which is meant.
      const bool is_one_of_two = mention.end_word + 1 < words.size() &&
                                 words[mention.end_word].text == "and" &&
                                 IsCapitalised(words[mention.end_word + 1].text);
      return is_one_of_two ? "" : mention.text;
    }
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
    // "The mayor visited Orrin."
    const bool is_object = mention.end_word - mention.first_word == 1 && !before.ends_phrase &&
                           absl::EndsWith(before.text, "ed");
    if (is_object) continue;
    if (person.empty()) person = mention.text;
  }
  return person.empty() ? aside : person;
}

bool HasOddQuotes(absl::string_view sentence) {
  return std::count(sentence.begin(), sentence.end(), '"') % 2 != 0;
}

// Those before the sentence's first "he" or the like: behind it somebody is spoken of already
// ("By 1529 he was urging the Emperor").
std::vector<Mention> BeforePronoun(absl::string_view sentence,
                                   const std::vector<Mention>& mentions) {
  const std::vector<Word> words = WordsOf(sentence);
  const auto pronoun = std::find_if(words.begin(), words.end(), [](const Word& word) {
    return IsOneOf(word.text, {"he", "she", "his", "her", "He", "She", "His", "Her"});
  });
  const auto place = static_cast<size_t>(pronoun - words.begin());
  std::vector<Mention> before;
  for (const Mention& mention : mentions) {
    if (mention.first_word < place) before.push_back(mention);
  }
  return before;
}

// What a sentence begins with.
struct Beginning {
  std::string name;  // with its article; empty where that is no name
  bool is_plural = false;
};

Beginning BeginningOf(absl::string_view sentence, const std::vector<Mention>& mentions) {
  if (mentions.empty() || mentions[0].is_date) return {};
  const Mention& first = mentions[0];
  const std::vector<Word> words = WordsOf(sentence);
  // "Tesla's father" and "Westinghouse Electric, ..." begin with something else, or go on with it.
  if (words[first.end_word - 1].ends_phrase) return {};
  const absl::string_view next =
      first.end_word < words.size() ? words[first.end_word].text : absl::string_view();
  const bool verb_follows =
      first.end_word + 1 < words.size() && IsAuxiliary(words[first.end_word + 1].text);
  // "The Tammer rises in": a verb, more likely than a plural as in "The Apollo missions were".
  const bool ends_as_verb = absl::EndsWith(next, "s") && !absl::EndsWith(next, "ss") &&
                            !absl::EndsWith(next, "us") && !verb_follows;
  if (StandsBeforeNoun(words, first) && !ends_as_verb) return {};
  Beginning beginning = {.name = first.text,
                         .is_plural = HasPluralForm(first.text) && !absl::EndsWith(next, "s")};
  if (first.first_word == 1 && words[0].text == "The") {
    beginning.name = absl::StrCat("The ", first.text);
  } else if (first.first_word != 0) {
    return {};
  }
  return beginning;
}

}  // namespace

std::vector<std::string> FindReferents(const std::vector<std::string>& sentences) {
  const std::vector<std::vector<Mention>> mentions = FindMentions(sentences);
  const std::string subject = NameMostSpokenOf(AllNames(mentions), kTimesOfSubject);

  std::vector<std::string> referents;
  // Of the sentences before: a person, whether "he" or "she" has stood for it, and what one began
  // with.
  std::string person;
  bool has_gender = false, is_female = false;
  Beginning thing;
  bool within_quotation = false;
  for (size_t i = 0; i < sentences.size(); ++i) {
    const std::optional<Pronoun> pronoun = FindPronoun(sentences[i]);
    const bool of_person = pronoun.has_value() && pronoun->kind == PronounKind::kPerson;
    std::string referent;
    if (of_person) {
      // "Shortly after he arrived, Tesla fell ill" says it already; and where somebody else is
      // named first, it may be that one.
      const bool names_one =
          std::any_of(mentions[i].begin(), mentions[i].end(), [&](const Mention& mention) {
            const bool is_same =
                ContainsWords(person, mention.text) || ContainsWords(mention.text, person);
            return (is_same && pronoun->word > 0) ||
                   (mention.first_word < pronoun->word &&
                    !PersonOf(sentences[i], {mention}, subject).empty());
          });
      if (!names_one && (!has_gender || is_female == pronoun->is_female)) {
        referent = person;
      }
    } else if (pronoun.has_value()) {
      const bool fits = thing.is_plural == (pronoun->kind == PronounKind::kMany);
      if (fits && thing.name != person) referent = thing.name;
    }
    referents.push_back(referent);

    const bool is_quoted = within_quotation;
    within_quotation = within_quotation != HasOddQuotes(sentences[i]);
    if (of_person && !referent.empty()) {
      has_gender = true;
      is_female = pronoun->is_female;
    } else if (std::string next =
                   PersonOf(sentences[i], BeforePronoun(sentences[i], mentions[i]), subject);
               !is_quoted && !next.empty() && next != person) {
      // "Johnson described him as kind" leaves it open who is spoken of next.
      const std::vector<Word> words = WordsOf(sentences[i]);
      const bool is_open = std::any_of(words.begin(), words.end(),
                                       [](const Word& word) { return word.text == "him"; });
      person = is_open ? "" : std::move(next);
      has_gender = false;
    }
    // A pronoun that stands for it keeps it for the next sentence.
    if (of_person || referent.empty()) thing = BeginningOf(sentences[i], mentions[i]);
  }
  return referents;
}

std::string FindSubject(const std::vector<std::string>& sentences) {
  const std::vector<std::vector<Mention>> mentions = FindMentions(sentences);
  const std::vector<std::string> referents = FindReferents(sentences);
  std::vector<std::string> names;
  for (size_t i = 0; i < sentences.size(); ++i) {
    if (!referents[i].empty()) names.emplace_back(absl::StripPrefix(referents[i], "The "));
    for (const Mention& mention : mentions[i]) {
      if (!mention.is_date) names.push_back(mention.text);
    }
  }
  return NameMostSpokenOf(names);
}

}  // namespace imprint::generator
