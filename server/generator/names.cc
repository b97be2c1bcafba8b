// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/generator/names.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "server/generator/sentences.h"
#include "server/generator/words.h"

namespace imprint::generator {
namespace {

// How words are written within the sentences of a text, where only names are capitalised: so that
// a name that begins a sentence is told from another word there.
class Spelling {
 public:
  explicit Spelling(const std::vector<std::string>& sentences) {
    for (const std::string& sentence : sentences) {
      const std::vector<Word> words = WordsOf(sentence);
      for (size_t i = 0; i < words.size(); ++i) {
        if (!IsCapitalised(words[i].text)) {
          lower_case_.emplace(words[i].text);
        } else if (i > 0) {
          capitalised_.emplace(words[i].text);
        }
      }
    }
  }

  bool HasCapitalised(absl::string_view word) const {
    return capitalised_.contains(std::string(word));
  }
  // `word` in lower case, also where it begins a sentence with nothing capitalised.
  bool HasLowerCase(absl::string_view word) const {
    return lower_case_.contains(absl::AsciiStrToLower(word));
  }

 private:
  std::set<std::string> capitalised_;
  std::set<std::string> lower_case_;
};

bool IsJoiner(absl::string_view word) {
  return IsOneOf(word, {"of", "de", "von", "van", "da", "del", "la", "der", "al", "&"});
}

// "Institute for Policy Studies".
bool MayBeFor(absl::string_view word) {
  return IsOneOf(word, {"Academy",    "Agency",     "Association", "Bureau",    "Campaign",
                        "Center",     "Centre",     "Commission",  "Committee", "Council",
                        "Department", "Foundation", "Fund",        "Institute", "Ministry",
                        "Museum",     "Office",     "School",      "Society",   "Union"});
}

bool CanBeInName(const Word& word) { return IsCapitalised(word.text) && !IsOpener(word.text); }

// One past the last word of the name that begins at `first`.
size_t EndOfName(const std::vector<Word>& words, size_t first) {
  size_t end = first + 1;
  // "In May Otto Senn left."
  if (IsMonth(words[first].text) && end < words.size() && !IsNumber(words[end].text)) return end;
  while (end < words.size() && !words[end - 1].ends_phrase) {
    if (CanBeInName(words[end])) {
      ++end;
      continue;
    }
    if (IsNumber(words[end].text)) return end + 1;
    size_t next = end;
    if (IsJoiner(words[next].text) ||
        (words[next].text == "for" && MayBeFor(words[next - 1].text))) {
      ++next;
      const bool has_article = next < words.size() && words[next].text == "the";
      if (has_article && words[end].text != "&") ++next;
    }
    // Two joiners may follow one another: "von der".
    while (next > end && next < words.size() && IsJoiner(words[next].text)) ++next;
    if (next == end || next >= words.size() || !CanBeInName(words[next])) break;
    if (words[next - 1].ends_phrase) break;
    end = next + 1;
  }
  return end;
}

// Whether the name that begins with a month is a date, "July 2015", "July 22, 2014", "10 July
// 1856", and then from which word to which; a day before it is at or after `from`.
bool TakeDate(const std::vector<Word>& words, size_t from, size_t& begin, size_t& end) {
  constexpr size_t kYearDigits = 4;
  const auto is_day = [](const Word& word) {
    return IsNumber(word.text) && word.text.size() < kYearDigits;
  };
  if (!IsMonth(words[begin].text)) return false;
  const bool day_before = begin > from && is_day(words[begin - 1]) && !words[begin - 1].ends_phrase;
  const size_t next = begin + 1;
  const bool number_after =
      next < words.size() && !words[begin].ends_phrase && IsNumber(words[next].text);
  if (!day_before && !number_after) return false;
  end = next + (number_after ? 1 : 0);
  const bool year_follows = number_after && is_day(words[next]) && end < words.size() &&
                            IsNumber(words[end].text) && words[end].text.size() == kYearDigits;
  if (year_follows) ++end;
  if (day_before) --begin;
  return true;
}

// Whether a single word that begins a sentence is a name there.
bool IsNameAtBeginning(const std::vector<Word>& words, const Spelling& spelling) {
  const Word& word = words[0];
  if (spelling.HasCapitalised(word.text)) return true;
  if (word.ends_phrase && !(words.size() > 1 && IsAuxiliary(words[1].text))) return false;
  if (spelling.HasLowerCase(word.text) || absl::EndsWith(word.text, "ly")) return false;
  if (words.size() < 2) return true;
  const absl::string_view next = words[1].text;
  // "Reporters treated": more likely many of a kind than a name.
  if (absl::EndsWith(word.text, "s")) return false;
  if (next == "and" || next == "&" || IsAuxiliary(next)) return true;
  // "Senn rarely painted."
  return absl::EndsWith(next, "ly") || (!IsOpener(next) && ReadsAsVerb(words, 1));
}

// "the Swiss canton of", "a German physicist": of which country or kind something is.
bool SaysOfWhichKind(const std::vector<Word>& words, const Mention& mention) {
  if (mention.end_word - mention.first_word != 1 || mention.end_word >= words.size()) return false;
  const Word& word = words[mention.first_word];
  const Word& next = words[mention.end_word];
  constexpr std::array<absl::string_view, 6> kEndings = {"ish", "ese",  "ian",
                                                         "ean", "ican", "ench"};
  const bool has_ending =
      IsOneOf(word.text, {"German", "Norman", "Roman", "Muslim", "Swiss", "Dutch", "Greek"}) ||
      std::any_of(kEndings.begin(), kEndings.end(),
                  [&word](absl::string_view ending) { return absl::EndsWith(word.text, ending); });
  return has_ending && !word.ends_phrase && absl::ascii_islower(next.text[0]) &&
         !IsFunctionWord(next.text) && !absl::EndsWith(next.text, "ed");
}

std::vector<Mention> MentionsIn(absl::string_view sentence, const Spelling& spelling) {
  std::vector<Mention> mentions;
  const std::vector<Word> words = WordsOf(sentence);
  size_t i = 0, from = 0;  // from: behind the mention before
  while (i < words.size()) {
    if (!CanBeInName(words[i])) {
      ++i;
      continue;
    }
    size_t begin = i, end = EndOfName(words, i);
    const bool single = end == i + 1;
    const bool is_date = TakeDate(words, from, begin, end);
    const absl::string_view last = words[end - 1].text;
    const char* const text = words[begin].text.data();
    Mention mention = {
        .text = std::string(text, static_cast<size_t>(last.data() + last.size() - text)),
        .is_date = is_date,
        .first_word = begin,
        .end_word = end};
    // "Vitamin C", an initial of nobody.
    const bool is_letter =
        single && (words[i].text.size() == 1 || absl::EndsWith(words[i].text, "."));
    const bool only_begins = single && i == 0 && !is_date && !IsNameAtBeginning(words, spelling);
    if (!is_letter && !only_begins && !SaysOfWhichKind(words, mention)) {
      mentions.push_back(std::move(mention));
    }
    i = from = end;
  }
  return mentions;
}

}  // namespace

std::vector<std::vector<Mention>> FindMentions(const std::vector<std::string>& sentences) {
  const Spelling spelling(sentences);
  std::vector<std::vector<Mention>> mentions;
  for (const std::string& sentence : sentences) mentions.push_back(MentionsIn(sentence, spelling));
  return mentions;
}

std::vector<std::string> FindNames(absl::string_view text) {
  std::vector<std::string> names;
  for (std::vector<Mention>& of_sentence : FindMentions(SplitSentences(text))) {
    for (Mention& mention : of_sentence) {
      if (!mention.is_date) names.push_back(std::move(mention.text));
    }
  }
  return names;
}

}  // namespace imprint::generator
