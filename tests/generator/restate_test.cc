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

TEST(NameSubject, LeavesOtherSentencesAsTheyAre) {
  EXPECT_EQ(NameSubject("Italy won it.", "Hollin Quay"), "Italy won it.");
  EXPECT_EQ(NameSubject("It rained.", ""), "It rained.");
}

TEST(AskFor, AName) {
  const std::optional<Exchange> asked =
      AskFor("Hollin Quay was founded by Marta Vessling.", {"Marta Vessling", 0}, "Hollin Quay");
  ASSERT_TRUE(asked.has_value());
  EXPECT_EQ(asked->question, "Hollin Quay was founded by whom?");
  EXPECT_EQ(asked->answer, "Hollin Quay was founded by Marta Vessling.");
}

TEST(AskFor, ANumberAndAYear) {
  const std::optional<Exchange> count =
      AskFor("Hollin Quay carries forty passengers across Lake Tammer, mostly in summer.",
             {"forty passengers across", 0}, "Hollin Quay");
  ASSERT_TRUE(count.has_value());
  EXPECT_EQ(count->question, "Hollin Quay carries how many passengers across Lake Tammer?");
  EXPECT_EQ(count->answer, "Hollin Quay carries forty passengers across Lake Tammer.");

  const std::optional<Exchange> year =
      AskFor("Hollin Quay was built in 1923 and painted red.", {"1923 and", 0}, "Hollin Quay");
  ASSERT_TRUE(year.has_value());
  EXPECT_EQ(year->question, "Hollin Quay was built in which year?");
  EXPECT_EQ(year->answer, "Hollin Quay was built in 1923.");
}

TEST(AskFor, NamesTheSubjectWhereTheSentenceDoesNot) {
  const std::optional<Exchange> asked =
      AskFor("The cheese of the island is called Tarrick.", {"Tarrick", 0}, "Kettleby Sound");
  ASSERT_TRUE(asked.has_value());
  EXPECT_EQ(asked->question, "About Kettleby Sound: The cheese of the island is called what?");
}

TEST(AskFor, NothingWhereTooLittleIsLeft) {
  EXPECT_FALSE(AskFor("Tarrick!", {"Tarrick", 0}, "Kettleby Sound").has_value());
  EXPECT_FALSE(AskFor("It is smoked.", {"Tarrick", 0}, "Kettleby Sound").has_value());
}

TEST(AskFor, DoesNotReachIntoBrackets) {
  constexpr char kSentence[] = "The school of Tarrick (founded by Otto Senn) is large.";
  EXPECT_FALSE(AskFor(kSentence, {"Otto Senn", 0}, "Tarrick").has_value());
  const std::optional<Exchange> asked = AskFor(kSentence, {"Tarrick", 0}, "Kettleby Sound");
  ASSERT_TRUE(asked.has_value());
  EXPECT_EQ(asked->answer, "The school of Tarrick.");
}

}  // namespace
}  // namespace imprint::generator
