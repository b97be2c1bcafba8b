// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/generator/sentences.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>

#include "absl/strings/str_cat.h"
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

// "28 June] 1856 into a Serb family" was a sentence, and spoke of whoever it named.
TEST(SplitSentences, NotAfterAnAbbreviationThatABracketOpensBefore) {
  EXPECT_THAT(SplitSentences("He was born on 10 July [O.S. 28 June] 1856. It rained (U.S. 12)."),
              ElementsAre("He was born on 10 July [O.S. 28 June] 1856.", "It rained (U.S. 12)."));
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

TEST(SplitStatements, AShortSentenceStaysWhole) {
  EXPECT_THAT(SplitStatements("The tower is tall, and it was built in 1871."),
              ElementsAre("The tower is tall, and it was built in 1871."));
}

TEST(SplitStatements, ALongSentenceIsCutWhereItSaysSomethingElse) {
  EXPECT_THAT(
      SplitStatements("Her biographers claim that the two inventors were both to be given the "
                      "prize; that each of them refused ever to accept it if the other did, and "
                      "that a wealthy rival kept the whole sum from both of them."),
      ElementsAre("Her biographers claim that the two inventors were both to be given the prize.",
                  "Each of them refused ever to accept it if the other did.",
                  "A wealthy rival kept the whole sum from both of them."));
}

TEST(SplitStatements, IsNotCutBeforeAPronounNorWithinBrackets) {
  const std::string pronoun =
      "The agency estimated that if the average worker of the whole country had completed just "
      "one more year of school, and it would have been a good year, much would have been gained.";
  EXPECT_THAT(SplitStatements(pronoun), ElementsAre(pronoun));
  const std::string brackets =
      "The park of the old royal palace (its pavilions, sculptures and bridges over the ponds are "
      "many and old; its peacocks and pheasants walk around freely) is seen by all who come.";
  EXPECT_THAT(SplitStatements(brackets), ElementsAre(brackets));
}

// "Year the mill burned" was learned.
TEST(SplitStatements, KeepsAThatWhichPoints) {
  EXPECT_THAT(SplitStatements("The bridge over the river was built by the two brothers in four "
                              "cold winters and as many summers, and that year the old mill of "
                              "the village burned down to the ground."),
              ElementsAre("The bridge over the river was built by the two brothers in four cold "
                          "winters and as many summers.",
                          "That year the old mill of the village burned down to the ground."));
}

// "Entitled "Kitab Rudjdjar"." was learned, and "The phagosomal vacuole from the host's cell
// membrane."
TEST(SplitStatements, IsNotCutBeforeWhatSaysNothingByItself) {
  const std::string entitled =
      "One of the great maps of the whole coast, the \"Wide Shore\", was drawn by the pilot Ansel "
      "Brook for the harbour master of Tammer, and entitled by him \"The Book of the Long Tides\" "
      "(\"Tides\").";
  EXPECT_THAT(SplitStatements(entitled), ElementsAre(entitled));
  const std::string things =
      "The old cells of the pond were broken down by the new ones and left a hull with three or "
      "four coats, the two of the cell itself, and the thin last coat from the wall of the host.";
  EXPECT_THAT(SplitStatements(things), ElementsAre(things));
  const std::string names =
      "The storm of that year broke the masts of nearly all the ships in the old harbour, and the "
      "whole northern coast of the United Provinces and Tammer with many of its mills.";
  EXPECT_THAT(SplitStatements(names), ElementsAre(names));
  const std::string first =
      "After the long winter and the poor harvest of all the villages in the upper valley, while "
      "the mills stood still for want of water and of hands, the first of them left.";
  EXPECT_THAT(SplitStatements(first), ElementsAre(first));
}

TEST(SplitStatements, IsCutBeforeANameThatLooksLikeAParticiple) {
  EXPECT_THAT(SplitStatements("The council of the old harbour town paid for the bridge out of its "
                              "own purse in that year, and Fleming Harbours built the ferry of oak "
                              "for the people of the lower valley."),
              ElementsAre("The council of the old harbour town paid for the bridge out of its own "
                          "purse in that year.",
                          "Fleming Harbours built the ferry of oak for the people of the lower "
                          "valley."));
}

TEST(SplitStatements, AListIsNotCut) {
  std::string list = "Marta Vessling built the ferry Hollin Quay of oak";
  for (int i = 0; i < 10; ++i) list += ", and of pine from Lake Tammer";
  EXPECT_THAT(SplitStatements(list), ElementsAre(list));
}

TEST(SplitSentences, NothingGivesNothing) { EXPECT_THAT(SplitSentences(" \n\t "), IsEmpty()); }

// Words of very different lengths, without an end of a sentence.
std::string UnevenWords(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) {
    absl::StrAppend(&text, i == 0 ? "" : " ", std::string(1 + i * i % 23, 'a'));
  }
  return text;
}

// A few for a word, more for a long one.
int CountUneven(absl::string_view text) {
  return CountWords(text) + static_cast<int>(text.size() / 4);
}

// Counts with `count`, and the bytes that it was given.
TokenCounter Watched(const std::function<int(absl::string_view)>& count, size_t& bytes) {
  return [&bytes, count](absl::string_view text) {
    bytes += text.size();
    return count(text);
  };
}

TEST(SplitChunks, ShortTextStaysWhole) {
  EXPECT_THAT(SplitChunks("One two. Three four.", 10, CountWords).value(),
              ElementsAre("One two. Three four."));
}

TEST(SplitChunks, CutsAtSentenceEndsAndLosesNothing) {
  const std::string text = "One two three. Four five six. Seven eight nine.";
  const auto chunks = SplitChunks(text, 7, CountWords).value();
  ASSERT_EQ(chunks.size(), 3U);
  EXPECT_EQ(absl::StrJoin(chunks, " "), text);
}

TEST(SplitChunks, LongSentenceIsCutBetweenWords) {
  const auto chunks = SplitChunks("a b c d e f g", 3, CountWords).value();
  EXPECT_EQ(absl::StrJoin(chunks, " "), "a b c d e f g");
  for (const std::string& chunk : chunks) EXPECT_LE(CountWords(chunk), 3);
}

TEST(SplitChunks, WordWithoutSpacesIsCutBetweenCharacters) {
  const auto count_bytes = [](absl::string_view text) { return static_cast<int>(text.size()); };
  std::string text;
  for (int i = 0; i < 40; ++i) text += i % 3 == 0 ? "\u00e9" : "a";

  const auto chunks = SplitChunks(text, 10, count_bytes).value();

  EXPECT_EQ(absl::StrReplaceAll(absl::StrJoin(chunks, ""), {{" ", ""}}), text);
  for (const std::string& chunk : chunks) {
    EXPECT_LE(chunk.size(), 10U);
    EXPECT_NE(static_cast<unsigned char>(chunk[0]) & 0xC0, 0x80) << "begins within a character";
  }
}

TEST(SplitChunks, EachPieceOfALongSentenceIsAsLongAsMayBe) {
  const std::string text = UnevenWords(1000);

  const auto chunks = SplitChunks(text, 100, CountUneven).value();

  ASSERT_GT(chunks.size(), 10U);
  EXPECT_EQ(absl::StrJoin(chunks, " "), text);
  for (size_t i = 0; i < chunks.size(); ++i) {
    EXPECT_LE(CountUneven(chunks[i]), 100);
    if (i + 1 == chunks.size()) break;
    const std::string next = chunks[i + 1].substr(0, chunks[i + 1].find(' '));
    EXPECT_GT(CountUneven(absl::StrCat(chunks[i], " ", next)), 100) << i;
  }
}

TEST(SplitChunks, AWordThatIsTooLongIsCutAmongOthers) {
  const std::string word(100, 'b');
  const auto chunks = SplitChunks("a a " + word + " c c c", 12, CountUneven).value();
  EXPECT_EQ(absl::StrReplaceAll(absl::StrJoin(chunks, ""), {{" ", ""}}), "aa" + word + "ccc");
  for (const std::string& chunk : chunks) EXPECT_LE(CountUneven(chunk), 12);
}

TEST(SplitChunks, TextWithoutSentenceEndsIsCountedAFewTimesOnly) {
  const std::string text = UnevenWords(20000);
  size_t bytes = 0;

  const auto chunks = SplitChunks(text, 1000, Watched(CountUneven, bytes)).value();

  EXPECT_EQ(absl::StrJoin(chunks, " "), text);
  EXPECT_LT(bytes, 32 * text.size());
}

TEST(SplitChunks, TextWithoutSpacesIsCountedAFewTimesOnly) {
  const auto count_bytes = [](absl::string_view text) { return static_cast<int>(text.size()); };
  const std::string text(200000, 'a');
  size_t bytes = 0;

  const auto chunks = SplitChunks(text, 500, Watched(count_bytes, bytes)).value();

  EXPECT_EQ(absl::StrJoin(chunks, ""), text);
  EXPECT_LT(bytes, 32 * text.size());
}

TEST(SplitChunks, ErrorOfCountingEndsIt) {
  int calls = 0;
  const auto count = [&calls](absl::string_view text) -> absl::StatusOr<int> {
    if (++calls == 5) return absl::CancelledError("enough");
    return CountUneven(text);
  };

  const auto chunks = SplitChunks(UnevenWords(20000), 1000, count);

  EXPECT_EQ(chunks.status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(calls, 5);
}

}  // namespace
}  // namespace imprint::generator
