// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/generator/sentences.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace imprint::generator {
namespace {

constexpr std::array<absl::string_view, 24> kAbbreviations = {
    "mr", "mrs", "ms",  "dr",     "prof", "st",  "sr", "jr",   "vs",  "etc", "e.g",  "i.e",
    "no", "vol", "fig", "approx", "inc",  "ltd", "co", "corp", "gen", "col", "capt", "rev"};

// The word that ends at the full stop `text[dot]`, without it.
absl::string_view WordBefore(absl::string_view text, size_t dot) {
  size_t begin = dot;
  while (begin > 0 && !absl::ascii_isspace(text[begin - 1]) && text[begin - 1] != '(') --begin;
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

// Appends `word`, which has no space to cut it at, in pieces of whole characters of at most
// `max_tokens` as far as one character has no more.
void SplitCharacters(absl::string_view word, int max_tokens,
                     const std::function<int(absl::string_view)>& count_tokens,
                     std::vector<std::string>& pieces) {
  const auto boundary = [word](size_t at) {
    while (at < word.size() && (static_cast<unsigned char>(word[at]) & 0xC0) == 0x80) ++at;
    return std::min(at, word.size());
  };
  while (!word.empty() && count_tokens(word) > max_tokens) {
    // The longest piece that fits, by halving.
    size_t fits = boundary(1), too_long = word.size();
    while (boundary(fits + 1) < too_long) {
      const size_t middle = boundary(fits + (too_long - fits) / 2);
      if (middle >= too_long) break;
      (count_tokens(word.substr(0, middle)) <= max_tokens ? fits : too_long) = middle;
    }
    pieces.emplace_back(word.substr(0, fits));
    word.remove_prefix(fits);
  }
  if (!word.empty()) pieces.emplace_back(word);
}

// `sentence` in pieces of words of at most `max_tokens`.
void SplitWords(absl::string_view sentence, int max_tokens,
                const std::function<int(absl::string_view)>& count_tokens,
                std::vector<std::string>& pieces) {
  std::string piece;
  for (absl::string_view word : absl::StrSplit(sentence, ' ', absl::SkipEmpty())) {
    const std::string longer = piece.empty() ? std::string(word) : absl::StrCat(piece, " ", word);
    if (count_tokens(longer) <= max_tokens) {
      piece = longer;
      continue;
    }
    if (!piece.empty()) pieces.push_back(std::exchange(piece, ""));
    if (count_tokens(word) <= max_tokens) {
      piece = std::string(word);
    } else {
      SplitCharacters(word, max_tokens, count_tokens, pieces);
    }
  }
  if (!piece.empty()) pieces.push_back(piece);
}

}  // namespace

std::vector<std::string> SplitSentences(absl::string_view text) {
  std::vector<std::string> sentences;
  for (absl::string_view line : absl::StrSplit(text, '\n')) SplitLine(line, sentences);
  return sentences;
}

std::vector<std::string> SplitChunks(absl::string_view text, int max_tokens,
                                     const std::function<int(absl::string_view)>& count_tokens) {
  if (count_tokens(text) <= max_tokens) return {std::string(text)};
  std::vector<std::string> units;
  for (const std::string& sentence : SplitSentences(text)) {
    if (count_tokens(sentence) <= max_tokens) {
      units.push_back(sentence);
    } else {
      SplitWords(sentence, max_tokens, count_tokens, units);
    }
  }
  std::vector<std::string> chunks;
  int chunk_tokens = 0;
  for (const std::string& unit : units) {
    const int unit_tokens = count_tokens(unit) + 1;  // and what parts it from the one before
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
