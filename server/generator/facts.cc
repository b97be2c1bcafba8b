// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/generator/facts.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace imprint::generator {
namespace {

// Words that begin a sentence in capitals without being a name.
const std::set<absl::string_view>& SentenceOpeners() {
  static const auto* words = new std::set<absl::string_view>{
      "a",       "about",    "after",   "all",     "also",    "although", "an",      "and",
      "another", "as",       "at",      "because", "before",  "both",     "but",     "by",
      "during",  "each",     "every",   "for",     "from",    "he",       "her",     "here",
      "his",     "how",      "however", "i",       "if",      "in",       "instead", "it",
      "its",     "many",     "most",    "my",      "no",      "not",      "now",     "of",
      "on",      "once",     "one",     "only",    "our",     "she",      "since",   "so",
      "some",    "that",     "the",     "their",   "then",    "there",    "these",   "they",
      "this",    "those",    "though",  "three",   "through", "to",       "today",   "two",
      "under",   "until",    "we",      "within",  "without", "upon",     "among",   "between",
      "against", "like",     "unlike",  "despite", "even",    "what",     "when",    "where",
      "which",   "while",    "who",     "why",     "with",    "yes",      "you",     "your",
      "user",    "assistant"};
  return *words;
}

bool IsJoiner(absl::string_view word) {
  return word == "of" || word == "de" || word == "von" || word == "van" || word == "da" ||
         word == "del" || word == "la" || word == "der" || word == "al" || word == "&";
}

struct Word {
  absl::string_view text;    // without punctuation around it
  bool ends_phrase = false;  // punctuation follows it
};

bool IsWordByte(char c) {
  return absl::ascii_isalnum(c) || c == '\'' || c == '-' || static_cast<unsigned char>(c) >= 0x80;
}

std::vector<Word> Words(absl::string_view sentence) {
  std::vector<Word> words;
  for (absl::string_view raw :
       absl::StrSplit(sentence, absl::ByAnyChar(" \t\n"), absl::SkipEmpty())) {
    if (raw == "&") {
      words.push_back({raw, false});
      continue;
    }
    size_t begin = 0;
    while (begin < raw.size() && !IsWordByte(raw[begin])) ++begin;
    size_t end = raw.size();
    while (end > begin && !IsWordByte(raw[end - 1])) --end;
    if (begin == end) continue;
    // An initial keeps its full stop, which ends nothing.
    const bool initial = end - begin == 1 && absl::ascii_isupper(raw[begin]) && raw[begin] != 'I' &&
                         end < raw.size() && raw[end] == '.';
    if (initial) ++end;
    absl::string_view text = raw.substr(begin, end - begin);
    if (absl::EndsWith(text, "'s")) text.remove_suffix(2);
    if (begin > 0 && !words.empty()) words.back().ends_phrase = true;
    words.push_back({text, end != raw.size() || text.size() != end - begin});
  }
  return words;
}

bool IsCapitalised(absl::string_view word) { return !word.empty() && absl::ascii_isupper(word[0]); }
bool IsNumber(absl::string_view word) { return !word.empty() && absl::ascii_isdigit(word[0]); }

const std::set<absl::string_view>& NumberWords() {
  static const auto* words = new std::set<absl::string_view>{
      "two",     "three",    "four",   "five",    "six",      "seven",    "eight",
      "nine",    "ten",      "eleven", "twelve",  "thirteen", "fourteen", "fifteen",
      "sixteen", "eighteen", "twenty", "thirty",  "forty",    "fifty",    "sixty",
      "seventy", "eighty",   "ninety", "hundred", "thousand", "dozen"};
  return *words;
}

bool IsMonth(absl::string_view word) {
  static const auto* months = new std::set<absl::string_view>{
      "January", "February", "March",     "April",   "May",      "June",
      "July",    "August",   "September", "October", "November", "December"};
  return months->contains(word);
}

bool IsOpener(absl::string_view word) {
  return SentenceOpeners().contains(absl::AsciiStrToLower(word));
}

// The names and dates of one line in order.
std::vector<Fact> NamesOf(absl::string_view line) {
  std::vector<Fact> names;
  const std::vector<Word> words = Words(line);
  size_t i = 0;
  while (i < words.size()) {
    if (!IsCapitalised(words[i].text) || IsOpener(words[i].text)) {
      ++i;
      continue;
    }
    size_t end = i + 1;  // one past the last capitalised word of the run
    bool numbered = false;
    for (size_t next = end; next < words.size() && !words[next - 1].ends_phrase && !numbered;
         ++next) {
      numbered = IsNumber(words[next].text) && next == end;
      if (numbered || (IsCapitalised(words[next].text) && !IsOpener(words[next].text))) {
        end = next + 1;
      } else if (!IsJoiner(words[next].text)) {
        break;
      }
    }
    if (end == i + 1 && absl::EndsWith(words[i].text, ".")) {  // an initial of nobody
      ++i;
      continue;
    }
    const bool is_date = numbered && IsMonth(words[i].text);
    names.push_back(
        {absl::StrJoin(words.begin() + i, words.begin() + end, " ",
                       [](std::string* out, const Word& word) { absl::StrAppend(out, word.text); }),
         is_date ? FactKind::kDate : FactKind::kName});
    i = end;
  }
  return names;
}

// Numbers with the two words after them, as far as one phrase goes; those of names and dates
// are not apart from them.
std::vector<Fact> NumbersOf(absl::string_view sentence) {
  std::vector<Fact> numbers;
  const std::vector<Word> words = Words(sentence);
  for (size_t i = 0; i < words.size(); ++i) {
    if (!IsNumber(words[i].text) && !NumberWords().contains(absl::AsciiStrToLower(words[i].text))) {
      continue;
    }
    const Word* const before = i > 0 ? &words[i - 1] : nullptr;
    if (before != nullptr && !before->ends_phrase && IsCapitalised(before->text) &&
        !IsOpener(before->text)) {
      continue;
    }
    std::string number(words[i].text);
    const size_t first = i;
    while (i + 1 < words.size() && i - first < 2 && !words[i].ends_phrase) {
      const absl::string_view next = words[i + 1].text;
      if (SentenceOpeners().contains(next) && !NumberWords().contains(next)) break;
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

// Small words that are part of no thing, and verbs that often follow one.
bool IsFunctionWord(absl::string_view word) {
  static const auto* words = new std::set<absl::string_view>{
      "am",      "are",   "be",     "been", "being", "can",  "cannot",     "could", "did",
      "do",      "does",  "either", "had",  "has",   "have", "into",       "is",    "may",
      "might",   "more",  "much",   "must", "nor",   "or",   "out",        "over",  "shall",
      "should",  "still", "such",   "than", "them",  "up",   "us",         "very",  "toward",
      "towards", "other", "others", "was",  "were",  "whom", "whose",      "will",  "would",
      "off",     "onto",  "per",    "via",  "down",  "him",  "themselves", "itself"};
  const std::string lower = absl::AsciiStrToLower(word);
  return words->contains(lower) || SentenceOpeners().contains(lower);
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
           !NumberWords().contains(word.text);
  };
  std::vector<Fact> things;
  const std::vector<Word> words = Words(sentence);
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

bool BeginsWithPersonalPronoun(absl::string_view sentence) {
  const absl::string_view first = sentence.substr(0, sentence.find(' '));
  return first == "He" || first == "She" || first == "His" || first == "Her";
}

// Two names or more, as people have.
bool CanBePerson(absl::string_view name) {
  return absl::StrContains(name, ' ') && !absl::StrContains(name, " of ") &&
         !absl::StrContains(name, " & ");
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

std::vector<std::string> FindNames(absl::string_view text) {
  std::vector<std::string> names;
  for (absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    for (Fact& name : NamesOf(line)) {
      if (name.kind == FactKind::kName) names.push_back(std::move(name.text));
    }
  }
  return names;
}

std::vector<std::string> FindPersons(const std::vector<std::string>& sentences) {
  std::vector<std::string> persons;
  std::string last;
  for (const std::string& sentence : sentences) {
    if (BeginsWithPersonalPronoun(sentence)) {
      persons.push_back(last);
      continue;
    }
    persons.emplace_back();
    const std::vector<std::string> names = FindNames(sentence);
    const auto person = std::find_if(names.begin(), names.end(), CanBePerson);
    if (person != names.end()) last = *person;
  }
  return persons;
}

std::string FindSubject(const std::vector<std::string>& sentences) {
  const std::vector<std::string> persons = FindPersons(sentences);
  std::vector<std::string> names;
  for (size_t i = 0; i < sentences.size(); ++i) {
    if (!persons[i].empty()) names.push_back(persons[i]);
    for (std::string& name : FindNames(sentences[i])) names.push_back(std::move(name));
  }
  std::string subject;
  int most = 0;
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

std::vector<Fact> FindFacts(const std::vector<std::string>& sentences, absl::string_view subject) {
  std::vector<Fact> facts;
  std::set<std::string> seen = {NormalForm(subject)};
  for (size_t i = 0; i < sentences.size(); ++i) {
    std::vector<Fact> spans = NamesOf(sentences[i]);
    for (Fact& number : NumbersOf(sentences[i])) spans.push_back(std::move(number));
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
  for (const Word& word : Words(source)) known.insert(absl::AsciiStrToLower(word.text));
  const std::vector<Word> words = Words(sentence);
  for (size_t i = 0; i < words.size(); ++i) {
    const bool is_name = IsCapitalised(words[i].text) && i > 0;
    if (!is_name && !IsNumber(words[i].text)) continue;
    const std::string lower = absl::AsciiStrToLower(words[i].text);
    if (!known.contains(lower) && !SentenceOpeners().contains(lower)) return false;
  }
  return true;
}

std::string NormalForm(absl::string_view sentence) {
  std::string form;
  for (const Word& word : Words(sentence)) {
    absl::StrAppend(&form, form.empty() ? "" : " ", absl::AsciiStrToLower(word.text));
  }
  return form;
}

}  // namespace imprint::generator
