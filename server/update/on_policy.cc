// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/update/on_policy.h"

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace imprint::update {

OnPolicySentences::OnPolicySentences(std::vector<size_t> questions, double share, AnswerFn answer)
    : questions_(std::move(questions)), share_(share), answer_(std::move(answer)) {}

absl::Status OnPolicySentences::AskAgain(int round, uint64_t seed, const model::ModelConfig& config,
                                         std::vector<TrainingSentence>& sentences) {
  for (auto& [index, sentence] : answered_) sentences[index] = std::move(sentence);
  answered_.clear();
  answers_.clear();

  // Evenly spread, and moved on by one in each round.
  std::vector<size_t> asked;
  for (size_t i = 0; i < questions_.size(); ++i) {
    const double place = static_cast<double>(i) + round;
    if (std::floor((place + 1) * share_) > std::floor(place * share_)) {
      asked.push_back(questions_[i]);
    }
  }
  if (asked.empty()) return absl::OkStatus();

  IMPRINT_ASSIGN_OR_RETURN(answers_, answer_(asked, seed));
  if (answers_.size() != asked.size()) {
    return absl::InternalError(absl::StrCat("the student was asked ", asked.size(),
                                            " questions and gave ", answers_.size(), " answers"));
  }
  for (size_t i = 0; i < asked.size(); ++i) {
    if (answers_[i].target_ids().empty()) continue;
    IMPRINT_ASSIGN_OR_RETURN(TrainingSentence answered, MakeTrainingSentence(answers_[i], config));
    answered_.emplace(asked[i], std::exchange(sentences[asked[i]], std::move(answered)));
  }
  return absl::OkStatus();
}

}  // namespace imprint::update
