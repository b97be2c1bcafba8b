// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/generator/remote_dialogue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "tests/generator/completion.h"

namespace imprint::generator {
namespace {

using imprint::testing::Completion;
using imprint::testing::TaskOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr size_t kMany = 100;
constexpr char kOne[] = R"({"question": "Who built it?", "answer": "Otto Senn built it."})";
constexpr char kOther[] = R"({"question": "When was it built?", "answer": "In 1923."})";

// The questions that are read of what the model says.
std::vector<std::string> Questions(const std::string& content) {
  std::vector<std::string> questions;
  const auto exchanges = ReadExchanges(Completion(content), kMany);
  for (const Exchange& exchange : exchanges.value_or(std::vector<Exchange>())) {
    questions.push_back(exchange.question);
  }
  return questions;
}

TEST(RemoteDialogueTest, RequestIsAChatThatDoesNotStream) {
  const auto body = nlohmann::json::parse(RemoteRequest("big-model", "A red boat.", {}, 7));

  EXPECT_EQ(body.at("model"), "big-model");
  EXPECT_EQ(body.at("stream"), false);
  ASSERT_EQ(body.at("messages").size(), 2U);
  EXPECT_EQ(body.at("messages").at(0).at("role"), "system");
  EXPECT_EQ(body.at("messages").at(1).at("role"), "user");
  const std::string task = body.at("messages").at(1).at("content");
  EXPECT_THAT(task, HasSubstr("A red boat."));
  EXPECT_THAT(task, HasSubstr("Write 7 questions."));
  EXPECT_THAT(task, Not(HasSubstr("already")));
}

TEST(RemoteDialogueTest, RequestNamesWhatWasAsked) {
  const std::string task = TaskOf(RemoteRequest("m", "A red boat.", {"Which colour?"}, 7));

  EXPECT_THAT(task, HasSubstr("already"));
  EXPECT_THAT(task, HasSubstr("- Which colour?"));
}

TEST(RemoteDialogueTest, TextThatIsNoUtf8IsStillSent) {
  EXPECT_THAT(TaskOf(RemoteRequest("m", "A red\xFF boat.", {}, 1)), HasSubstr("A red"));
}

TEST(RemoteDialogueTest, ReadsTheArrayThatIsAskedFor) {
  const auto exchanges =
      ReadExchanges(Completion(absl::StrCat("[", kOne, ",\n", kOther, "]")), kMany);

  ASSERT_TRUE(exchanges.has_value());
  ASSERT_THAT(*exchanges, SizeIs(2));
  EXPECT_EQ((*exchanges)[0].question, "Who built it?");
  EXPECT_EQ((*exchanges)[0].answer, "Otto Senn built it.");
  EXPECT_EQ((*exchanges)[1].answer, "In 1923.");
}

TEST(RemoteDialogueTest, ReadsItAlsoWhereItIsDressedUp) {
  const std::vector<std::string> dressed = {
      absl::StrCat("```json\n[", kOne, ", ", kOther, "]\n```"),
      absl::StrCat("Here they are, all 2\" of them:\n\n[", kOne, ", ", kOther, "] Anything else?"),
      absl::StrCat("{\"items\": [", kOne, ", ", kOther, "], \"count\": {\"of\": 2}}"),
      absl::StrCat(kOne, "\n", kOther),
      absl::StrCat("<think>A set { of \"two.\n</think>", kOne, kOther),
      absl::StrCat("[", kOne, ", ", kOther, ", {\"question\": \"Who is cut o"),
      absl::StrCat("[", kOne, ", {\"question\": 7, \"answer\": \"x\"}, {\"question\": \"No?\"}, ",
                   kOther, "]"),
  };
  for (const std::string& content : dressed) {
    EXPECT_THAT(Questions(content), ElementsAre("Who built it?", "When was it built?")) << content;
  }
}

TEST(RemoteDialogueTest, BracesAndQuotesWithinAStringAreText) {
  EXPECT_THAT(Questions(R"([{"question": "What is \"{}\" in C?", "answer": "A } and a {."}])"),
              ElementsAre("What is \"{}\" in C?"));
}

TEST(RemoteDialogueTest, WhiteSpaceIsMadeSingleAndControlCharactersAreRefused) {
  EXPECT_THAT(Questions(R"([{"question": " Who\n built\t it? ", "answer": "Otto."}])"),
              ElementsAre("Who built it?"));
  EXPECT_THAT(Questions(R"([{"question": "Who \u001b[2J it?", "answer": "Otto."}])"), IsEmpty());
  EXPECT_THAT(Questions(R"([{"question": "Who?", "answer": " \n "}])"), IsEmpty());
}

TEST(RemoteDialogueTest, NonsenseGivesNothing) {
  for (const char* body :
       {"", "no json", "[]", "7", "null", "\"choices\"", R"({"choices": []})",
        R"({"choices": "none"})", R"({"choices": [[]]})", R"({"choices": [{"message": []}]})",
        R"({"choices": [{"message": {"content": null}}]})",
        R"({"choices": {"0": {"message": {"content": 3}}}})", R"({"error": {"message": "no"}})",
        "{\"choices\": [{\"message\": {\"content\": \"\xFF\"}}]}"}) {
    EXPECT_FALSE(ReadExchanges(body, kMany).has_value()) << body;
  }
  for (const char* content :
       {"", "I cannot do that.", "{}", "}{", "{\"question\"", "[[[[", "[{}]"}) {
    EXPECT_FALSE(ReadExchanges(Completion(content), kMany).has_value()) << content;
  }
}

TEST(RemoteDialogueTest, AnEmptyArrayIsAnAnswer) {
  for (const char* content : {"[]", "```json\n[\n]\n```", "{\"items\": [ ]}", "[[]]"}) {
    const auto exchanges = ReadExchanges(Completion(content), kMany);
    ASSERT_TRUE(exchanges.has_value()) << content;
    EXPECT_THAT(*exchanges, IsEmpty());
  }
}

TEST(RemoteDialogueTest, NoMoreThanAreWanted) {
  std::string content;
  for (int i = 0; i < 50; ++i) absl::StrAppend(&content, kOne);

  EXPECT_THAT(ReadExchanges(Completion(content), 7).value(), SizeIs(7));
}

TEST(RemoteDialogueTest, ABodyOfBracesIsReadInOneGo) {
  // Were the end looked for from each of them, it would take hours.
  EXPECT_THAT(Questions(absl::StrCat(std::string(1 << 20, '{'), kOne)),
              ElementsAre("Who built it?"));
}

}  // namespace
}  // namespace imprint::generator
