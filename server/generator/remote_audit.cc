// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/generator/remote_audit.h"

#include <algorithm>
#include <set>
#include <string>

#include "absl/strings/str_split.h"
#include "server/generator/facts.h"

namespace imprint::generator {
namespace {

// Words that any answer may share with any text.
bool IsSmallWord(const std::string& word) {
  static const auto* const kSmallWords = new std::set<std::string>{
      "all",  "also", "and",   "any",  "are",  "been",  "but",  "can",  "did",   "for",
      "from", "had",  "has",   "have", "her",  "here",  "him",  "his",  "into",  "its",
      "may",  "not",  "one",   "only", "out",  "she",   "some", "such", "than",  "that",
      "the",  "them", "there", "they", "this", "those", "was",  "were", "what",  "when",
      "who",  "will", "with",  "yes",  "you",  "their", "then", "very", "which", "would"};
  constexpr size_t kLeastLetters = 3;
  const bool is_number = word[0] >= '0' && word[0] <= '9';
  return !is_number && (word.size() < kLeastLetters || kSmallWords->contains(word));
}

std::set<std::string> WordsOf(absl::string_view text) {
  return absl::StrSplit(NormalForm(text), ' ', absl::SkipEmpty());
}

}  // namespace

bool IsBorneOut(const Exchange& exchange, absl::string_view chunk) {
  if (!IsGrounded(exchange.question, chunk) || !IsGrounded(exchange.answer, chunk)) return false;
  const std::set<std::string> known = WordsOf(chunk);
  const std::set<std::string> asked = WordsOf(exchange.question);
  const std::set<std::string> answer = WordsOf(exchange.answer);
  return std::any_of(answer.begin(), answer.end(), [&](const std::string& word) {
    return known.contains(word) && !asked.contains(word) && !IsSmallWord(word);
  });
}

}  // namespace imprint::generator
