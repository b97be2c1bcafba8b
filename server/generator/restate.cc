// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/generator/restate.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace imprint::generator {
namespace {

constexpr size_t kLeastQuestionWords = 4;

constexpr std::array<absl::string_view, 4> kPronouns = {"It", "He", "She", "They"};
constexpr std::array<absl::string_view, 4> kPossessives = {"Its", "His", "Her", "Their"};
// Where a sentence goes on to something else.
constexpr std::array<absl::string_view, 9> kClauseBeginnings = {
    ",", ";", " (", " and ", " but ", " which ", " who ", " where ", " because "};

size_t CountWords(absl::string_view text) {
  return static_cast<size_t>(std::count(text.begin(), text.end(), ' ')) + 1;
}

// The number or number word that `fact` begins with; empty where it is none.
absl::string_view LeadingNumber(const Fact& fact) {
  if (fact.kind != FactKind::kNumber) return "";
  return absl::string_view(fact.text).substr(0, fact.text.find(' '));
}

bool IsYear(absl::string_view number, absl::string_view head) {
  const bool four_digits =
      number.size() == 4 && std::all_of(number.begin(), number.end(), absl::ascii_isdigit);
  return four_digits && (absl::EndsWithIgnoreCase(head, "in ") || absl::EndsWith(head, "since ") ||
                         absl::EndsWith(head, "until "));
}

absl::string_view UpToNextClause(absl::string_view tail) {
  size_t end = tail.size();
  for (const absl::string_view beginning : kClauseBeginnings) {
    end = std::min(end, tail.find(beginning));
  }
  tail = tail.substr(0, end);
  while (!tail.empty() && (absl::ascii_ispunct(tail.back()) || tail.back() == ' ')) {
    tail.remove_suffix(1);
  }
  return tail;
}

}  // namespace

std::string NameSubject(absl::string_view sentence, absl::string_view subject) {
  if (subject.empty()) return std::string(sentence);
  const absl::string_view first = sentence.substr(0, sentence.find(' '));
  const absl::string_view rest = sentence.substr(first.size());
  const auto is_first = [first](absl::string_view word) { return word == first; };
  if (std::any_of(kPronouns.begin(), kPronouns.end(), is_first)) {
    return absl::StrCat(subject, rest);
  }
  if (std::any_of(kPossessives.begin(), kPossessives.end(), is_first)) {
    return absl::StrCat(subject, "'s", rest);
  }
  return std::string(sentence);
}

std::optional<Exchange> AskFor(absl::string_view sentence, const Fact& fact,
                               absl::string_view subject) {
  const size_t begin = sentence.find(fact.text);
  if (begin == absl::string_view::npos) return std::nullopt;
  const absl::string_view head = sentence.substr(0, begin);
  // A question that ends within brackets reads as none.
  if (std::count(head.begin(), head.end(), '(') > std::count(head.begin(), head.end(), ')')) {
    return std::nullopt;
  }
  const absl::string_view number = LeadingNumber(fact);
  absl::string_view asked = number.empty() ? absl::string_view(fact.text) : number;
  const absl::string_view tail = UpToNextClause(sentence.substr(begin + asked.size()));

  absl::string_view interrogative = head.empty() ? "Who or what" : "what";
  if (!number.empty()) {
    interrogative = head.empty() ? "How many" : "how many";
    if (IsYear(number, head)) interrogative = "which year";
  } else if (fact.kind == FactKind::kDate) {
    interrogative = absl::EndsWithIgnoreCase(head, "in ") ? "which month" : "what date";
  } else if (absl::EndsWith(head, "by ")) {
    interrogative = "whom";
  }
  Exchange exchange = {absl::StrCat(head, interrogative, tail, "?"),
                       absl::StrCat(head, asked, tail, ".")};
  if (CountWords(exchange.question) < kLeastQuestionWords) return std::nullopt;
  if (!absl::StrContains(exchange.question, subject)) {
    exchange.question = absl::StrCat("About ", subject, ": ", exchange.question);
  }
  return exchange;
}

}  // namespace imprint::generator
