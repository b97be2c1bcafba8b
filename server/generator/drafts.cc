// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/generator/drafts.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "common/status_macros.h"
#include "server/probe/teacher.h"

namespace imprint::generator {
namespace {

store::TargetRecord MakeRecord(absl::string_view kind, absl::string_view prompt,
                               absl::string_view text, const std::vector<int32_t>& prompt_ids,
                               const std::vector<int32_t>& target_ids) {
  store::TargetRecord record;
  record.set_kind(std::string(kind));
  record.set_prompt(std::string(prompt));
  record.set_text(std::string(text));
  record.mutable_student_prompt_ids()->Add(prompt_ids.begin(), prompt_ids.end());
  record.mutable_target_ids()->Add(target_ids.begin(), target_ids.end());
  return record;
}

}  // namespace

Drafts::Drafts(const text::TextModel& text, std::string context)
    : text_(text), context_(std::move(context)) {}

absl::Status Drafts::AddPlain(absl::string_view kind, const std::string& sentence) {
  IMPRINT_ASSIGN_OR_RETURN(const std::vector<int32_t> target, text_.EncodeContinuation(sentence));
  if (target.empty()) return absl::OkStatus();
  IMPRINT_ASSIGN_OR_RETURN(const std::vector<int32_t> context_ids,
                           text_.EncodeContinuation(absl::StrCat(context_, "\n\n")));
  std::vector<int32_t> teacher_prompt = {text_.text_start_id()};
  teacher_prompt.insert(teacher_prompt.end(), context_ids.begin(), context_ids.end());
  plain_.teacher_prompts.push_back(std::move(teacher_prompt));
  plain_.records.push_back(MakeRecord(kind, "", sentence, {text_.text_start_id()}, target));
  return absl::OkStatus();
}

absl::Status Drafts::AddChat(absl::string_view kind, const std::string& question,
                             const std::string& answer) {
  IMPRINT_ASSIGN_OR_RETURN(std::vector<int32_t> answer_ids, text_.EncodeContinuation(answer));
  answer_ids.push_back(text_.stop_ids().front());
  return AddTurn(kind, question, answer, answer_ids);
}

absl::Status Drafts::AddAnswered(absl::string_view kind, const std::string& question,
                                 const std::vector<int32_t>& answer_ids) {
  IMPRINT_ASSIGN_OR_RETURN(const std::string answer, text_.Decode(answer_ids));
  return AddTurn(kind, question, answer, answer_ids);
}

absl::Status Drafts::AddTurn(absl::string_view kind, const std::string& question,
                             const std::string& answer, const std::vector<int32_t>& answer_ids) {
  IMPRINT_ASSIGN_OR_RETURN(std::vector<int32_t> teacher_prompt,
                           probe::QuestionPrompt(text_, {context_}, question));
  IMPRINT_ASSIGN_OR_RETURN(const std::vector<int32_t> student_prompt,
                           probe::QuestionPrompt(text_, {}, question));
  chat_.teacher_prompts.push_back(std::move(teacher_prompt));
  chat_.records.push_back(MakeRecord(kind, question, answer, student_prompt, answer_ids));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<store::TargetRecord>> Drafts::Finish(
    engine::Engine& engine, const engine::SharedVersion& base, int top_k,
    const std::function<bool()>& cancelled) && {
  std::vector<store::TargetRecord> targets;
  for (Kind* kind : {&plain_, &chat_}) {
    if (kind->records.empty()) continue;
    IMPRINT_RETURN_IF_ERROR(probe::FillTeacher(engine, base, kind->teacher_prompts, top_k,
                                               absl::MakeSpan(kind->records), cancelled));
    IMPRINT_ASSIGN_OR_RETURN(const auto base_kls,
                             probe::TokenKls(engine, base, kind->records, cancelled));
    for (size_t i = 0; i < kind->records.size(); ++i) {
      store::TargetRecord& record = kind->records[i];
      record.mutable_base_kl()->Add(base_kls[i].begin(), base_kls[i].end());
      targets.push_back(std::move(record));
    }
  }
  return targets;
}

}  // namespace imprint::generator
