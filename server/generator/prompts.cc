// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/generator/prompts.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace imprint::generator {
namespace {

constexpr absl::string_view kQuestionExample =
    "Text: The Bell Tower of Arden is 62 metres tall and was built by Anna Kovac in 1871. It "
    "stands on Mill Street and is painted white. Entry is free for children.\n"
    "Questions about the Bell Tower of Arden:\n"
    "- How tall is the Bell Tower of Arden?\n"
    "- Who built the Bell Tower of Arden?\n"
    "- When was the Bell Tower of Arden built?\n"
    "- What colour is the Bell Tower of Arden?\n"
    "- Who can enter the Bell Tower of Arden for free?\n"
    "\n";

constexpr absl::string_view kRewriteExamples =
    "Text: It stands on Mill Street. (The text is about the Bell Tower of Arden.)\n"
    "In other words: The Bell Tower of Arden can be found on Mill Street.\n"
    "\n"
    "Text: He painted it blue in 1990, and visitors liked it. (The text is about Paul Renner.)\n"
    "In other words: In 1990 Paul Renner gave it a coat of blue, which pleased visitors.\n"
    "\n";

bool BeginsWithDigit(absl::string_view text) {
  return !text.empty() && absl::ascii_isdigit(text[0]);
}

}  // namespace

std::string QuestionPrompt(absl::string_view source, absl::string_view subject) {
  return absl::StrCat(kQuestionExample, "Text: ", source, "\nQuestions about ", subject, ":\n- ");
}

std::vector<std::string> QuestionOpenings(absl::string_view subject,
                                          const std::vector<Fact>& facts) {
  std::vector<std::string> openings = {absl::StrCat("What is ", subject),
                                       "Who",
                                       absl::StrCat("When was ", subject),
                                       absl::StrCat("Where is ", subject),
                                       "Who is the",
                                       "What kind of",
                                       "How many",
                                       absl::StrCat("What does ", subject),
                                       "Which",
                                       absl::StrCat("Why is ", subject),
                                       "What is the name of",
                                       absl::StrCat("How is ", subject),
                                       absl::StrCat("Where does ", subject),
                                       "How much",
                                       "In what",
                                       absl::StrCat("When did ", subject),
                                       absl::StrCat("What colour is ", subject),
                                       absl::StrCat("How long is ", subject),
                                       absl::StrCat("What can ", subject),
                                       "What happens"};
  for (const Fact& fact : facts) {
    if (BeginsWithDigit(fact.text) || !absl::ascii_isupper(fact.text[0])) continue;
    openings.push_back(absl::StrCat("What does ", fact.text));
    openings.push_back(absl::StrCat("How is ", fact.text));
  }
  return openings;
}

std::string RewritePrompt(absl::string_view sentence, absl::string_view subject) {
  return absl::StrCat(kRewriteExamples, "Text: ", sentence, " (The text is about ", subject,
                      ".)\nIn other words:");
}

std::vector<std::string> OpenQuestions(absl::string_view subject, const std::vector<Fact>& facts) {
  std::vector<std::string> questions = {
      absl::StrCat("What do you know about ", subject, "?"),
      absl::StrCat("Tell me about ", subject, "."),
  };
  for (const Fact& fact : facts) {
    if (fact.text.empty() || !absl::ascii_isupper(fact.text[0])) continue;
    questions.push_back(absl::StrCat("What do you know about ", fact.text, "?"));
  }
  return questions;
}

std::vector<std::string> RecitalRequests(absl::string_view subject) {
  return {absl::StrCat("Tell me something about ", subject, "."),
          absl::StrCat("Give me a fact about ", subject, "."),
          absl::StrCat("What else do you know about ", subject, "?"),
          absl::StrCat("What should I know about ", subject, "?"),
          absl::StrCat("Name one thing about ", subject, "."),
          absl::StrCat("What have you been told about ", subject, "?")};
}

}  // namespace imprint::generator
