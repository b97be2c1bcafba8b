// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/generator/sentences.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"

namespace imprint::generator {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

int CountWords(absl::string_view text) {
  return text.empty() ? 0 : static_cast<int>(std::count(text.begin(), text.end(), ' ')) + 1;
}

TEST(SplitSentences, EndsAtMarksBeforeAnotherSentence) {
  EXPECT_THAT(SplitSentences("The boat is yellow. It carries forty! Does it? Yes."),
              ElementsAre("The boat is yellow.", "It carries forty!", "Does it?", "Yes."));
}

TEST(SplitSentences, NotAfterAbbreviationsInitialsAndNumbers) {
  EXPECT_THAT(SplitSentences("Dr. Vessling met J. Pell in the U.S. Navy. It cost 3.5 coins."),
              ElementsAre("Dr. Vessling met J. Pell in the U.S. Navy.", "It cost 3.5 coins."));
}

TEST(SplitSentences, ClosingQuotesBelongToTheSentence) {
  EXPECT_THAT(SplitSentences("She said \"Go.\" Then she left."),
              ElementsAre("She said \"Go.\"", "Then she left."));
}

TEST(SplitSentences, LineBreaksEndSentences) {
  EXPECT_THAT(SplitSentences("User: where is it\nAssistant: on the shelf\n\n"),
              ElementsAre("User: where is it", "Assistant: on the shelf"));
}

TEST(SplitSentences, EndsAtFullWidthMarksWithoutASpace) {
  EXPECT_THAT(
      SplitSentences("\u8239\u306f\u8d64\u3044\u3002\u5c71\u306f\u9752\u3044\uff01\u306f\u3044"),
      ElementsAre("\u8239\u306f\u8d64\u3044\u3002", "\u5c71\u306f\u9752\u3044\uff01",
                  "\u306f\u3044"));
}

TEST(SplitSentences, NothingGivesNothing) { EXPECT_THAT(SplitSentences(" \n\t "), IsEmpty()); }

TEST(SplitChunks, ShortTextStaysWhole) {
  EXPECT_THAT(SplitChunks("One two. Three four.", 10, CountWords),
              ElementsAre("One two. Three four."));
}

TEST(SplitChunks, CutsAtSentenceEndsAndLosesNothing) {
  const std::string text = "One two three. Four five six. Seven eight nine.";
  const auto chunks = SplitChunks(text, 7, CountWords);
  ASSERT_EQ(chunks.size(), 3U);
  EXPECT_EQ(absl::StrJoin(chunks, " "), text);
}

TEST(SplitChunks, LongSentenceIsCutBetweenWords) {
  const auto chunks = SplitChunks("a b c d e f g", 3, CountWords);
  EXPECT_EQ(absl::StrJoin(chunks, " "), "a b c d e f g");
  for (const std::string& chunk : chunks) EXPECT_LE(CountWords(chunk), 3);
}

TEST(SplitChunks, WordWithoutSpacesIsCutBetweenCharacters) {
  const auto count_bytes = [](absl::string_view text) { return static_cast<int>(text.size()); };
  std::string text;
  for (int i = 0; i < 40; ++i) text += i % 3 == 0 ? "\u00e9" : "a";

  const auto chunks = SplitChunks(text, 10, count_bytes);

  EXPECT_EQ(absl::StrReplaceAll(absl::StrJoin(chunks, ""), {{" ", ""}}), text);
  for (const std::string& chunk : chunks) {
    EXPECT_LE(chunk.size(), 10U);
    EXPECT_NE(static_cast<unsigned char>(chunk[0]) & 0xC0, 0x80) << "begins within a character";
  }
}

}  // namespace
}  // namespace imprint::generator
