// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/update/student_answers.h"

#include <map>
#include <string>
#include <utility>

#include "absl/types/span.h"
#include "common/status_macros.h"
#include "server/probe/teacher.h"

namespace imprint::update {

StudentAnswers::StudentAnswers(const StudentAnswersOptions& options, engine::Engine* engine,
                               engine::SharedVersion base, const text::TextModel* text,
                               const experience::ExperienceLog* log,
                               const generator::Generator* generator)
    : options_(options),
      engine_(engine),
      base_(std::move(base)),
      text_(text),
      log_(log),
      generator_(generator) {}

absl::StatusOr<std::vector<store::TargetRecord>> StudentAnswers::Write(
    const engine::SharedVersion& student, const std::vector<StudentQuestion>& questions,
    uint64_t seed, const std::function<bool()>& cancelled) const {
  std::vector<std::vector<int32_t>> prompts;
  for (const StudentQuestion& question : questions) {
    const auto& ids = question.sentence->student_prompt_ids();
    prompts.emplace_back(ids.begin(), ids.end());
  }
  const engine::SamplingOptions sampling = {
      .temperature = options_.temperature, .top_p = options_.top_p, .seed = seed};
  IMPRINT_ASSIGN_OR_RETURN(std::vector<std::vector<int32_t>> said,
                           probe::Answer(*engine_, student, *text_, prompts,
                                         options_.max_answer_tokens, sampling, cancelled));

  std::vector<store::TargetRecord> answers(questions.size());
  for (size_t i = 0; i < answers.size(); ++i) {
    answers[i].set_kind("student");
    answers[i].set_prompt(questions[i].sentence->prompt());
    *answers[i].mutable_student_prompt_ids() = questions[i].sentence->student_prompt_ids();
    answers[i].mutable_target_ids()->Add(said[i].begin(), said[i].end());
  }
  IMPRINT_RETURN_IF_ERROR(FillTeacher(questions, answers, cancelled));
  IMPRINT_ASSIGN_OR_RETURN(const auto kls, probe::TokenKls(*engine_, student, answers, cancelled));
  for (size_t i = 0; i < answers.size(); ++i) {
    answers[i].mutable_base_kl()->Add(kls[i].begin(), kls[i].end());
  }
  return answers;
}

absl::Status StudentAnswers::FillTeacher(const std::vector<StudentQuestion>& questions,
                                         std::vector<store::TargetRecord>& answers,
                                         const std::function<bool()>& cancelled) const {
  std::map<int64_t, std::vector<size_t>> by_experience;
  for (size_t i = 0; i < questions.size(); ++i) {
    by_experience[questions[i].sequence].push_back(i);
  }
  // One experience after another, so that its context is computed once.
  for (const auto& [sequence, members] : by_experience) {
    IMPRINT_ASSIGN_OR_RETURN(const store::ExperienceRecord experience, log_->Get(sequence));
    std::vector<const store::TargetRecord*> sentences;
    for (const size_t i : members) sentences.push_back(questions[i].sentence);
    IMPRINT_ASSIGN_OR_RETURN(const std::vector<std::string> contexts,
                             generator_->ContextsOf(experience, sentences, cancelled));
    std::vector<std::vector<int32_t>> prompts;
    std::vector<store::TargetRecord> judged;
    for (size_t i = 0; i < members.size(); ++i) {
      IMPRINT_ASSIGN_OR_RETURN(
          std::vector<int32_t> prompt,
          probe::QuestionPrompt(*text_, {contexts[i]}, sentences[i]->prompt()));
      prompts.push_back(std::move(prompt));
      judged.push_back(std::move(answers[members[i]]));
    }
    IMPRINT_RETURN_IF_ERROR(probe::FillTeacher(*engine_, base_, prompts, options_.top_k,
                                               absl::MakeSpan(judged), cancelled));
    for (size_t i = 0; i < members.size(); ++i) answers[members[i]] = std::move(judged[i]);
  }
  return absl::OkStatus();
}

}  // namespace imprint::update
