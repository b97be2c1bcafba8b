// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/generator/prompts.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace imprint::generator {
namespace {

constexpr absl::string_view kQuestionExamples =
    "Text: It is 62 metres tall and was built by Anna Kovac in 1871. (The text is about the Bell "
    "Tower of Arden.)\n"
    "Question: How tall is the Bell Tower of Arden?\n"
    "Question: Who built the Bell Tower of Arden?\n"
    "Question: When was the Bell Tower of Arden built?\n"
    "\n"
    "Text: In 1990 he painted the old bridge blue, because visitors had complained about its "
    "colour. (The text is about Paul Renner.)\n"
    "Question: What did Paul Renner paint blue in 1990?\n"
    "Question: Why did Paul Renner paint the old bridge?\n"
    "Question: Who painted the old bridge blue?\n"
    "\n";

constexpr absl::string_view kRewriteExamples =
    "Text: It stands on Mill Street. (The text is about the Bell Tower of Arden.)\n"
    "In other words: The Bell Tower of Arden can be found on Mill Street.\n"
    "\n"
    "Text: He painted it blue in 1990, and visitors liked it. (The text is about Paul Renner.)\n"
    "In other words: In 1990 Paul Renner gave it a coat of blue, which pleased visitors.\n"
    "\n";

}  // namespace

std::string QuestionPrompt(absl::string_view sentence, absl::string_view subject) {
  return absl::StrCat(kQuestionExamples, "Text: ", sentence, " (The text is about ", subject,
                      ".)\nQuestion: ");
}

std::vector<std::string> QuestionOpenings(const std::vector<Fact>& facts) {
  bool has_number = false, has_name = false;
  for (const Fact& fact : facts) {
    has_name |= fact.kind == FactKind::kName;
    has_number |= fact.kind == FactKind::kNumber || fact.kind == FactKind::kDate;
  }
  std::vector<std::string> openings = {"What"};
  if (has_name) openings.insert(openings.end(), {"Who", "Which"});
  if (has_number) openings.insert(openings.end(), {"How many", "When"});
  openings.insert(openings.end(), {"Where", "How", "Why", "What is the name of", "In what"});
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
    if (fact.kind != FactKind::kName) continue;
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
