// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// What one training step computes with: packed tokens, the teacher's distribution and the
// weight of each target token.

#ifndef IMPRINT_SERVER_UPDATE_TRAINING_BATCH_H_
#define IMPRINT_SERVER_UPDATE_TRAINING_BATCH_H_

#include <cstddef>
#include <cstdint>
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

struct TrainingBatch {
  PackedBatch packed;
  at::Tensor target_rows;  // int64 [T], on the device
  TeacherTopK teacher;     // of the T target tokens; k is the least of any sentence's
  // Sums to 1. With w the retention weight: 1 / (1 + w) spread over the new target tokens,
  // w / (1 + w) evenly over the retention tokens, so that the mix does not depend on which
  // sentences a batch happened to get. Where there are only tokens of one kind they
  // have all of it. Of what target tokens get, the share `focus` is spread by how much the
  // context says on each, the rest evenly.
  at::Tensor weight_T;
  // Target tokens of each sentence, first those of `targets`, then those of `retention`.
  std::vector<int64_t> tokens;
};

// Together, `targets` and `retention` are not empty.
TrainingBatch MakeTrainingBatch(const std::vector<const TrainingSentence*>& targets,
                                const std::vector<const TrainingSentence*>& retention,
                                double retention_weight, double focus, at::Device device);

}  // namespace imprint::update

#endif  // IMPRINT_SERVER_UPDATE_TRAINING_BATCH_H_
