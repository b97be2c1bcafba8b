// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/update/teacher_prompts.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "server/probe/teacher.h"

namespace imprint::update {

TeacherPrompts::TeacherPrompts(const text::TextModel* text, const experience::ExperienceLog* log,
                               const generator::Generator* generator, int64_t window,
                               int room_tokens)
    : text_(text),
      log_(log),
      generator_(generator),
      longest_(static_cast<size_t>(std::max<int64_t>(window - room_tokens, 0))) {}

absl::StatusOr<std::vector<std::vector<int32_t>>> TeacherPrompts::Of(
    int64_t sequence, const std::vector<const store::TargetRecord*>& sentences,
    const std::function<bool()>& cancelled) const {
  IMPRINT_ASSIGN_OR_RETURN(const store::ExperienceRecord experience, log_->Get(sequence));
  if (log_->IsForgotten(sequence)) {
    return absl::NotFoundError(absl::StrCat("experiences/", sequence, " is forgotten"));
  }
  IMPRINT_ASSIGN_OR_RETURN(const std::vector<std::string> contexts,
                           generator_->ContextsOf(experience, sentences, cancelled));
  std::vector<std::vector<int32_t>> prompts(sentences.size());
  for (size_t i = 0; i < sentences.size(); ++i) {
    if (sentences[i]->prompt().empty()) continue;
    IMPRINT_ASSIGN_OR_RETURN(std::vector<int32_t> prompt,
                             probe::QuestionPrompt(*text_, {contexts[i]}, sentences[i]->prompt()));
    if (prompt.size() <= longest_) prompts[i] = std::move(prompt);
  }
  return prompts;
}

}  // namespace imprint::update
