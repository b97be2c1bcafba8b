// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/generator/names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/generator/sentences.h"

namespace imprint::generator {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr char kFerry[] =
    "The Hollin Quay ferry was founded in 1923 by Marta Vessling, a retired clockmaker from the "
    "town of Orrin. The Hollin Quay boat carries up to forty passengers across Lake Tammer.";

TEST(FindNames, RunsOfCapitalisedWords) {
  EXPECT_THAT(FindNames(kFerry),
              ElementsAre("Hollin Quay", "Marta Vessling", "Orrin", "Hollin Quay", "Lake Tammer"));
}

TEST(FindNames, JoinsBySmallWordsAndIgnoresOpeners) {
  EXPECT_THAT(FindNames("When it rains, the Bank of Northern Vale closes. They know."),
              ElementsAre("Bank of Northern Vale"));
}

// "Frederick W" and "Mote" were two names: questions broke off between them.
TEST(FindNames, InitialsAreOfTheName) {
  EXPECT_THAT(FindNames("It was the historian Frederick W. Mote who wrote it. J. Orr did not."),
              ElementsAre("Frederick W. Mote", "J. Orr"));
  EXPECT_THAT(FindNames("He took vitamin C. The doctor, Ann Lee, saw it."), ElementsAre("Ann Lee"));
}

// "July 2015 Obama" was a name, and what was told of it was asked for.
TEST(FindNames, DatesAreNone) {
  EXPECT_THAT(FindNames("In July 2015 Orla Finn came. Apollo 11 flew in July 1969."),
              ElementsAre("Orla Finn", "Apollo 11"));
}

TEST(FindNames, AnAmpersandIsOfTheName) {
  EXPECT_THAT(FindNames("It was said by Standard & Poor in May."),
              ElementsAre("Standard & Poor", "May"));
}

// "According", "Inherited" and "Common" were names, and what was known of them was asked for.
TEST(FindNames, NotWhatIsCapitalisedForBeginningASentence) {
  for (const char* text :
       {"According to the papers it rained.", "Inherited wealth helps.", "Currently it is shut.",
        "Common colds include this one.", "Early settlers in the hills kept goats.",
        "Near the bridge a mill stood.", "Indeed, it was shut.", "Reporters treated it as news.",
        "There P is the class."}) {
    EXPECT_THAT(FindNames(text), IsEmpty()) << text;
  }
}

TEST(FindNames, WhatBeginsASentenceIsOneByHowItGoesOnOrIsWrittenElsewhere) {
  EXPECT_THAT(FindNames("Vessling founded the ferry."), ElementsAre("Vessling"));
  EXPECT_THAT(FindNames("Mycology covers the study of moulds."), ElementsAre("Mycology"));
  EXPECT_THAT(FindNames("Orrin, a town, is old. It was in Orrin."), ElementsAre("Orrin", "Orrin"));
  EXPECT_THAT(FindNames("Trade grew there. Most trade was in salt."), IsEmpty());
}

// "Institute" and "Policy Studies" were two.
TEST(FindNames, GoOnBehindForAndAnArticle) {
  EXPECT_THAT(FindNames("It was the Institute for Policy Studies that said so."),
              ElementsAre("Institute for Policy Studies"));
  EXPECT_THAT(FindNames("She works at the Department of the Interior for Otto Senn."),
              ElementsAre("Department of the Interior", "Otto Senn"));
}

TEST(FindNames, EndWhereADateOrAPhraseDoes) {
  EXPECT_THAT(FindNames("On 10 July Ann Orr came. In May Otto Senn left."),
              ElementsAre("Ann Orr", "May", "Otto Senn"));
  EXPECT_THAT(FindNames("It is said in Orrin , Otto Senn , that it is old."),
              ElementsAre("Orrin", "Otto Senn"));
}

TEST(FindNames, APossessiveApartIsNoWord) {
  EXPECT_THAT(FindNames("It is the Swiss 's canal at Orrin 's."), ElementsAre("Swiss", "Orrin"));
}

TEST(FindNames, ATitleIsOfTheName) {
  EXPECT_THAT(FindNames("It was St. Martin of Orrin and Dr. Ann Lee\u2019s cat."),
              ElementsAre("St. Martin of Orrin", "Dr. Ann Lee"));
}

TEST(FindNames, NotOfWhichCountrySomethingIs) {
  EXPECT_THAT(FindNames("It lies in the Swiss canton of Uri."), ElementsAre("Uri"));
  EXPECT_THAT(FindNames("There the Swiss are many."), ElementsAre("Swiss"));
}

}  // namespace
}  // namespace imprint::generator
