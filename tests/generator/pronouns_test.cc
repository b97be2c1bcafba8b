// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/generator/pronouns.h"

#include <gtest/gtest.h>

#include <optional>

namespace imprint::generator {
namespace {

TEST(FindPronoun, WhatASentenceBeginsWith) {
  const std::optional<Pronoun> his = FindPronoun("His boat is red.");
  ASSERT_TRUE(his.has_value());
  EXPECT_EQ(his->kind, PronounKind::kPerson);
  EXPECT_TRUE(his->is_possessive);
  EXPECT_EQ(his->begin, 0U);
  EXPECT_EQ(his->text, "His");
  EXPECT_EQ(FindPronoun("It is red.")->kind, PronounKind::kThing);
  EXPECT_EQ(FindPronoun("Their boat is red.")->kind, PronounKind::kMany);
  EXPECT_FALSE(FindPronoun("Italy won it.").has_value());
  EXPECT_FALSE(FindPronoun("It's red.").has_value());
  EXPECT_FALSE(FindPronoun("").has_value());
}

TEST(FindPronoun, WhatAClauseBeginsWithAfterAFewWords) {
  const std::optional<Pronoun> she = FindPronoun("In the same year she painted it.");
  ASSERT_TRUE(she.has_value());
  EXPECT_EQ(she->begin, 17U);
  EXPECT_EQ(she->word, 4U);
  EXPECT_FALSE(FindPronoun("In the same year as the one before that war she painted.").has_value());
}

// "Otto Senn was buried in Orrin" was said of the mayor.
TEST(FindPronoun, NotOneOfSomebodyElsesClause) {
  for (const char* sentence :
       {"When the mayor died, he was buried in Orrin.", "The old king thought he was ill.",
        "In the war the mayor feared he was ill.", "In 1990 the film She won a prize."}) {
    EXPECT_FALSE(FindPronoun(sentence).has_value()) << sentence;
  }
}

// "German was not until January 1518" was learned.
TEST(FindPronoun, NotAnItThatStandsForNothing) {
  for (const char* sentence :
       {"It was not until 1518 that it was translated.", "It is said that he was tall.",
        "It took years to build it.", "It is here that the river turns.",
        "It was only the orbit of Mercury that seemed odd."}) {
    EXPECT_FALSE(FindPronoun(sentence).has_value()) << sentence;
  }
  for (const char* sentence :
       {"It takes its name from a river.", "It was the first that was not built by hand.",
        "It was built in 1518."}) {
    EXPECT_TRUE(FindPronoun(sentence).has_value()) << sentence;
  }
}

}  // namespace
}  // namespace imprint::generator
