// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/generator/facts.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/generator/names.h"
#include "server/generator/words.h"

namespace imprint::generator {
namespace {

// The names and dates of a sentence.
std::vector<Fact> NamesOf(const std::vector<Mention>& mentions) {
  std::vector<Fact> names;
  for (const Mention& mention : mentions) {
    names.push_back({mention.text, mention.is_date ? FactKind::kDate : FactKind::kName});
  }
  return names;
}

// Numbers with the two words after them, as far as one phrase goes; those of names and dates
// are not apart from them.
std::vector<Fact> NumbersOf(absl::string_view sentence, const std::vector<Mention>& mentions) {
  std::vector<Fact> numbers;
  const std::vector<Word> words = WordsOf(sentence);
  std::vector<bool> is_named(words.size(), false);
  for (const Mention& mention : mentions) {
    for (size_t i = mention.first_word; i < mention.end_word; ++i) is_named[i] = true;
  }
  for (size_t i = 0; i < words.size(); ++i) {
    if (is_named[i]) continue;
    if (!IsNumber(words[i].text) && !IsNumberWord(absl::AsciiStrToLower(words[i].text))) {
      continue;
    }
    std::string number(words[i].text);
    const size_t first = i;
    while (i + 1 < words.size() && i - first < 2 && !words[i].ends_phrase) {
      const absl::string_view next = words[i + 1].text;
      if (IsOpener(next) && !IsNumberWord(next)) break;
      absl::StrAppend(&number, " ", next);
      ++i;
    }
    numbers.push_back({std::move(number), FactKind::kNumber});
  }
  return numbers;
}

// Dashes and quotation marks beyond ASCII, U+2010 to U+203F: no letters.
constexpr absl::string_view kGeneralPunctuation = "\xE2\x80";

bool IsLetterByte(char c) {
  return absl::ascii_isalnum(c) || c == '-' || static_cast<unsigned char>(c) >= 0x80;
}

// Whether a word that follows `before` is a whole one.
bool EndsApart(absl::string_view before) {
  constexpr size_t kMarkBytes = 3;
  if (before.empty() || !IsLetterByte(before.back())) return true;
  return before.size() >= kMarkBytes &&
         absl::StartsWith(before.substr(before.size() - kMarkBytes), kGeneralPunctuation);
}

// Whether a word that `after` follows is.
bool BeginsApart(absl::string_view after) {
  return after.empty() || !IsLetterByte(after.front()) ||
         absl::StartsWith(after, kGeneralPunctuation);
}

// Words that a thing follows.
bool AnnouncesThing(absl::string_view word) {
  static const auto* words = new std::set<absl::string_view>{
      "a",    "an",  "the",  "its",  "his",   "her",  "their", "our",  "this",   "these",
      "of",   "in",  "on",   "at",   "for",   "from", "by",    "with", "into",   "about",
      "such", "any", "each", "some", "every", "like", "via",   "per",  "through"};
  return words->contains(absl::AsciiStrToLower(word));
}

// Runs of other words after an article or a preposition, as far as one phrase goes. Names and
// numbers are facts of their own.
std::vector<Fact> ThingsOf(absl::string_view sentence) {
  constexpr size_t kMostWords = 4;
  constexpr size_t kLeastLetters = 4;
  const auto can_be_in = [](const Word& word) {
    return !IsFunctionWord(word.text) && !IsCapitalised(word.text) && !IsNumber(word.text) &&
           !IsNumberWord(word.text);
  };
  std::vector<Fact> things;
  const std::vector<Word> words = WordsOf(sentence);
  for (size_t i = 1; i < words.size(); ++i) {
    if (words[i - 1].ends_phrase || !AnnouncesThing(words[i - 1].text)) continue;
    size_t end = i;
    while (end < words.size() && end - i < kMostWords && can_be_in(words[end])) {
      // The verb of "the museum opened in spring"; but "the divided city".
      if (end > i && absl::EndsWith(words[end].text, "ed")) break;
      if (words[end++].ends_phrase) break;
    }
    // "The average" of "the average Norwegian house" is none.
    const bool goes_on = end > i && end < words.size() && !words[end - 1].ends_phrase &&
                         (IsCapitalised(words[end].text) || IsNumber(words[end].text));
    if (end == i || goes_on || words[end - 1].text.size() < kLeastLetters) continue;
    const char* const first = words[i].text.data();
    const char* const last = words[end - 1].text.data() + words[end - 1].text.size();
    things.push_back({std::string(first, last), FactKind::kThing});
    i = end - 1;
  }
  return things;
}

}  // namespace

size_t FindWords(absl::string_view text, absl::string_view words) {
  if (words.empty()) return absl::string_view::npos;
  size_t at = text.find(words);
  while (at != absl::string_view::npos &&
         !(EndsApart(text.substr(0, at)) && BeginsApart(text.substr(at + words.size())))) {
    at = text.find(words, at + 1);
  }
  return at;
}

bool ContainsWords(absl::string_view text, absl::string_view words) {
  return FindWords(text, words) != absl::string_view::npos;
}

std::vector<Fact> FindFacts(const std::vector<std::string>& sentences, absl::string_view subject) {
  std::vector<Fact> facts;
  std::set<std::string> seen = {NormalForm(subject)};
  const std::vector<std::vector<Mention>> mentions = FindMentions(sentences);
  for (size_t i = 0; i < sentences.size(); ++i) {
    std::vector<Fact> spans = NamesOf(mentions[i]);
    for (Fact& number : NumbersOf(sentences[i], mentions[i])) spans.push_back(std::move(number));
    for (Fact& thing : ThingsOf(sentences[i])) spans.push_back(std::move(thing));
    for (Fact& span : spans) {
      if (!seen.insert(NormalForm(span.text)).second) continue;
      span.sentence = static_cast<int>(i);
      facts.push_back(std::move(span));
    }
  }
  return facts;
}

bool IsGrounded(absl::string_view sentence, absl::string_view source) {
  std::set<std::string> known;
  for (const Word& word : WordsOf(source)) known.insert(absl::AsciiStrToLower(word.text));
  const std::vector<Word> words = WordsOf(sentence);
  for (size_t i = 0; i < words.size(); ++i) {
    const bool is_name = IsCapitalised(words[i].text) && i > 0;
    if (!is_name && !IsNumber(words[i].text)) continue;
    const std::string lower = absl::AsciiStrToLower(words[i].text);
    if (!known.contains(lower) && !IsOpener(lower)) return false;
  }
  return true;
}

std::string NormalForm(absl::string_view sentence) {
  std::string form;
  for (const Word& word : WordsOf(sentence)) {
    absl::StrAppend(&form, form.empty() ? "" : " ", absl::AsciiStrToLower(word.text));
  }
  return form;
}

}  // namespace imprint::generator
