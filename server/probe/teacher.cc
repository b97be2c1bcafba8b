// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/probe/teacher.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "common/status_macros.h"
#include "server/probe/kl.h"
#include "server/store/teacher_codec.h"
#include "server/text/prompt.h"

namespace imprint::probe {

int32_t SharedPrefix(const std::vector<std::vector<int32_t>>& prompts) {
  if (prompts.size() < 2) return 0;
  size_t shared = prompts[0].size();
  for (const auto& prompt : prompts) {
    const auto end =
        std::mismatch(prompts[0].begin(), prompts[0].end(), prompt.begin(), prompt.end());
    shared = std::min<size_t>(shared, end.first - prompts[0].begin());
  }
  return static_cast<int32_t>(shared);
}

absl::StatusOr<std::vector<int32_t>> QuestionPrompt(const text::TextModel& text,
                                                    const std::vector<std::string>& contexts,
                                                    const std::string& question) {
  const std::vector<text::ChatMessage> messages =
      text::WithContexts(contexts, {{.role = "user", .content = question}});
  return text.EncodeChat(messages, /*add_generation_prompt=*/true);
}

absl::StatusOr<std::vector<std::vector<int32_t>>> Answer(
    engine::Engine& engine, const engine::SharedVersion& version, const text::TextModel& text,
    const std::vector<std::vector<int32_t>>& prompts, int max_tokens,
    const std::function<bool()>& cancelled) {
  const int32_t shared = SharedPrefix(prompts);
  std::vector<engine::GenerateRequest> requests;
  requests.reserve(prompts.size());
  for (const std::vector<int32_t>& prompt : prompts) {
    requests.push_back({.version = version,
                        .prompt = prompt,
                        .max_tokens = max_tokens,
                        .sampling = {},
                        .stop_ids = text.stop_ids(),
                        .shared_prefix = shared,
                        .priority = engine::Priority::kBackground});
  }
  IMPRINT_ASSIGN_OR_RETURN(std::vector<engine::GenerateResult> results,
                           engine.GenerateAll(std::move(requests), cancelled));
  std::vector<std::vector<int32_t>> answers;
  answers.reserve(results.size());
  for (engine::GenerateResult& result : results) {
    if (result.finish_reason == engine::FinishReason::kStop) {
      result.tokens.push_back(text.stop_ids().front());
    }
    answers.push_back(std::move(result.tokens));
  }
  return answers;
}

absl::Status FillTeacher(engine::Engine& engine, const engine::SharedVersion& version,
                         const std::vector<std::vector<int32_t>>& prompts, int top_k,
                         absl::Span<store::TargetRecord> records,
                         const std::function<bool()>& cancelled) {
  const int32_t shared = SharedPrefix(prompts);
  std::vector<engine::ScoreRequest> requests;
  requests.reserve(records.size());
  for (size_t i = 0; i < records.size(); ++i) {
    requests.push_back({.version = version,
                        .prompt = prompts[i],
                        .target = {records[i].target_ids().begin(), records[i].target_ids().end()},
                        .top_k = top_k,
                        .requested_ids = {},
                        .shared_prefix = shared,
                        .priority = engine::Priority::kBackground});
  }
  IMPRINT_ASSIGN_OR_RETURN(const std::vector<engine::ScoreResult> results,
                           engine.ScoreAll(std::move(requests), cancelled));
  for (size_t i = 0; i < records.size(); ++i) {
    store::TeacherRows rows;
    for (const engine::ScoreResult::Token& token : results[i].tokens) {
      rows.k = static_cast<int>(token.top.ids.size());
      rows.ids.insert(rows.ids.end(), token.top.ids.begin(), token.top.ids.end());
      rows.log_probs.insert(rows.log_probs.end(), token.top.log_probs.begin(),
                            token.top.log_probs.end());
    }
    store::PackTeacher(rows, records[i]);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::vector<double>>> TokenKls(
    engine::Engine& engine, const engine::SharedVersion& version,
    absl::Span<const store::TargetRecord> records, const std::function<bool()>& cancelled) {
  std::vector<store::TeacherRows> teachers;
  std::vector<engine::ScoreRequest> requests;
  for (const store::TargetRecord& record : records) {
    IMPRINT_ASSIGN_OR_RETURN(store::TeacherRows teacher, store::UnpackTeacher(record));
    engine::ScoreRequest request{
        .version = version,
        .prompt = {record.student_prompt_ids().begin(), record.student_prompt_ids().end()},
        .target = {record.target_ids().begin(), record.target_ids().end()},
        .requested_ids = {},
        .priority = engine::Priority::kBackground};
    for (int t = 0; t < teacher.tokens(); ++t) {
      const absl::Span<const int32_t> ids = teacher.ids_of(t);
      request.requested_ids.emplace_back(ids.begin(), ids.end());
    }
    requests.push_back(std::move(request));
    teachers.push_back(std::move(teacher));
  }
  IMPRINT_ASSIGN_OR_RETURN(const std::vector<engine::ScoreResult> results,
                           engine.ScoreAll(std::move(requests), cancelled));
  std::vector<std::vector<double>> kls;
  for (size_t i = 0; i < results.size(); ++i) {
    std::vector<double>& of_record = kls.emplace_back();
    for (int t = 0; t < teachers[i].tokens(); ++t) {
      of_record.push_back(TopKKl(teachers[i].log_probs_of(t), results[i].tokens[t].requested));
    }
  }
  return kls;
}

absl::StatusOr<std::vector<double>> SumKl(engine::Engine& engine,
                                          const engine::SharedVersion& version,
                                          absl::Span<const store::TargetRecord> records,
                                          const std::function<bool()>& cancelled) {
  IMPRINT_ASSIGN_OR_RETURN(const auto kls, TokenKls(engine, version, records, cancelled));
  std::vector<double> sums;
  for (const std::vector<double>& of_record : kls) {
    sums.push_back(std::accumulate(of_record.begin(), of_record.end(), 0.0));
  }
  return sums;
}

}  // namespace imprint::probe
