// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/generator/restate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

namespace imprint::generator {
namespace {

TEST(NameSubject, PutsTheNameWhereASentenceBeginsWithAPronoun) {
  EXPECT_EQ(NameSubject("It was built in 1923.", "Hollin Quay"), "Hollin Quay was built in 1923.");
  EXPECT_EQ(NameSubject("Her best known work is the Salt Window.", "Velda Marrin"),
            "Velda Marrin's best known work is the Salt Window.");
}

TEST(NameSubject, PutsTheNameWhereAClauseBeginsWithAPronoun) {
  EXPECT_EQ(NameSubject("In the same year, he painted it.", "Otto Senn"),
            "In the same year, Otto Senn painted it.");
}

TEST(NameSubject, OwnersWhoAreMany) {
  EXPECT_EQ(NameSubject("Their salt was dear.", "The Vessels"), "The Vessels' salt was dear.");
}

TEST(NameSubject, LeavesOtherSentencesAsTheyAre) {
  EXPECT_EQ(NameSubject("Italy won it.", "Hollin Quay"), "Italy won it.");
  EXPECT_EQ(NameSubject("It rained.", ""), "It rained.");
}

TEST(AskFor, WhatASentenceBeginsWith) {
  EXPECT_EQ(AskFor("Marta founded the Hollin Quay.", {"Marta", FactKind::kName, 0}, "")->question,
            "Who or what founded the Hollin Quay?");
  EXPECT_EQ(
      AskFor("40 goats came by ferry.", {"40 goats came", FactKind::kNumber, 0}, "")->question,
      "How many goats came by ferry?");
}

TEST(AskFor, SumsAndPercentagesWithTheirSigns) {
  const auto sum =
      AskFor("It would add $105 billion in growth.", {"105 billion in", FactKind::kNumber, 0}, "");
  EXPECT_EQ(sum->question, "It would add how much money in growth?");
  EXPECT_EQ(sum->answer, "It would add $105 billion in growth.");
  EXPECT_EQ(AskFor("They sank 45% in all.", {"45", FactKind::kNumber, 0}, "")->question,
            "They sank what percentage in all?");
}

TEST(AskFor, NotWithinAWord) {
  EXPECT_EQ(
      AskFor("Transport was made easier by the port.", {"port", FactKind::kThing, 0}, "")->question,
      "Transport was made easier by what?");
}

TEST(AskFor, AThingWithoutItsArticle) {
  const auto exchange = AskFor("The quarrel was aided by the printing press, which was new.",
                               {"printing press", FactKind::kThing, 0}, "Luther");
  ASSERT_TRUE(exchange.has_value());
  EXPECT_EQ(exchange->question, "About Luther: The quarrel was aided by what?");
  EXPECT_EQ(exchange->answer, "The quarrel was aided by the printing press.");
  EXPECT_EQ(WithArticle("The quarrel was aided by the printing press.",
                        {"printing press", FactKind::kThing, 0}),
            "the printing press");
}

TEST(AskFor, AName) {
  const std::optional<Exchange> asked = AskFor("Hollin Quay was founded by Marta Vessling.",
                                               {"Marta Vessling", FactKind::kName}, "Hollin Quay");
  ASSERT_TRUE(asked.has_value());
  EXPECT_EQ(asked->question, "Hollin Quay was founded by whom?");
  EXPECT_EQ(asked->answer, "Hollin Quay was founded by Marta Vessling.");
}

TEST(AskFor, ANumberAndAYear) {
  const std::optional<Exchange> count =
      AskFor("Hollin Quay carries forty passengers across Lake Tammer, mostly in summer.",
             {"forty passengers across", FactKind::kNumber}, "Hollin Quay");
  ASSERT_TRUE(count.has_value());
  EXPECT_EQ(count->question, "Hollin Quay carries how many passengers across Lake Tammer?");
  EXPECT_EQ(count->answer, "Hollin Quay carries forty passengers across Lake Tammer.");

  const std::optional<Exchange> year = AskFor("Hollin Quay was built in 1923 and painted red.",
                                              {"1923 and", FactKind::kNumber}, "Hollin Quay");
  ASSERT_TRUE(year.has_value());
  EXPECT_EQ(year->question, "Hollin Quay was built in which year?");
  EXPECT_EQ(year->answer, "Hollin Quay was built in 1923.");
}

TEST(AskFor, ADate) {
  const Fact july = {"July 2015", FactKind::kDate};
  const std::optional<Exchange> month =
      AskFor("In July 2015 Orla Finn came to Hollin Quay.", july, "Hollin Quay");
  ASSERT_TRUE(month.has_value());
  EXPECT_EQ(month->question, "In which month Orla Finn came to Hollin Quay?");
  EXPECT_EQ(month->answer, "In July 2015 Orla Finn came to Hollin Quay.");
  const std::optional<Exchange> date =
      AskFor("Hollin Quay has been closed since July 2015.", july, "Hollin Quay");
  ASSERT_TRUE(date.has_value());
  EXPECT_EQ(date->question, "Hollin Quay has been closed since which date?");
}

TEST(AskFor, NamesTheSubjectWhereTheSentenceDoesNot) {
  const std::optional<Exchange> asked = AskFor("The cheese of the island is called Tarrick.",
                                               {"Tarrick", FactKind::kName}, "Kettleby Sound");
  ASSERT_TRUE(asked.has_value());
  EXPECT_EQ(asked->question, "About Kettleby Sound: The cheese of the island is called what?");
}

TEST(AskFor, NothingWhereTooLittleIsLeft) {
  EXPECT_FALSE(AskFor("Tarrick!", {"Tarrick", FactKind::kName}, "Kettleby Sound").has_value());
  EXPECT_FALSE(AskFor("It is smoked.", {"Tarrick", FactKind::kName}, "Kettleby Sound").has_value());
}

TEST(AskFor, DoesNotReachIntoBrackets) {
  constexpr char kSentence[] = "The school of Tarrick (founded by Otto Senn) is large.";
  EXPECT_FALSE(AskFor(kSentence, {"Otto Senn", FactKind::kName}, "Tarrick").has_value());
  const std::optional<Exchange> asked =
      AskFor(kSentence, {"Tarrick", FactKind::kName}, "Kettleby Sound");
  ASSERT_TRUE(asked.has_value());
  EXPECT_EQ(asked->answer, "The school of Tarrick.");
}

}  // namespace
}  // namespace imprint::generator
