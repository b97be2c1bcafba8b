// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/probe/probe_maker.h"

#include <utility>

#include "common/status_macros.h"
#include "server/probe/teacher.h"

namespace imprint::probe {

ProbeMaker::ProbeMaker(const ProbeMakerOptions& options, engine::Engine* engine,
                       engine::SharedVersion base, const text::TextModel* text)
    : options_(options), engine_(engine), base_(std::move(base)), text_(text) {}

absl::StatusOr<std::vector<store::ProbeRecord>> ProbeMaker::Complete(
    std::vector<store::ProbeRecord> probes, const std::vector<std::string>& contexts,
    const std::function<bool()>& cancelled) const {
  if (probes.empty()) return probes;
  std::vector<std::vector<int32_t>> teacher_prompts;
  std::vector<store::TargetRecord> records;
  for (const store::ProbeRecord& probe : probes) {
    IMPRINT_ASSIGN_OR_RETURN(std::vector<int32_t> teacher_prompt,
                             QuestionPrompt(*text_, contexts, probe.question()));
    teacher_prompts.push_back(std::move(teacher_prompt));
    IMPRINT_ASSIGN_OR_RETURN(const std::vector<int32_t> student_prompt,
                             QuestionPrompt(*text_, {}, probe.question()));
    store::TargetRecord& record = records.emplace_back();
    record.set_kind("probe");
    record.set_prompt(probe.question());
    record.mutable_student_prompt_ids()->Add(student_prompt.begin(), student_prompt.end());
  }
  IMPRINT_ASSIGN_OR_RETURN(const auto answers, Answer(*engine_, base_, *text_, teacher_prompts,
                                                      options_.max_answer_tokens, cancelled));
  for (size_t i = 0; i < probes.size(); ++i) {
    records[i].mutable_target_ids()->Add(answers[i].begin(), answers[i].end());
    IMPRINT_ASSIGN_OR_RETURN(std::string answer, text_->Decode(answers[i]));
    records[i].set_text(answer);
    probes[i].set_teacher_answer(std::move(answer));
  }
  IMPRINT_RETURN_IF_ERROR(FillTeacher(*engine_, base_, teacher_prompts, options_.top_k,
                                      absl::MakeSpan(records), cancelled));
  IMPRINT_ASSIGN_OR_RETURN(const std::vector<double> kl_base,
                           SumKl(*engine_, base_, records, cancelled));
  for (size_t i = 0; i < probes.size(); ++i) {
    *probes[i].mutable_teacher() = std::move(records[i]);
    probes[i].set_kl_base(kl_base[i]);
  }
  return probes;
}

}  // namespace imprint::probe
