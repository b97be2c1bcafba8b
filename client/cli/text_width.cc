// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/cli/text_width.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace imprint::client {
namespace {

struct Range {
  char32_t first;
  char32_t last;
};

// From Unicode's EastAsianWidth.txt (W and F), joined where what lies between is not used.
constexpr Range kWide[] = {
    {0x1100, 0x115F},   {0x2E80, 0x303E},   {0x3041, 0xA4CF},   {0xAC00, 0xD7A3},
    {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},   {0xFFE0, 0xFFE6},
    {0x1F300, 0x1F64F}, {0x1F680, 0x1F6FF}, {0x1F900, 0x1FAFF}, {0x20000, 0x3FFFD},
};
// Combining marks, joiners and variation selectors.
constexpr Range kCombining[] = {
    {0x0300, 0x036F}, {0x0483, 0x0489}, {0x0591, 0x05BD}, {0x064B, 0x065F}, {0x1AB0, 0x1AFF},
    {0x1DC0, 0x1DFF}, {0x200B, 0x200F}, {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F},
};

template <size_t N>
bool IsIn(char32_t character, const Range (&ranges)[N]) {
  return std::any_of(std::begin(ranges), std::end(ranges), [character](const Range& range) {
    return character >= range.first && character <= range.last;
  });
}

struct Character {
  char32_t code = 0;
  size_t bytes = 1;
};

// The first character of `text`, which is not empty; a byte that begins none is itself.
Character First(absl::string_view text) {
  const auto byte = [&text](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  const size_t bytes = lead < 0x80 ? 1 : lead < 0xC0 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  if (bytes <= 1 || bytes > text.size()) return {.code = lead, .bytes = 1};
  char32_t code = lead & (0x7F >> bytes);
  for (size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {.code = lead, .bytes = 1};
    code = code << 6 | (byte(i) & 0x3F);
  }
  return {.code = code, .bytes = bytes};
}

size_t Columns(char32_t code) {
  if (code < 0x300) return 1;
  if (IsIn(code, kCombining)) return 0;
  return IsIn(code, kWide) ? 2 : 1;
}

// The C0 and C1 sets and DEL: a terminal obeys them.
bool IsControl(const Character& character) {
  return character.code < 0x20 || (character.code >= 0x7F && character.code < 0xA0);
}

// `text` with each control character replaced, but for those in `kept`.
std::string WithoutControls(absl::string_view text, absl::string_view kept, char replacement) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Character character = First(text);
    const absl::string_view bytes = text.substr(0, character.bytes);
    text.remove_prefix(character.bytes);
    if (IsControl(character) && kept.find(bytes) == absl::string_view::npos) {
      out.push_back(replacement);
    } else {
      out.append(bytes.data(), bytes.size());
    }
  }
  return out;
}

// How many bytes of `text` fit into `columns`.
size_t Fitting(absl::string_view text, size_t columns) {
  size_t used = 0;
  size_t bytes = 0;
  while (bytes < text.size()) {
    const Character character = First(text.substr(bytes));
    used += Columns(character.code);
    if (used > columns) break;
    bytes += character.bytes;
  }
  return bytes;
}

}  // namespace

size_t DisplayWidth(absl::string_view text) {
  size_t columns = 0;
  while (!text.empty()) {
    const Character character = First(text);
    columns += Columns(character.code);
    text.remove_prefix(character.bytes);
  }
  return columns;
}

std::string Shorten(absl::string_view text, size_t columns) {
  constexpr absl::string_view kDots = "...";
  // What comes after a long beginning is not shown: it need not be looked at.
  const bool longer = text.size() > 8 * (columns + 1);
  if (longer) text = text.substr(0, 8 * (columns + 1));
  std::string line = WithoutControls(text, "", ' ');
  if (!longer && DisplayWidth(line) <= columns) return line;
  if (columns <= kDots.size()) return std::string(kDots.substr(0, columns));
  line.resize(Fitting(line, columns - kDots.size()));
  absl::StripTrailingAsciiWhitespace(&line);
  return line.append(kDots.data(), kDots.size());
}

std::vector<std::string> WrapText(absl::string_view text, size_t columns) {
  const std::string line = WithoutControls(text, "", ' ');
  std::vector<std::string> lines;
  for (absl::string_view word : absl::StrSplit(line, ' ', absl::SkipEmpty())) {
    if (!lines.empty() && DisplayWidth(lines.back()) + 1 + DisplayWidth(word) <= columns) {
      absl::StrAppend(&lines.back(), " ", word);
      continue;
    }
    while (!word.empty()) {
      // A character that is wider than a line gets one all the same.
      const size_t bytes = std::max(Fitting(word, columns), First(word).bytes);
      lines.emplace_back(word.substr(0, bytes));
      word.remove_prefix(bytes);
    }
  }
  return lines;
}

std::string SideBySide(absl::string_view left, absl::string_view right, size_t width) {
  constexpr absl::string_view kBetween = " | ";
  const size_t columns = (width - kBetween.size()) / 2;
  const std::vector<std::string> lefts = WrapText(left, columns);
  const std::vector<std::string> rights = WrapText(right, columns);
  std::string out;
  for (size_t i = 0; i < std::max(lefts.size(), rights.size()); ++i) {
    const std::string one = i < lefts.size() ? lefts[i] : "";
    std::string line = absl::StrCat(one, std::string(columns - DisplayWidth(one), ' '), kBetween,
                                    i < rights.size() ? rights[i] : "");
    absl::StripTrailingAsciiWhitespace(&line);
    absl::StrAppend(&out, line, "\n");
  }
  return out;
}

std::string Printable(absl::string_view text) { return WithoutControls(text, "\n\t", '?'); }

}  // namespace imprint::client
