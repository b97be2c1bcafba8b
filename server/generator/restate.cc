// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/generator/restate.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/generator/pronouns.h"
#include "server/generator/sentences.h"

namespace imprint::generator {
namespace {

constexpr size_t kLeastQuestionWords = 4;
constexpr size_t kSelfContainedWords = 12;

// Where a sentence goes on to something else.
constexpr std::array<absl::string_view, 9> kClauseBeginnings = {
    ", ", "; ", " (", " and ", " but ", " which ", " who ", " where ", " because "};

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

// What of a sentence is asked for, and by which words.
struct Asked {
  size_t begin;
  absl::string_view text;
  absl::string_view interrogative;
};

// A sum or a percentage is asked for with its sign: "$20,000", "$105 billion", "45%".
Asked AskedNumber(absl::string_view sentence, absl::string_view number, size_t begin) {
  const absl::string_view head = sentence.substr(0, begin);
  const absl::string_view after = sentence.substr(begin + number.size());
  if (absl::EndsWith(head, "$")) {
    size_t size = 1 + number.size();
    for (const absl::string_view magnitude : {" thousand", " million", " billion", " trillion"}) {
      if (absl::StartsWith(after, magnitude)) size += magnitude.size();
    }
    return {begin - 1, sentence.substr(begin - 1, size), "how much money"};
  }
  for (const absl::string_view sign : {"%", " percent", " per cent"}) {
    if (!absl::StartsWith(after, sign)) continue;
    return {begin, sentence.substr(begin, number.size() + sign.size()), "what percentage"};
  }
  return {begin, number, IsYear(number, head) ? "which year" : "how many"};
}

Asked AskedIn(absl::string_view sentence, const Fact& fact, size_t begin) {
  const absl::string_view head = sentence.substr(0, begin);
  switch (fact.kind) {
    case FactKind::kNumber:
      return AskedNumber(sentence, LeadingNumber(fact), begin);
    case FactKind::kDate:
      return {begin, fact.text,
              absl::EndsWithIgnoreCase(head, "in ") ? "which month" : "which date"};
    case FactKind::kThing:
      return {begin, fact.text, "what"};
    case FactKind::kName:
      break;
  }
  if (head.empty()) return {begin, fact.text, "who or what"};
  return {begin, fact.text, absl::EndsWith(head, "by ") ? "whom" : "what"};
}

}  // namespace

std::string NameSubject(absl::string_view sentence, absl::string_view referent) {
  const std::optional<Pronoun> pronoun = FindPronoun(sentence);
  if (referent.empty() || !pronoun.has_value()) return std::string(sentence);
  return absl::StrCat(sentence.substr(0, pronoun->begin), referent,
                      !pronoun->is_possessive               ? ""
                      : pronoun->kind == PronounKind::kMany ? "'"
                                                            : "'s",
                      sentence.substr(pronoun->begin + pronoun->text.size()));
}

std::string WithArticle(absl::string_view sentence, const Fact& fact) {
  const size_t begin = FindWords(sentence, fact.text);
  if (fact.kind != FactKind::kThing || begin == absl::string_view::npos) return fact.text;
  return absl::StrCat(absl::AsciiStrToLower(LastArticle(sentence.substr(0, begin))), fact.text);
}

std::optional<Exchange> AskFor(absl::string_view sentence, const Fact& fact,
                               absl::string_view subject) {
  const size_t found = FindWords(sentence, fact.text);
  if (found == absl::string_view::npos) return std::nullopt;
  const Asked asked = AskedIn(sentence, fact, found);
  const absl::string_view head = sentence.substr(0, asked.begin);
  // A question that ends within brackets reads as none.
  if (EndsWithinBrackets(head)) return std::nullopt;
  const absl::string_view tail = UpToNextClause(sentence.substr(asked.begin + asked.text.size()));
  absl::string_view asking_head = head;
  if (fact.kind == FactKind::kThing) asking_head.remove_suffix(LastArticle(head).size());
  Exchange exchange = {absl::StrCat(asking_head, asked.interrogative, tail, "?"),
                       absl::StrCat(head, asked.text, tail, ".")};
  if (CountWords(exchange.question) < kLeastQuestionWords) return std::nullopt;
  exchange.question[0] = absl::ascii_toupper(exchange.question[0]);
  exchange.answer[0] = absl::ascii_toupper(exchange.answer[0]);
  // A few words alone do not say what they are about.
  if (!subject.empty() && !ContainsWords(exchange.question, subject) &&
      CountWords(exchange.question) < kSelfContainedWords) {
    exchange.question = absl::StrCat("About ", subject, ": ", exchange.question);
  }
  return exchange;
}

}  // namespace imprint::generator
