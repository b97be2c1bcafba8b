// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/update/training_batch.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace imprint::update {
namespace {

absl::Status CheckIds(absl::Span<const int32_t> ids, const char* what, int64_t vocab_size) {
  if (ids.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("target sentence without ", what));
  }
  for (const int32_t id : ids) {
    if (id < 0 || id >= vocab_size) {
      return absl::InvalidArgumentError(absl::StrCat("target sentence with the id ", id, " in its ",
                                                     what, "; the vocabulary has ", vocab_size));
    }
  }
  return absl::OkStatus();
}

PackItem ItemOf(const store::TargetRecord& record) {
  return {absl::MakeConstSpan(record.student_prompt_ids()),
          absl::MakeConstSpan(record.target_ids())};
}

// A token on which the context says more than this counts as one on which it says this much:
// one surprise must not outweigh a sentence.
constexpr float kMostSaid = 4;

double Said(const TrainingSentence& sentence, size_t token) {
  return sentence.base_kl.empty() ? 0 : std::min(sentence.base_kl[token], kMostSaid);
}

// The teacher on all target tokens of `sentences`, with the least k of any of them.
TeacherTopK TeacherOf(const SentenceList& sentences, at::Device device) {
  if (sentences.empty()) return {};
  int64_t tokens = 0, k = std::numeric_limits<int64_t>::max();
  for (const TrainingSentence* sentence : sentences) {
    tokens += sentence->teacher.tokens();
    k = std::min<int64_t>(k, sentence->teacher.k);
  }
  const at::TensorOptions on_cpu = at::TensorOptions().device(at::kCPU);
  const at::Tensor ids_TK = at::empty({tokens, k}, on_cpu.dtype(at::kLong));
  const at::Tensor log_probs_TK = at::empty({tokens, k}, on_cpu.dtype(at::kFloat));
  int64_t row = 0;
  for (const TrainingSentence* sentence : sentences) {
    const store::TeacherRows& teacher = sentence->teacher;
    for (int t = 0; t < teacher.tokens(); ++t, ++row) {
      // A row is sorted, the most likely token first.
      std::copy_n(teacher.ids_of(t).begin(), k, ids_TK.data_ptr<int64_t>() + row * k);
      std::copy_n(teacher.log_probs_of(t).begin(), k, log_probs_TK.data_ptr<float>() + row * k);
    }
  }
  return {ids_TK.to(device), log_probs_TK.to(device)};
}

}  // namespace

absl::StatusOr<TrainingSentence> MakeTrainingSentence(const store::TargetRecord& record,
                                                      const model::ModelConfig& config) {
  TrainingSentence sentence{ItemOf(record), {}, {}};
  IMPRINT_RETURN_IF_ERROR(CheckIds(sentence.item.prompt, "prompt", config.vocab_size));
  IMPRINT_RETURN_IF_ERROR(CheckIds(sentence.item.target, "target", config.vocab_size));
  const size_t length = sentence.item.prompt.size() + sentence.item.target.size();
  if (static_cast<int64_t>(length) > config.max_positions) {
    return absl::InvalidArgumentError(
        absl::StrCat("target sentence of ", length,
                     " tokens with its prompt; the model's window is ", config.max_positions));
  }
  IMPRINT_ASSIGN_OR_RETURN(sentence.teacher, store::UnpackTeacher(record));
  IMPRINT_RETURN_IF_ERROR(
      CheckIds(sentence.teacher.ids, "teacher's distribution", config.vocab_size));
  if (record.base_kl_size() == record.target_ids_size()) sentence.base_kl = record.base_kl();
  return sentence;
}

void BecomeSure(TrainingSentence& sentence) {
  store::TeacherRows& teacher = sentence.teacher;
  for (int t = 0; t < teacher.tokens(); ++t) {
    const auto ids = teacher.ids.begin() + int64_t{t} * teacher.k;
    const auto log_probs = teacher.log_probs.begin() + int64_t{t} * teacher.k;
    const int32_t target = sentence.item.target[static_cast<size_t>(t)];
    // The row keeps its other ids, all different, without their mass; where the target was
    // not among them it takes the place of the least likely one.
    const auto found = std::find(ids, ids + teacher.k - 1, target);
    *found = target;
    std::iter_swap(ids, found);
    std::fill_n(log_probs, teacher.k, -std::numeric_limits<float>::infinity());
    *log_probs = 0;
  }
}

std::vector<PackItem> ItemsOf(const SentenceList& sentences) {
  std::vector<PackItem> items;
  items.reserve(sentences.size());
  for (const TrainingSentence* sentence : sentences) items.push_back(sentence->item);
  return items;
}

TokenWeights::TokenWeights(const SentenceList& targets, const SentenceList& retention,
                           double retention_weight, double focus)
    : focus_(focus), retention_share_(retention_weight / (1 + retention_weight)) {
  for (const TrainingSentence* sentence : targets) {
    target_tokens_ += static_cast<double>(sentence->item.target.size());
    for (size_t t = 0; t < sentence->item.target.size(); ++t) said_ += Said(*sentence, t);
  }
  for (const TrainingSentence* sentence : retention) {
    retention_tokens_ += static_cast<double>(sentence->item.target.size());
  }
  if (retention_tokens_ == 0) retention_share_ = 0;
  if (target_tokens_ == 0) retention_share_ = 1;
}

double TokenWeights::OfTarget(const TrainingSentence& sentence, size_t token) const {
  const double even = 1 / target_tokens_;
  const double spread =
      said_ == 0 ? even : (1 - focus_) * even + focus_ * Said(sentence, token) / said_;
  return (1 - retention_share_) * spread;
}

TrainingBatch MakeTrainingBatch(const SentenceList& targets, const SentenceList& retention,
                                const TokenWeights& weights, at::Device device) {
  SentenceList sentences = targets;
  sentences.insert(sentences.end(), retention.begin(), retention.end());

  TrainingBatch batch;
  int64_t tokens = 0;
  for (const TrainingSentence* sentence : sentences) {
    batch.tokens.push_back(static_cast<int64_t>(sentence->item.target.size()));
    tokens += batch.tokens.back();
  }
  batch.packed = Pack(ItemsOf(sentences));
  PadForDevice(device, batch.packed);

  const at::TensorOptions on_cpu = at::TensorOptions().device(at::kCPU);
  const at::Tensor weight_T = at::empty({tokens}, on_cpu.dtype(at::kFloat));
  int64_t row = 0;
  for (size_t i = 0; i < sentences.size(); ++i) {
    const bool retained = i >= targets.size();
    for (int64_t t = 0; t < batch.tokens[i]; ++t, ++row) {
      const double weight = retained ? weights.OfRetention()
                                     : weights.OfTarget(*sentences[i], static_cast<size_t>(t));
      weight_T.data_ptr<float>()[row] = static_cast<float>(weight);
    }
  }
  batch.teacher = TeacherOf(targets, device);
  batch.retention_teacher = TeacherOf(retention, device);
  batch.weight_T = weight_T.to(device);
  batch.target_rows = at::tensor(batch.packed.target_rows, on_cpu.dtype(at::kLong)).to(device);
  return batch;
}

KlLoss BatchLoss(const model::Weights& weights, const at::Tensor& hidden_TD,
                 const TrainingBatch& batch, bool with_grad,
                 const std::function<void()>& between_chunks) {
  KlLoss loss;
  std::vector<at::Tensor> kl, gradients;
  int64_t begin = 0;
  for (const TeacherTopK* teacher : {&batch.teacher, &batch.retention_teacher}) {
    if (!teacher->ids_TK.defined()) continue;
    const int64_t count = teacher->ids_TK.size(0);
    KlLoss part = TopKKlLoss(weights, hidden_TD.narrow(0, begin, count), *teacher,
                             batch.weight_T.narrow(0, begin, count), with_grad, between_chunks);
    begin += count;
    loss.sum += part.sum;
    kl.push_back(std::move(part.kl_T));
    if (with_grad) gradients.push_back(std::move(part.grad_hidden_TD));
  }
  loss.kl_T = at::cat(kl);
  if (with_grad) loss.grad_hidden_TD = at::cat(gradients);
  return loss;
}

}  // namespace imprint::update
