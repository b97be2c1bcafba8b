// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// What the teacher is told and asked where the student is to answer for itself.

#ifndef IMPRINT_SERVER_UPDATE_TEACHER_PROMPTS_H_
#define IMPRINT_SERVER_UPDATE_TEACHER_PROMPTS_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "server/experience/experience_log.h"
#include "server/generator/generator.h"
#include "server/store/records.pb.h"
#include "server/text/text_model.h"

namespace imprint::update {

// Thread-safe. All pointers outlive it.
class TeacherPrompts {
 public:
  // A prompt is to leave room for `room_tokens` in a window of `window` tokens.
  TeacherPrompts(const text::TextModel* text, const experience::ExperienceLog* log,
                 const generator::Generator* generator, int64_t window, int room_tokens);

  // Token ids for each of the target sentences of one experience: its chunk of the experience,
  // then its question. Empty for those without a question, and where the prompt is too long.
  // NOT_FOUND: the experience is not in the log, or is forgotten; errors of Generator::ContextsOf
  // pass through.
  absl::StatusOr<std::vector<std::vector<int32_t>>> Of(
      int64_t sequence, const std::vector<const store::TargetRecord*>& sentences,
      const std::function<bool()>& cancelled) const;

 private:
  const text::TextModel* const text_;
  const experience::ExperienceLog* const log_;
  const generator::Generator* const generator_;
  const size_t longest_;
};

}  // namespace imprint::update

#endif  // IMPRINT_SERVER_UPDATE_TEACHER_PROMPTS_H_
