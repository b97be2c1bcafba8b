// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// What one training step computes with: packed tokens, the teacher's distribution and the
// weight of each target token.

#ifndef IMPRINT_SERVER_UPDATE_TRAINING_BATCH_H_
#define IMPRINT_SERVER_UPDATE_TRAINING_BATCH_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "ATen/core/TensorBody.h"
#include "absl/status/statusor.h"
#include "server/model/config.h"
#include "server/store/records.pb.h"
#include "server/store/teacher_codec.h"
#include "server/update/kl_loss.h"
#include "server/update/packer.h"

namespace imprint::update {

// A target sentence as training reads it. The record outlives it.
struct TrainingSentence {
  PackItem item;
  store::TeacherRows teacher;
  // How much the context says on each target token (TargetRecord.base_kl); empty: unknown.
  absl::Span<const float> base_kl;
};

// Checks that this model can be trained on the record: lengths agree, ids lie in the
// vocabulary, prompt and target fit the window. INVALID_ARGUMENT says what is wrong;
// DATA_LOSS where the teacher's distribution cannot be read.
absl::StatusOr<TrainingSentence> MakeTrainingSentence(const store::TargetRecord& record,
                                                      const model::ModelConfig& config);

// Makes the teacher sure of the target tokens, so that its KL is the next-token loss: what
// ordinary fine-tuning minimises.
void BecomeSure(TrainingSentence& sentence);

using SentenceList = std::vector<const TrainingSentence*>;

// What the packer wants to know of them.
std::vector<PackItem> ItemsOf(const SentenceList& sentences);

// How the loss of a step is spread over its tokens; all weights together are 1. With w the
// retention weight: 1 / (1 + w) spread over the new target tokens, w / (1 + w) evenly over
// the retention tokens, so that the mix does not depend on which sentences a step happened to
// get. Where there are only tokens of one kind they have all of it. Of what target tokens
// get, the share `focus` is spread by how much the context says on each, the rest evenly.
class TokenWeights {
 public:
  TokenWeights(const SentenceList& targets, const SentenceList& retention, double retention_weight,
               double focus);

  double OfTarget(const TrainingSentence& sentence, size_t token) const;
  double OfRetention() const { return retention_share_ / retention_tokens_; }

 private:
  double focus_ = 0;
  double retention_share_ = 0;
  double target_tokens_ = 0;
  double retention_tokens_ = 0;
  double said_ = 0;  // by the context, on all target tokens
};

struct TrainingBatch {
  PackedBatch packed;
  at::Tensor target_rows;  // int64 [T], on the device
  // The teacher on the target tokens of the new sentences, and on the others, those of the
  // retention text: each with the least k of any of its sentences. Undefined where there are none.
  TeacherTopK teacher;
  TeacherTopK retention_teacher;
  at::Tensor weight_T;  // of each target token in the loss
  // Target tokens of each sentence, first those of `targets`, then those of `retention`.
  std::vector<int64_t> tokens;
};

// A step, or the part of it that is computed together. Together, `targets` and `retention`
// are not empty; `weights` are of the step.
TrainingBatch MakeTrainingBatch(const SentenceList& targets, const SentenceList& retention,
                                const TokenWeights& weights, at::Device device);

// The loss of the batch's T target tokens; `hidden_TD` are the states that predict them. As
// TopKKlLoss.
KlLoss BatchLoss(const model::Weights& weights, const at::Tensor& hidden_TD,
                 const TrainingBatch& batch, bool with_grad,
                 const std::function<void()>& between_chunks = {});

}  // namespace imprint::update

#endif  // IMPRINT_SERVER_UPDATE_TRAINING_BATCH_H_
