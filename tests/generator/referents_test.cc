// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/generator/referents.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/generator/sentences.h"

namespace imprint::generator {
namespace {

using ::testing::ElementsAre;

constexpr char kFerry[] =
    "The Hollin Quay ferry was founded in 1923 by Marta Vessling, a retired clockmaker from the "
    "town of Orrin. The Hollin Quay boat carries up to forty passengers across Lake Tammer.";

// "German" had the mentions of Germany, and became what the text was about.
TEST(FindSubject, CountsWholeWordsOnly) {
  EXPECT_EQ(FindSubject({"The German text reached Germany.", "Germany read Luther; Luther wrote."}),
            "Germany");
}

TEST(FindSubject, MostFrequentName) {
  EXPECT_EQ(FindSubject(SplitSentences(kFerry)), "Hollin Quay");
}

TEST(FindSubject, EmptyWithoutNames) { EXPECT_EQ(FindSubject({"it rained all day"}), ""); }

// "Nordholm keeps three donkeys" was learned.
TEST(FindReferents, APersonIsMeantByHeOrShe) {
  const std::vector<std::string> sentences = {
      "The lighthouse keeper of Nordholm is called Britta Saglund.", "She keeps three donkeys.",
      "Her boat is in Nordholm."};
  EXPECT_THAT(FindReferents(sentences), ElementsAre("", "Britta Saglund", "Britta Saglund"));
  EXPECT_EQ(FindSubject(sentences), "Britta Saglund");
  EXPECT_THAT(FindReferents({"She came from Nordholm."}), ElementsAre(""));
}

// "United States soon struck out on his own with financial backers" was learned.
TEST(FindReferents, APersonNotAPlaceWhoeverHasTwoNames) {
  EXPECT_THAT(
      FindReferents({"Senn learned his trade before leaving for the Old Marches in 1884 to "
                     "work for Adam Lorimer in North Orrin.",
                     "He soon struck out on his own.", "His patents were sold by Lorimer."}),
      ElementsAre("", "Senn", "Senn"));
  EXPECT_THAT(FindReferents(
                  {"In spring the clockmaker Marta Vessling came from Old Orrin.", "She stayed."}),
              ElementsAre("", "Marta Vessling"));
}

TEST(FindReferents, AnOwnerOrAMakerWhereNobodyElseIsSpokenOf) {
  EXPECT_THAT(FindReferents({"The ferry was founded by Marta Vessling.", "She was rich."}),
              ElementsAre("", "Marta Vessling"));
  EXPECT_THAT(FindReferents({"On Vessling's birthday Clock magazine was full.", "She was glad."}),
              ElementsAre("", "Vessling"));
  EXPECT_THAT(FindReferents({"The fourth Orrin mayor, Otto Senn, was fair.", "He read much."}),
              ElementsAre("", "Otto Senn"));
}

TEST(FindReferents, AHeThatAClauseBeginsWithButNotOneWhoIsNamedThere) {
  EXPECT_THAT(FindReferents({"Otto Senn painted.", "In 1990 he sold the bridge."}),
              ElementsAre("", "Otto Senn"));
  EXPECT_THAT(FindReferents({"Otto Senn painted.", "When Paul Orr came, he left."}),
              ElementsAre("", ""));
}

TEST(FindReferents, NotWhereTheSentenceNamesThePersonAnyway) {
  EXPECT_THAT(
      FindReferents({"Senn was born in Orrin.", "Shortly after he arrived, Senn fell ill."}),
      ElementsAre("", ""));
}

// "Currently requires the pupil to remain" and "European claim that" were learned.
TEST(FindReferents, ThingsOnlyWhereTheSentenceBeforeBeginsWithThem) {
  EXPECT_THAT(
      FindReferents({"The Tammer rises in the hills.", "It turns north.", "Its bed is dry."}),
      ElementsAre("", "The Tammer", "The Tammer"));
  EXPECT_THAT(FindReferents({"The Vessels were traders.", "They sold salt.", "It was dear."}),
              ElementsAre("", "The Vessels", ""));
  EXPECT_THAT(FindReferents({"Currently detention is common in Orrin.", "It takes an hour.",
                             "They like it."}),
              ElementsAre("", "", ""));
  EXPECT_THAT(FindReferents({"Otto Senn wrote a book.", "He sold it.", "It was read."}),
              ElementsAre("", "Otto Senn", ""));
}

// "Otto Senn sold well" and "Otto Senn drowned there" were said of a book and of Paul Orr.
TEST(FindReferents, WhatAPronounDoesNotStandForIsNotKept) {
  EXPECT_THAT(
      FindReferents({"Otto Senn wrote a book.", "It was praised by Paul Orr.", "It sold well."}),
      ElementsAre("", "", ""));
  EXPECT_THAT(FindReferents({"The Tammer is a river.", "They swam there.", "It was fun."}),
              ElementsAre("", "", ""));
  EXPECT_THAT(FindReferents({"Otto Senn came.", "The Tammer rises here.",
                             "It was first crossed by Paul Orr.", "He drowned there."}),
              ElementsAre("", "", "The Tammer", "Paul Orr"));
}

TEST(FindReferents, NotHeWhereSheStoodForThePerson) {
  EXPECT_THAT(FindReferents({"Ann Lee was a painter.", "Her husband Otto was one as well.",
                             "He died in 1906."}),
              ElementsAre("", "Ann Lee", ""));
}

TEST(FindReferents, NotWhoIsMerelyNamedAndNotOneOfTwo) {
  EXPECT_THAT(FindReferents({"The mayor visited Orrin.", "He left."}), ElementsAre("", ""));
  EXPECT_THAT(FindReferents({"Ann Lee and Otto Senn married.", "He died."}), ElementsAre("", ""));
  EXPECT_THAT(FindReferents({"It was May.", "On 10 July Ann Orr came.", "She fell."}),
              ElementsAre("", "", "Ann Orr"));
  EXPECT_THAT(FindReferents({"Ann Marie Lee was ill.", "In 1990 Lee fell, as she said."}),
              ElementsAre("", ""));
}

TEST(FindReferents, SingularByTheVerbThatFollows) {
  EXPECT_THAT(FindReferents({"The Thames rises in the west.", "They fish.", "It flows east."}),
              ElementsAre("", "", ""));
  EXPECT_THAT(FindReferents({"The Thames rises in the west.", "It flows east."}),
              ElementsAre("", "The Thames"));
  EXPECT_THAT(FindReferents({"The Apollo missions were costly.", "It cost millions."}),
              ElementsAre("", ""));
}

// "Robert Underwood Johnson's loyal secretary", who was Tesla's; "God also wrote in the latter
// work".
TEST(FindReferents, NotWhoSpeaksOfHimNorWhoIsQuotedNorWhomHeSpeaksOf) {
  EXPECT_THAT(FindReferents({"Paul Orr described him as kind.", "His secretary agreed."}),
              ElementsAre("", ""));
  EXPECT_THAT(FindReferents(
                  {"Otto Senn wrote: \"Nobody knows.", "Paul Orr sees it all.\"", "He was tired."}),
              ElementsAre("", "", "Otto Senn"));
  EXPECT_THAT(FindReferents({"Otto Senn wrote much.", "By 1529 he was urging Emperor Karl.",
                             "He made it clear."}),
              ElementsAre("", "Otto Senn", "Otto Senn"));
  EXPECT_THAT(FindReferents({"Senn rarely met Vessels.", "He disliked them."}),
              ElementsAre("", "Senn"));
  EXPECT_THAT(FindReferents({"Historians have debated it.", "He was rich."}), ElementsAre("", ""));
}

}  // namespace
}  // namespace imprint::generator
