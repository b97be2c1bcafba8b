// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/update/on_policy.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace imprint::update {

OnPolicySentences::OnPolicySentences(std::vector<const store::TargetRecord*> records, double share,
                                     AnswerFn answer)
    : records_(std::move(records)), share_(share), answer_(std::move(answer)) {}

absl::Status OnPolicySentences::AskAgain(const model::Adapter& student, int round, uint64_t seed,
                                         const model::ModelConfig& config,
                                         std::vector<TrainingSentence>& sentences) {
  for (auto& [index, sentence] : written_) sentences[index] = std::move(sentence);
  written_.clear();
  answers_.clear();

  // Evenly spread over the questions, and moved on by one in each round.
  std::vector<size_t> chosen;
  std::vector<const store::TargetRecord*> asked;
  double place = round;
  for (size_t i = 0; i < records_.size(); ++i) {
    if (records_[i]->prompt().empty()) continue;
    const bool is_due = std::floor((place + 1) * share_) > std::floor(place * share_);
    ++place;
    if (!is_due) continue;
    chosen.push_back(i);
    asked.push_back(records_[i]);
  }
  if (chosen.empty()) return absl::OkStatus();

  IMPRINT_ASSIGN_OR_RETURN(answers_, answer_(student, asked, seed));
  if (answers_.size() != chosen.size()) {
    return absl::InternalError(absl::StrCat("the student was asked ", chosen.size(),
                                            " questions and gave ", answers_.size(), " answers"));
  }
  for (size_t i = 0; i < chosen.size(); ++i) {
    IMPRINT_ASSIGN_OR_RETURN(TrainingSentence answered, MakeTrainingSentence(answers_[i], config));
    written_.emplace_back(chosen[i], std::exchange(sentences[chosen[i]], std::move(answered)));
  }
  return absl::OkStatus();
}

}  // namespace imprint::update
