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
constexpr size_t kSelfContainedWords = 12;

constexpr std::array<absl::string_view, 4> kPronouns = {"It", "He", "She", "They"};
constexpr std::array<absl::string_view, 4> kPossessives = {"Its", "His", "Her", "Their"};
// Where a sentence goes on to something else.
constexpr std::array<absl::string_view, 9> kClauseBeginnings = {
    ", ", "; ", " (", " and ", " but ", " which ", " who ", " where ", " because "};

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

// "It was not until 1518 that ...", "It takes years to ...".
bool StandsForNothing(absl::string_view sentence) {
  if (!absl::ConsumePrefix(&sentence, "It ")) return false;
  const absl::string_view verb = sentence.substr(0, sentence.find(' '));
  const bool links = verb == "is" || verb == "was" || verb == "has" || verb == "would" ||
                     verb == "seems" || verb == "seemed" || verb == "takes" || verb == "took";
  return links && (absl::StrContains(sentence, " that ") || absl::StrContains(sentence, " not ") ||
                   absl::StrContains(sentence, " possible to ") || absl::StartsWith(verb, "t"));
}

// The article at the end of `head`, with the space after it; empty where there is none.
absl::string_view LastArticle(absl::string_view head) {
  for (const absl::string_view article : {"the ", "a ", "an ", "its ", "his ", "her ", "their "}) {
    if (absl::EndsWithIgnoreCase(head, article) &&
        (head.size() == article.size() || head[head.size() - article.size() - 1] == ' ')) {
      return head.substr(head.size() - article.size());
    }
  }
  return "";
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
  if (subject.empty() || StandsForNothing(sentence)) return std::string(sentence);
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

std::string WithArticle(absl::string_view sentence, const Fact& fact) {
  const size_t begin = sentence.find(fact.text);
  if (fact.kind != FactKind::kThing || begin == absl::string_view::npos) return fact.text;
  return absl::StrCat(absl::AsciiStrToLower(LastArticle(sentence.substr(0, begin))), fact.text);
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
  } else if (fact.kind == FactKind::kName && absl::EndsWith(head, "by ")) {
    interrogative = "whom";
  }
  absl::string_view asking_head = head;
  if (fact.kind == FactKind::kThing) asking_head.remove_suffix(LastArticle(head).size());
  if (asking_head.empty()) interrogative = "What";
  Exchange exchange = {absl::StrCat(asking_head, interrogative, tail, "?"),
                       absl::StrCat(head, asked, tail, ".")};
  if (CountWords(exchange.question) < kLeastQuestionWords) return std::nullopt;
  exchange.question[0] = absl::ascii_toupper(exchange.question[0]);
  exchange.answer[0] = absl::ascii_toupper(exchange.answer[0]);
  // A few words alone do not say what they are about.
  if (!subject.empty() && !absl::StrContains(exchange.question, subject) &&
      CountWords(exchange.question) < kSelfContainedWords) {
    exchange.question = absl::StrCat("About ", subject, ": ", exchange.question);
  }
  return exchange;
}

}  // namespace imprint::generator
