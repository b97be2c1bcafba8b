// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Lets a student in training answer questions, and the teacher judge what it says.

#ifndef IMPRINT_SERVER_UPDATE_STUDENT_ANSWERS_H_
#define IMPRINT_SERVER_UPDATE_STUDENT_ANSWERS_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "server/engine/engine.h"
#include "server/experience/experience_log.h"
#include "server/generator/generator.h"
#include "server/store/records.pb.h"
#include "server/text/text_model.h"

namespace imprint::update {

struct StudentAnswersOptions {
  int max_answer_tokens = 36;  // (--generator.max_answer_tokens)
  int top_k = 20;              // (--update.top_k)
  // Not greedy: it is to meet what it nearly says as well.
  float temperature = 0.7F;
  float top_p = 0.95F;
};

// A target sentence that asks something, and the experience that it is about.
struct StudentQuestion {
  int64_t sequence = 0;
  const store::TargetRecord* sentence = nullptr;
};

// Thread-safe. All pointers outlive it.
class StudentAnswers {
 public:
  StudentAnswers(const StudentAnswersOptions& options, engine::Engine* engine,
                 engine::SharedVersion base, const text::TextModel* text,
                 const experience::ExperienceLog* log, const generator::Generator* generator);

  // One target sentence of kind "student" for each question: what `student` says to it without
  // the context, sampled from `seed`, with the distribution of the base model with the context
  // in its prompt; its base_kl is how far the student is from that. As background work of the
  // engine. NOT_FOUND: an experience is not in the log; errors of the engine pass through.
  absl::StatusOr<std::vector<store::TargetRecord>> Write(
      const engine::SharedVersion& student, const std::vector<StudentQuestion>& questions,
      uint64_t seed, const std::function<bool()>& cancelled) const;

 private:
  absl::Status FillTeacher(const std::vector<StudentQuestion>& questions,
                           std::vector<store::TargetRecord>& answers,
                           const std::function<bool()>& cancelled) const;

  const StudentAnswersOptions options_;
  engine::Engine* const engine_;
  const engine::SharedVersion base_;
  const text::TextModel* const text_;
  const experience::ExperienceLog* const log_;
  const generator::Generator* const generator_;
};

}  // namespace imprint::update

#endif  // IMPRINT_SERVER_UPDATE_STUDENT_ANSWERS_H_
