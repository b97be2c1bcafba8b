// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/generator/words.h"

#include <algorithm>
#include <cstddef>
#include <set>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"

namespace imprint::generator {
namespace {

using WordSet = std::set<absl::string_view>;

bool IsWordByte(char c) {
  return absl::ascii_isalnum(c) || c == '\'' || c == '-' || static_cast<unsigned char>(c) >= 0x80;
}

// Short for what stands before a name.
bool IsTitle(absl::string_view word) {
  static const auto* words =
      new WordSet{"St", "Dr", "Mr", "Mrs", "Ms", "Prof", "Gen", "Col", "Capt", "Rev", "Lt", "Sgt"};
  return words->contains(word);
}

// Those that go on with nothing: within a thing ("printing press") none of them stands.
const WordSet& SmallOpeners() {
  static const auto* words = new WordSet{
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

// Those that may be part of a thing ("first time").
const WordSet& OtherOpeners() {
  static const auto* words =
      new WordSet{"above",         "according",   "across",       "additionally",  "afterwards",
                  "again",         "along",       "alongside",    "alternatively", "any",
                  "around",        "based",       "behind",       "below",         "beside",
                  "besides",       "beyond",      "compared",     "consequently",  "contrary",
                  "currently",     "due",         "earlier",      "either",        "especially",
                  "eventually",    "ever",        "except",       "few",           "finally",
                  "following",     "furthermore", "given",        "hence",         "historically",
                  "including",     "indeed",      "initially",    "inside",        "just",
                  "later",         "less",        "likewise",     "meanwhile",     "more",
                  "moreover",      "much",        "near",         "nearby",        "nearly",
                  "neither",       "never",       "nevertheless", "none",          "nor",
                  "often",         "originally",  "other",        "others",        "otherwise",
                  "outside",       "over",        "overall",      "per",           "perhaps",
                  "previously",    "prior",       "rather",       "recently",      "several",
                  "similarly",     "sometimes",   "soon",         "specifically",  "still",
                  "subsequently",  "such",        "thereafter",   "therefore",     "throughout",
                  "thus",          "together",    "too",          "toward",        "towards",
                  "traditionally", "typically",   "usually",      "whether",       "whereas",
                  "whose",         "yet"};
  return *words;
}

// Those that are no auxiliaries and do not end in "ed".
const WordSet& IrregularPasts() {
  static const auto* words = new WordSet{
      "arose", "ate",    "beat",       "blew",      "bore",     "bought", "broke",   "brought",
      "built", "caught", "chose",      "cost",      "cut",      "dealt",  "drank",   "drew",
      "drove", "fed",    "fell",       "felt",      "fled",     "flew",   "fought",  "found",
      "froze", "got",    "grew",       "hid",       "hit",      "hung",   "kept",    "knew",
      "laid",  "lay",    "led",        "left",      "let",      "lit",    "lost",    "meant",
      "met",   "paid",   "put",        "ran",       "rang",     "read",   "rode",    "rose",
      "said",  "sang",   "sank",       "sat",       "saw",      "sent",   "set",     "shook",
      "shot",  "slept",  "sold",       "sought",    "spent",    "spoke",  "spread",  "stole",
      "stood", "struck", "swam",       "swept",     "swore",    "taught", "thought", "threw",
      "told",  "tore",   "understood", "underwent", "withdrew", "woke",   "wore"};
  return *words;
}

}  // namespace

std::vector<Word> WordsOf(absl::string_view sentence) {
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
    if (begin == end) {
      if (!words.empty()) words.back().ends_phrase = true;
      continue;
    }
    // An initial or a title keeps its full stop, which ends nothing.
    const bool initial = end - begin == 1 && absl::ascii_isupper(raw[begin]) && raw[begin] != 'I';
    const bool stops = end < raw.size() && raw[end] == '.';
    if (stops && (initial || IsTitle(raw.substr(begin, end - begin)))) ++end;
    absl::string_view text = raw.substr(begin, end - begin);
    for (const absl::string_view possessive : {"'s", "\u2019s"}) {
      if (absl::EndsWith(text, possessive)) text.remove_suffix(possessive.size());
    }
    if ((begin > 0 || text.empty()) && !words.empty()) words.back().ends_phrase = true;
    if (text.empty()) continue;
    words.push_back({text, end != raw.size() || text.size() != end - begin});
  }
  return words;
}

bool IsOneOf(absl::string_view word, std::initializer_list<absl::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool IsCapitalised(absl::string_view word) { return !word.empty() && absl::ascii_isupper(word[0]); }

bool IsNumber(absl::string_view word) { return !word.empty() && absl::ascii_isdigit(word[0]); }

bool IsNumberWord(absl::string_view word) {
  static const auto* words =
      new WordSet{"two",     "three",    "four",   "five",    "six",      "seven",    "eight",
                  "nine",    "ten",      "eleven", "twelve",  "thirteen", "fourteen", "fifteen",
                  "sixteen", "eighteen", "twenty", "thirty",  "forty",    "fifty",    "sixty",
                  "seventy", "eighty",   "ninety", "hundred", "thousand", "dozen"};
  return words->contains(word);
}

bool IsMonth(absl::string_view word) {
  static const auto* months =
      new WordSet{"January", "February", "March",     "April",   "May",      "June",
                  "July",    "August",   "September", "October", "November", "December"};
  return months->contains(word);
}

bool IsOpener(absl::string_view word) {
  const std::string lower = absl::AsciiStrToLower(word);
  return SmallOpeners().contains(lower) || OtherOpeners().contains(lower);
}

bool IsFunctionWord(absl::string_view word) {
  static const auto* words = new WordSet{
      "am",      "are",   "be",     "been", "being", "can",  "cannot",     "could", "did",
      "do",      "does",  "either", "had",  "has",   "have", "into",       "is",    "may",
      "might",   "more",  "much",   "must", "nor",   "or",   "out",        "over",  "shall",
      "should",  "still", "such",   "than", "them",  "up",   "us",         "very",  "toward",
      "towards", "other", "others", "was",  "were",  "whom", "whose",      "will",  "would",
      "off",     "onto",  "per",    "via",  "down",  "him",  "themselves", "itself"};
  const std::string lower = absl::AsciiStrToLower(word);
  return words->contains(lower) || SmallOpeners().contains(lower);
}

bool ReadsAsVerb(const std::vector<Word>& words, size_t i) {
  static const auto* objects =
      new WordSet{"a", "an", "the", "that", "this", "his", "her", "its", "their", "to"};
  const absl::string_view word = words[i].text;
  if (IsAuxiliary(word) || absl::EndsWith(word, "ed")) return true;
  const bool has_object =
      !words[i].ends_phrase && i + 1 < words.size() && objects->contains(words[i + 1].text);
  return absl::EndsWith(word, "s") && has_object;
}

bool IsClause(absl::string_view text) {
  const std::vector<Word> words = WordsOf(text);
  if (words.empty()) return false;
  const absl::string_view first = words[0].text;
  const bool is_participle = absl::EndsWith(first, "ed") || absl::EndsWith(first, "ing");
  if (is_participle && !IsCapitalised(first)) return false;
  for (size_t i = 1; i < words.size(); ++i) {
    if (IsCapitalised(words[i].text)) continue;
    if (ReadsAsVerb(words, i) || IrregularPasts().contains(words[i].text)) return true;
  }
  return false;
}

bool IsAuxiliary(absl::string_view word) {
  static const auto* words =
      new WordSet{"is",     "are",  "was",   "were",   "has",    "have",    "had",   "does",
                  "do",     "did",  "can",   "could",  "may",    "might",   "must",  "shall",
                  "should", "will", "would", "cannot", "became", "becomes", "began", "came",
                  "gave",   "held", "made",  "took",   "went",   "won",     "wrote"};
  return words->contains(word);
}

}  // namespace imprint::generator
