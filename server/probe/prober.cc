// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/probe/prober.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "common/status_macros.h"
#include "server/probe/kl.h"
#include "server/probe/teacher.h"
#include "server/store/teacher_codec.h"

namespace imprint::probe {
namespace {

// Tokens of a version's own answer beyond the teacher's: room to see it go on too long.
constexpr int kAnswerSlack = 16;

// What a version said of one text whose base distribution is known.
struct TextScore {
  double kl = 0;
  // Sum of log p(base) - log p(version) over the `compared` tokens.
  double log_ratio = 0;
  int64_t compared = 0;
  int64_t tokens = 0;
};

TextScore ScoreText(const store::TargetRecord& text, const store::TeacherRows& base,
                    const engine::ScoreResult& result) {
  TextScore score;
  score.tokens = base.tokens();
  for (int t = 0; t < base.tokens(); ++t) {
    const engine::ScoreResult::Token& token = result.tokens[t];
    score.kl += TopKKl(base.log_probs_of(t), token.requested);
    const absl::Span<const int32_t> ids = base.ids_of(t);
    const auto found = std::find(ids.begin(), ids.end(), text.target_ids(t));
    if (found == ids.end()) continue;
    score.log_ratio += base.log_probs_of(t)[found - ids.begin()] - token.log_prob;
    ++score.compared;
  }
  return score;
}

}  // namespace

std::map<int64_t, double> Efficacies(const std::vector<ProbeScore>& scores) {
  struct Sum {
    double kl_student = 0;
    double kl_base = 0;
    int64_t tokens = 0;
  };
  std::map<int64_t, Sum> sums;
  for (const ProbeScore& score : scores) {
    if (score.probe.sequence() == 0) continue;
    Sum& sum = sums[score.probe.sequence()];
    sum.kl_student += score.kl_student;
    sum.kl_base += score.kl_base;
    sum.tokens += score.tokens;
  }
  std::map<int64_t, double> efficacies;
  for (const auto& [sequence, sum] : sums) {
    if (sum.tokens == 0 || sum.kl_base < kMinMeasurableKl * static_cast<double>(sum.tokens)) {
      continue;
    }
    efficacies[sequence] = 1 - sum.kl_student / sum.kl_base;
  }
  return efficacies;
}

Prober::Prober(engine::Engine* engine, const text::TextModel* text)
    : engine_(engine), text_(text) {}

absl::StatusOr<std::vector<ProbeScore>> Prober::Ask(const engine::SharedVersion& version,
                                                    const std::vector<store::ProbeRecord>& probes,
                                                    bool with_answers,
                                                    const std::function<bool()>& cancelled) const {
  std::vector<ProbeScore> scores;
  if (probes.empty()) return scores;
  std::vector<store::TargetRecord> teachers;
  std::vector<std::vector<int32_t>> prompts;
  int32_t longest_answer = 0;
  for (const store::ProbeRecord& probe : probes) {
    const store::TargetRecord& teacher = probe.teacher();
    teachers.push_back(teacher);
    prompts.emplace_back(teacher.student_prompt_ids().begin(), teacher.student_prompt_ids().end());
    longest_answer = std::max(longest_answer, teacher.target_ids_size());
  }
  IMPRINT_ASSIGN_OR_RETURN(const std::vector<double> kl_student,
                           SumKl(*engine_, version, teachers, cancelled));
  for (size_t i = 0; i < probes.size(); ++i) {
    scores.push_back({.probe = probes[i],
                      .kl_student = kl_student[i],
                      .kl_base = probes[i].kl_base(),
                      .tokens = teachers[i].target_ids_size(),
                      .answer = {}});
  }
  if (with_answers) {
    IMPRINT_ASSIGN_OR_RETURN(const auto answers, Answer(*engine_, version, *text_, prompts,
                                                        longest_answer + kAnswerSlack, cancelled));
    for (size_t i = 0; i < probes.size(); ++i) {
      IMPRINT_ASSIGN_OR_RETURN(scores[i].answer, text_->Decode(answers[i]));
    }
  }
  return scores;
}

absl::StatusOr<RetentionScore> Prober::Retention(const engine::SharedVersion& version,
                                                 const std::vector<store::TargetRecord>& texts,
                                                 const std::function<bool()>& cancelled) const {
  std::vector<store::TeacherRows> bases;
  std::vector<engine::ScoreRequest> requests;
  for (const store::TargetRecord& text : texts) {
    IMPRINT_ASSIGN_OR_RETURN(store::TeacherRows base, store::UnpackTeacher(text));
    engine::ScoreRequest request{
        .version = version,
        .prompt = {text.student_prompt_ids().begin(), text.student_prompt_ids().end()},
        .target = {text.target_ids().begin(), text.target_ids().end()},
        .requested_ids = {},
        .priority = engine::Priority::kBackground};
    for (int t = 0; t < base.tokens(); ++t) {
      const absl::Span<const int32_t> ids = base.ids_of(t);
      request.requested_ids.emplace_back(ids.begin(), ids.end());
    }
    requests.push_back(std::move(request));
    bases.push_back(std::move(base));
  }
  RetentionScore retention;
  if (requests.empty()) return retention;
  IMPRINT_ASSIGN_OR_RETURN(const std::vector<engine::ScoreResult> results,
                           engine_->ScoreAll(std::move(requests), cancelled));
  TextScore sum;
  for (size_t i = 0; i < results.size(); ++i) {
    const TextScore score = ScoreText(texts[i], bases[i], results[i]);
    sum.kl += score.kl;
    sum.log_ratio += score.log_ratio;
    sum.compared += score.compared;
    sum.tokens += score.tokens;
  }
  retention.tokens = sum.tokens;
  if (sum.tokens > 0) retention.kl = sum.kl / static_cast<double>(sum.tokens);
  if (sum.compared > 0) {
    retention.perplexity_ratio = std::exp(sum.log_ratio / static_cast<double>(sum.compared));
  }
  return retention;
}

}  // namespace imprint::probe
