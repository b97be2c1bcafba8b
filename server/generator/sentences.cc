// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/generator/sentences.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/types/span.h"
#include "common/status_macros.h"
#include "server/generator/words.h"

namespace imprint::generator {
namespace {

constexpr std::array<absl::string_view, 24> kAbbreviations = {
    "mr", "mrs", "ms",  "dr",     "prof", "st",  "sr", "jr",   "vs",  "etc", "e.g",  "i.e",
    "no", "vol", "fig", "approx", "inc",  "ltd", "co", "corp", "gen", "col", "capt", "rev"};

bool IsOpening(char c) { return c == '(' || c == '[' || c == '"'; }

// The word that ends at the full stop `text[dot]`, without it.
absl::string_view WordBefore(absl::string_view text, size_t dot) {
  size_t begin = dot;
  while (begin > 0 && !absl::ascii_isspace(text[begin - 1]) && !IsOpening(text[begin - 1])) --begin;
  return text.substr(begin, dot - begin);
}

bool IsAbbreviation(absl::string_view word) {
  // An initial ("J") or letters parted by full stops ("U.S").
  if (word.size() == 1 && absl::ascii_isupper(word[0])) return true;
  if (word.size() >= 3 && word[1] == '.' && absl::ascii_isupper(word[0])) return true;
  const std::string lower = absl::AsciiStrToLower(word);
  return std::find(kAbbreviations.begin(), kAbbreviations.end(), lower) != kAbbreviations.end();
}

bool IsClosing(char c) { return c == '"' || c == '\'' || c == ')' || c == ']'; }

// The full-width marks of Chinese and Japanese, which no space follows. Bytes at `i`, 0: none.
size_t FullWidthMark(absl::string_view text, size_t i) {
  for (const absl::string_view mark : {"\u3002", "\uff01", "\uff1f"}) {
    if (text.substr(i, mark.size()) == mark) return mark.size();
  }
  return 0;
}

// Whether a sentence can begin with `c`: anything but a lower-case letter.
bool CanBegin(char c) { return !absl::ascii_islower(c); }

void Add(absl::string_view sentence, std::vector<std::string>& sentences) {
  sentence = absl::StripAsciiWhitespace(sentence);
  if (!sentence.empty()) sentences.emplace_back(sentence);
}

void SplitLine(absl::string_view line, std::vector<std::string>& sentences) {
  size_t begin = 0;
  for (size_t i = 0; i < line.size(); ++i) {
    if (const size_t mark = FullWidthMark(line, i); mark > 0) {
      Add(line.substr(begin, i + mark - begin), sentences);
      begin = i + mark;
      i = begin - 1;
      continue;
    }
    if (line[i] != '.' && line[i] != '!' && line[i] != '?') continue;
    size_t end = i + 1;
    while (end < line.size() && IsClosing(line[end])) ++end;
    size_t next = end;
    while (next < line.size() && absl::ascii_isspace(line[next])) ++next;
    if (next == end || next == line.size() || !CanBegin(line[next])) continue;
    if (line[i] == '.' && IsAbbreviation(WordBefore(line, i))) continue;
    Add(line.substr(begin, end - begin), sentences);
    begin = next;
    i = next - 1;
  }
  Add(line.substr(begin), sentences);
}

// Without the "and" by which it hangs on what came before, and the "that" which repeats one there.
absl::string_view WithoutConjunction(absl::string_view piece, absl::string_view before) {
  piece = absl::StripLeadingAsciiWhitespace(piece);
  for (const absl::string_view word : {"and ", "but ", "while ", "although ", "even "}) {
    absl::ConsumePrefix(&piece, word);
  }
  if (absl::StrContains(before, " that ")) absl::ConsumePrefix(&piece, "that ");
  return piece;
}

// Without what came before nobody knows who "it" is.
bool BeginsWithPronoun(absl::string_view piece) {
  constexpr std::array<absl::string_view, 12> kPronouns = {
      "it", "he", "she", "they", "its", "his", "her", "their", "this", "these", "which", "who"};
  const std::string first = absl::AsciiStrToLower(piece.substr(0, piece.find(' ')));
  return std::find(kPronouns.begin(), kPronouns.end(), first) != kPronouns.end();
}

// From the first of `units` to the end of the last; all are parts of one text, in order.
absl::string_view Joined(absl::Span<const absl::string_view> units) {
  const char* const begin = units.front().data();
  const char* const end = units.back().data() + units.back().size();
  return {begin, static_cast<size_t>(end - begin)};
}

// How many of `units`, from the first on, have at most `max_tokens` together; 0: not even
// one. Looks first at `guess` of them, from there in growing steps, then by halves: what is
// counted is never much longer than the guess or the answer.
absl::StatusOr<size_t> CountFitting(absl::Span<const absl::string_view> units, size_t guess,
                                    int max_tokens, const TokenCounter& count_tokens) {
  size_t fit = 0;
  size_t too_many = units.size() + 1;
  size_t step = 1;
  size_t probe = std::clamp<size_t>(guess, 1, units.size());
  while (too_many - fit > 1) {
    IMPRINT_ASSIGN_OR_RETURN(const int tokens, count_tokens(Joined(units.first(probe))));
    (tokens <= max_tokens ? fit : too_many) = probe;
    if (fit == 0) {
      probe = too_many > step ? std::max<size_t>(too_many - step, 1) : 1;
    } else if (too_many > units.size()) {
      probe = std::min(fit + step, units.size());
    } else {
      probe = fit + (too_many - fit) / 2;
    }
    step *= 2;
  }
  return fit;
}

std::vector<absl::string_view> Characters(absl::string_view text) {
  std::vector<absl::string_view> characters;
  size_t begin = 0;
  for (size_t i = 1; i <= text.size(); ++i) {
    if (i < text.size() && (static_cast<unsigned char>(text[i]) & 0xC0) == 0x80) continue;
    characters.push_back(text.substr(begin, i - begin));
    begin = i;
  }
  return characters;
}

// Appends `word`, which has no space to cut it at, in pieces of whole characters of at most
// `max_tokens` as far as one character has no more.
absl::Status SplitCharacters(absl::string_view word, int max_tokens,
                             const TokenCounter& count_tokens, std::vector<std::string>& pieces) {
  const std::vector<absl::string_view> characters = Characters(word);
  absl::Span<const absl::string_view> left = characters;
  size_t count = 1;
  while (!left.empty()) {
    IMPRINT_ASSIGN_OR_RETURN(count, CountFitting(left, count, max_tokens, count_tokens));
    count = std::max<size_t>(count, 1);
    pieces.emplace_back(Joined(left.first(count)));
    left.remove_prefix(count);
  }
  return absl::OkStatus();
}

// Appends `sentence` in pieces of words of at most `max_tokens`.
absl::Status SplitWords(absl::string_view sentence, int max_tokens,
                        const TokenCounter& count_tokens, std::vector<std::string>& pieces) {
  const std::string text = absl::StrJoin(absl::StrSplit(sentence, ' ', absl::SkipEmpty()), " ");
  const std::vector<absl::string_view> words = absl::StrSplit(text, ' ');
  absl::Span<const absl::string_view> left = words;
  size_t count = 1;
  while (!left.empty()) {
    IMPRINT_ASSIGN_OR_RETURN(count, CountFitting(left, count, max_tokens, count_tokens));
    if (count == 0) {
      IMPRINT_RETURN_IF_ERROR(SplitCharacters(left.front(), max_tokens, count_tokens, pieces));
      count = 1;
    } else {
      pieces.emplace_back(Joined(left.first(count)));
    }
    left.remove_prefix(count);
  }
  return absl::OkStatus();
}

// The sentences of `text`, those that are too long in pieces.
absl::StatusOr<std::vector<std::string>> SplitUnits(absl::string_view text, int max_tokens,
                                                    const TokenCounter& count_tokens) {
  std::vector<std::string> units;
  for (std::string& sentence : SplitSentences(text)) {
    IMPRINT_ASSIGN_OR_RETURN(const int tokens, count_tokens(sentence));
    if (tokens <= max_tokens) {
      units.push_back(std::move(sentence));
    } else {
      IMPRINT_RETURN_IF_ERROR(SplitWords(sentence, max_tokens, count_tokens, units));
    }
  }
  return units;
}

}  // namespace

size_t CountWords(absl::string_view text) {
  return static_cast<size_t>(std::count(text.begin(), text.end(), ' ')) + 1;
}

bool EndsWithinBrackets(absl::string_view text) {
  return std::count(text.begin(), text.end(), '(') > std::count(text.begin(), text.end(), ')');
}

std::vector<std::string> SplitSentences(absl::string_view text) {
  std::vector<std::string> sentences;
  for (absl::string_view line : absl::StrSplit(text, '\n')) SplitLine(line, sentences);
  return sentences;
}

std::vector<std::string> SplitStatements(absl::string_view sentence) {
  constexpr size_t kManyWords = 28;
  constexpr size_t kLeastWords = 8;
  constexpr std::array<absl::string_view, 5> kCuts = {"; ", ", and ", ", but ", ", while ",
                                                      ", although "};
  if (CountWords(sentence) <= kManyWords) return {std::string(sentence)};
  std::vector<absl::string_view> pieces;
  size_t begin = 0;
  const auto add = [&](size_t end) {
    const absl::string_view piece = sentence.substr(begin, end - begin);
    const absl::string_view own = WithoutConjunction(piece, sentence.substr(0, begin));
    const bool hangs =
        !pieces.empty() &&
        (CountWords(piece) < kLeastWords || CountWords(pieces.back()) < kLeastWords ||
         EndsWithinBrackets(sentence.substr(0, begin)) || BeginsWithPronoun(own) ||
         !IsClause(own) || !IsClause(pieces.back()));
    if (hangs) {
      pieces.back() = Joined({pieces.back(), piece});
    } else {
      pieces.push_back(piece);
    }
    begin = end + 1;
  };
  for (size_t i = 0; i < sentence.size(); ++i) {
    const absl::string_view rest = sentence.substr(i);
    const bool cuts = std::any_of(kCuts.begin(), kCuts.end(), [rest](absl::string_view cut) {
      return absl::StartsWith(rest, cut);
    });
    if (cuts) add(i);
  }
  add(sentence.size());
  if (pieces.size() == 1) return {std::string(sentence)};
  std::vector<std::string> statements;
  for (size_t i = 0; i < pieces.size(); ++i) {
    Add(WithoutConjunction(pieces[i], i > 0 ? pieces[i - 1] : ""), statements);
    std::string& statement = statements.back();
    statement[0] = absl::ascii_toupper(statement[0]);
    if (!absl::ascii_ispunct(statement.back())) statement += ".";
  }
  return statements;
}

absl::StatusOr<std::vector<std::string>> SplitChunks(absl::string_view text, int max_tokens,
                                                     const TokenCounter& count_tokens) {
  IMPRINT_ASSIGN_OR_RETURN(const int whole, count_tokens(text));
  if (whole <= max_tokens) return std::vector<std::string>{std::string(text)};
  IMPRINT_ASSIGN_OR_RETURN(const std::vector<std::string> units,
                           SplitUnits(text, max_tokens, count_tokens));
  std::vector<std::string> chunks;
  int chunk_tokens = 0;
  for (const std::string& unit : units) {
    IMPRINT_ASSIGN_OR_RETURN(int unit_tokens, count_tokens(unit));
    ++unit_tokens;  // what parts it from the one before
    if (chunks.empty() || chunk_tokens + unit_tokens > max_tokens) {
      chunks.push_back(unit);
      chunk_tokens = unit_tokens;
    } else {
      absl::StrAppend(&chunks.back(), " ", unit);
      chunk_tokens += unit_tokens;
    }
  }
  return chunks;
}

}  // namespace imprint::generator
