// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/cli/text_width.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace imprint::client {
namespace {

using ::testing::ElementsAre;

TEST(DisplayWidth, CountsColumnsNotBytes) {
  EXPECT_EQ(DisplayWidth(""), 0U);
  EXPECT_EQ(DisplayWidth("abc"), 3U);
  EXPECT_EQ(DisplayWidth("Åsa Öberg"), 9U);
  EXPECT_EQ(DisplayWidth("東京"), 4U);
  EXPECT_EQ(DisplayWidth("e\u0301"), 1U) << "a combining accent takes no column";
  EXPECT_EQ(DisplayWidth("\xFF\xC3"), 2U) << "bytes that are no UTF-8";
}

TEST(Shorten, KeepsWhatFitsAndNeverCutsACharacter) {
  EXPECT_EQ(Shorten("abcdef", 6), "abcdef");
  EXPECT_EQ(Shorten("abcdefg", 6), "abc...");
  EXPECT_EQ(Shorten("abédefg", 6), "abé...");
  EXPECT_EQ(Shorten("東京都大阪", 8), "東京...") << "a half of a wide character is none";
  EXPECT_EQ(Shorten("abcdef", 2), "..");
  EXPECT_EQ(Shorten("abcdef", 0), "");
}

TEST(Shorten, IsOneLineWithoutControlCharacters) {
  EXPECT_EQ(Shorten("a\nb", 10), "a b");
  EXPECT_EQ(Shorten("a\x1b[31mb", 10), "a [31mb");
}

TEST(Shorten, ALongTextIsCutEvenWhenItsBeginningTakesNoColumns) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "\u0301";
  EXPECT_TRUE(Shorten(text + "abc", 6).size() < text.size());
}

TEST(Printable, KeepsLinesAndTabsOnly) {
  EXPECT_EQ(Printable("a\n\tb\x1b[2J\x7f é"), "a\n\tb?[2J? é");
  EXPECT_EQ(Printable("\u009b2J"), "?2J") << "the one-character control sequence introducer";
}

TEST(WrapText, BreaksBetweenWordsAndWithinLongOnes) {
  EXPECT_THAT(WrapText("a bb ccc dddddd", 5), ElementsAre("a bb", "ccc", "ddddd", "d"));
  EXPECT_THAT(WrapText("", 5), ElementsAre());
}

TEST(WrapText, CountsColumnsAndDropsControlCharacters) {
  EXPECT_THAT(WrapText("東京 \x1b[2Jé", 4), ElementsAre("東京", "[2Jé"));
  // A character wider than the line is not left out, nor waited for without end.
  EXPECT_THAT(WrapText("東", 1), ElementsAre("東"));
}

TEST(SideBySide, WrapsEachColumnByItself) {
  EXPECT_EQ(SideBySide("one two", "three", 11), "one  | thre\ntwo  | e\n");
}

}  // namespace
}  // namespace imprint::client
