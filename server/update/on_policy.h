// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// On-policy distillation (Agarwal et al. 2024, arXiv 2306.13649): what the student says itself,
// with the teacher's word on each token of it. A sentence that was written beforehand shows the
// student what it would never say; its own mistakes, such as one text's dates in another's answer,
// it meets only here.

#ifndef IMPRINT_SERVER_UPDATE_ON_POLICY_H_
#define IMPRINT_SERVER_UPDATE_ON_POLICY_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/model/config.h"
#include "server/store/records.pb.h"
#include "server/update/training_batch.h"

namespace imprint::update {

// Gives what the student, as it is now, says to the sentences of these numbers: for each a target
// sentence with its own prompt and the teacher's distribution, or one without target tokens where
// that cannot be asked.
using AnswerFn = std::function<absl::StatusOr<std::vector<store::TargetRecord>>(
    const std::vector<size_t>& asked, uint64_t seed)>;

// Puts the student's answers in the place of some sentences of a training. Used by one thread.
class OnPolicySentences {
 public:
  // `questions` are the numbers of the sentences that ask something. `share` of them is answered
  // in a round, in [0, 1].
  OnPolicySentences(std::vector<size_t> questions, double share, AnswerFn answer);

  // Whether the sentence of this number is the student's own in this round.
  bool IsAnswered(size_t sentence) const { return answered_.contains(sentence); }

  // Whether anybody is ever asked.
  bool enabled() const { return share_ > 0 && !questions_.empty(); }

  // Asks anew; those asked in the round before get their written sentences back first, and
  // others take their turn. `round` counts from 0. Errors of `answer` and of
  // MakeTrainingSentence pass through; `sentences` is then not to be trained on.
  absl::Status AskAgain(int round, uint64_t seed, const model::ModelConfig& config,
                        std::vector<TrainingSentence>& sentences);

 private:
  const std::vector<size_t> questions_;
  const double share_;
  const AnswerFn answer_;
  // Of this round; the sentences view into them.
  std::vector<store::TargetRecord> answers_;
  std::map<size_t, TrainingSentence> answered_;  // what was written in their places
};

}  // namespace imprint::update

#endif  // IMPRINT_SERVER_UPDATE_ON_POLICY_H_
