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
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/model/adapter.h"
#include "server/store/records.pb.h"
#include "server/update/training_batch.h"

namespace imprint::update {

// The student's own answers to the questions of `asked`, each with the student's prompt and
// the teacher's distribution, in the same order. The same student, questions and seed give the
// same answers where nothing else is asked of the engine meanwhile.
using AnswerFn = std::function<absl::StatusOr<std::vector<store::TargetRecord>>(
    const model::Adapter& student, const std::vector<const store::TargetRecord*>& asked,
    uint64_t seed)>;

// Puts the student's answers in the place of some sentences of a training. Used by one thread.
class OnPolicySentences {
 public:
  // `records[i]` is what the i-th sentence of the training was made of; those without a question
  // are never changed. `share` of the others is, in [0, 1]. The records outlive it.
  OnPolicySentences(std::vector<const store::TargetRecord*> records, double share, AnswerFn answer);

  bool enabled() const { return share_ > 0 && answer_ != nullptr; }

  // Asks `student` anew; those asked in the round before get their written sentences back first,
  // and others take their turn. `rounds` counts from 0. Errors of `answer` and of
  // MakeTrainingSentence pass through; `sentences` is then not to be trained on.
  absl::Status AskAgain(const model::Adapter& student, int round, uint64_t seed,
                        const model::ModelConfig& config, std::vector<TrainingSentence>& sentences);

 private:
  const std::vector<const store::TargetRecord*> records_;
  const double share_;
  const AnswerFn answer_;
  // Of this round; the sentences view into them.
  std::vector<store::TargetRecord> answers_;
  std::vector<std::pair<size_t, TrainingSentence>> written_;
};

}  // namespace imprint::update

#endif  // IMPRINT_SERVER_UPDATE_ON_POLICY_H_
