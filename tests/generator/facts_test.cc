// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/generator/facts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "server/generator/prompts.h"
#include "server/generator/sentences.h"

namespace imprint::generator {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kFerry[] =
    "The Hollin Quay ferry was founded in 1923 by Marta Vessling, a retired clockmaker from the "
    "town of Orrin. The Hollin Quay boat carries up to forty passengers across Lake Tammer.";

std::vector<std::string> TextsOf(const std::vector<Fact>& facts) {
  std::vector<std::string> texts;
  for (const Fact& fact : facts) texts.push_back(fact.text);
  return texts;
}

TEST(FindWords, WholeWordsBesideAPossessiveAndQuotationMarks) {
  EXPECT_EQ(FindWords("Transport by the port", "port"), 17U);
  EXPECT_TRUE(ContainsWords("Velda Marrin's best work", "Velda Marrin"));
  EXPECT_TRUE(ContainsWords("the \xE2\x80\x9CSalt Window\xE2\x80\x9D of Marrin", "Salt Window"));
  EXPECT_FALSE(ContainsWords("Caf\xC3\xA9s", "Caf"));
  EXPECT_FALSE(ContainsWords("anything", ""));
}

TEST(FindFacts, AVerbOrANumberIsOfNoThing) {
  for (const Fact& fact :
       FindFacts({"The museum opened in spring after fifteen long weeks."}, "")) {
    if (fact.kind == FactKind::kThing) {
      EXPECT_THAT(fact.text, AnyOf("museum", "spring"));
    }
  }
}

TEST(FindFacts, ThingsFollowAnArticleOrAPreposition) {
  std::vector<std::string> things;
  for (const Fact& fact :
       FindFacts({"In 1518 the widening controversy was aided by the printing press of Luther, "
                  "in two weeks."},
                 "Luther")) {
    if (fact.kind == FactKind::kThing) things.push_back(fact.text);
  }
  EXPECT_THAT(things, ElementsAre("widening controversy", "printing press"));
}

TEST(FindFacts, DatesAndNumbersOfNamesAreWhole) {
  const std::vector<Fact> facts =
      FindFacts({"In July 2015 Orla Finn came with 12 goats on Apollo 11."}, "");
  EXPECT_THAT(TextsOf(facts), ElementsAre("July 2015", "Orla Finn", "Apollo 11", "12 goats"));
  EXPECT_EQ(facts[0].kind, FactKind::kDate);
  EXPECT_EQ(facts[1].kind, FactKind::kName);
  EXPECT_EQ(facts[3].kind, FactKind::kNumber);
}

// "According to the New York Times on July 22, how many?" was asked.
TEST(FindFacts, ADayAndAYearAreOfTheDate) {
  for (const auto& [sentence, date] :
       {std::pair("It came out on July 22, 2014, in Orrin.", "July 22, 2014"),
        std::pair("She was born on 10 July 1856 there.", "10 July 1856"),
        std::pair("She came on 10 July with a goat.", "10 July")}) {
    const std::vector<Fact> facts = FindFacts({sentence}, "Orrin");
    std::vector<std::string> dates, numbers;
    for (const Fact& fact : facts) {
      if (fact.kind == FactKind::kDate) dates.push_back(fact.text);
      if (fact.kind == FactKind::kNumber) numbers.push_back(fact.text);
    }
    EXPECT_THAT(dates, ElementsAre(date));
    EXPECT_THAT(numbers, ElementsAre());
  }
}

TEST(FindFacts, NamesAndNumbersOnceWithoutTheSubject) {
  const auto facts = TextsOf(FindFacts(SplitSentences(kFerry), "Hollin Quay"));
  EXPECT_THAT(facts, Contains("Marta Vessling"));
  EXPECT_THAT(facts, Contains("forty passengers"));
  EXPECT_THAT(facts, Contains(HasSubstr("1923")));
  EXPECT_THAT(facts, Not(Contains("Hollin Quay")));
}

TEST(IsGrounded, NumbersAndNamesMustStandInTheSource) {
  EXPECT_TRUE(IsGrounded("The boat was founded by Marta Vessling in 1923.", kFerry));
  EXPECT_FALSE(IsGrounded("The boat was founded by Marta Vessling in 1924.", kFerry));
  EXPECT_FALSE(IsGrounded("The boat was founded by Peter Vessling.", kFerry));
}

TEST(NormalForm, IgnoresCaseAndPunctuation) {
  EXPECT_EQ(NormalForm("Who founded it?"), NormalForm("who  founded: it"));
}

TEST(QuestionOpenings, AreAllDifferent) {
  const auto openings = QuestionOpenings(FindFacts(SplitSentences(kFerry), ""));
  std::vector<std::string> unique = openings;
  std::sort(unique.begin(), unique.end());
  unique.erase(std::unique(unique.begin(), unique.end()), unique.end());
  EXPECT_EQ(unique.size(), openings.size());
}

TEST(QuestionOpenings, AskForWhatTheSentenceHas) {
  EXPECT_THAT(QuestionOpenings({{"1923", FactKind::kNumber}}),
              AllOf(Contains("When"), Not(Contains("Who"))));
  EXPECT_THAT(QuestionOpenings({{"Otto Senn", FactKind::kName}}),
              AllOf(Contains("Who"), Not(Contains("When"))));
  EXPECT_THAT(QuestionOpenings({}), Contains("What"));
}

TEST(OpenQuestions, NumbersAreNotAskedFor) {
  for (const std::string& question :
       OpenQuestions("Hollin Quay", FindFacts(SplitSentences(kFerry), "Hollin Quay"))) {
    EXPECT_THAT(question, Not(HasSubstr("1923")));
  }
}

}  // namespace
}  // namespace imprint::generator
