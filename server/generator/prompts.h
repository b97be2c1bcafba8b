// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// The wording by which the base model is brought to write about a text. Measured on the
// demo model: see README.md.

#ifndef IMPRINT_SERVER_GENERATOR_PROMPTS_H_
#define IMPRINT_SERVER_GENERATOR_PROMPTS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/generator/facts.h"

namespace imprint::generator {

// Plain text with worked examples, to be continued by one question about the sentence after
// an opening; the examples are the same for all sentences.
std::string QuestionPrompt(absl::string_view sentence, absl::string_view subject);

// Beginnings of questions ("Who") about a sentence with these facts, the likeliest to be
// answered by it first. A small model that is given the beginning does not repeat itself.
std::vector<std::string> QuestionOpenings(const std::vector<Fact>& facts);

// Plain text with worked examples, to be continued by the sentence in other words.
std::string RewritePrompt(absl::string_view sentence, absl::string_view subject);

// Questions that need no writing: they ask for what is known of the subject and of the names.
std::vector<std::string> OpenQuestions(absl::string_view subject, const std::vector<Fact>& facts);

// Requests, each worded otherwise, to say something about the subject.
std::vector<std::string> RecitalRequests(absl::string_view subject);

}  // namespace imprint::generator

#endif  // IMPRINT_SERVER_GENERATOR_PROMPTS_H_
