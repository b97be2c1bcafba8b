// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/update/step_gradient.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <cmath>

#include "server/model/network.h"
#include "server/update/kl_loss.h"
#include "server/update/packer.h"

namespace imprint::update {
namespace {

// A part smaller than this spends its time on what it has in common with the others.
constexpr int64_t kLeastPartTokens = 64;

SentenceList Pick(const SentenceList& sentences, const std::vector<size_t>& chosen) {
  SentenceList picked;
  picked.reserve(chosen.size());
  for (const size_t i : chosen) picked.push_back(sentences[i]);
  return picked;
}

at::Tensor ForwardOf(const model::Weights& base, const SentenceList& targets,
                     const SentenceList& retention, const PackedBatch& packed,
                     const FrozenStates* frozen, const model::ForwardOptions& forward) {
  if (frozen == nullptr) {
    return model::Network::Forward(base, packed.tokens, packed.segments, forward);
  }
  TORCH_CHECK(frozen->layers() <= forward.adapter->first_layer, "trained blocks are not frozen");
  std::vector<PackItem> items = ItemsOf(targets);
  for (const PackItem& item : ItemsOf(retention)) items.push_back(item);
  return model::Network::ForwardFrom(base, frozen->layers(),
                                     frozen->Of(items, packed, forward.layer_hook), packed.segments,
                                     forward);
}

StepGradient ComputePart(const model::Weights& base, const model::Adapter& adapter,
                         const SentenceList& targets, const SentenceList& retention,
                         const TokenWeights& weights, const FrozenStates* frozen,
                         engine::ComputeShare* share) {
  const at::AutoGradMode with_grad(true);
  const TrainingBatch batch = MakeTrainingBatch(targets, retention, weights, base.placement.device);
  model::ForwardOptions forward;
  forward.adapter = &adapter;
  if (share != nullptr) forward.layer_hook = [share] { share->Yield(); };
  const at::Tensor hidden = ForwardOf(base, targets, retention, batch.packed, frozen, forward);
  const KlLoss loss = BatchLoss(base, hidden.detach().index_select(0, batch.target_rows), batch,
                                /*with_grad=*/true, forward.layer_hook);

  StepGradient part;
  part.loss = loss.sum;
  part.tokens = static_cast<int64_t>(batch.packed.tokens.size()) - batch.packed.padding;
  int64_t row = 0;
  for (size_t i = 0; i < batch.tokens.size(); ++i) {
    std::vector<double>& kl = i < targets.size() ? part.target_kl : part.retention_kl;
    kl.push_back(loss.kl_T.narrow(0, row, batch.tokens[i]).sum().item<double>());
    row += batch.tokens[i];
  }
  if (!std::isfinite(loss.sum)) return part;

  // The rows are all different, so that this is a copy and not a sum, whose order a GPU
  // does not fix.
  at::Tensor grad_hidden = at::zeros_like(hidden);
  grad_hidden.index_copy_(0, batch.target_rows, loss.grad_hidden_TD.to(hidden.scalar_type()));
  part.gradients = torch::autograd::grad({hidden}, adapter.Parameters(), {grad_hidden},
                                         /*retain_graph=*/std::nullopt, /*create_graph=*/false,
                                         /*allow_unused=*/true);
  return part;
}

// Adds the gradients of a part to those of the step.
void Add(const std::vector<at::Tensor>& part, std::vector<at::Tensor>& step) {
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> sums, terms;
  for (size_t i = 0; i < part.size(); ++i) {
    if (!part[i].defined()) continue;
    if (!step[i].defined()) {
      step[i] = part[i];
      continue;
    }
    sums.push_back(step[i]);
    terms.push_back(part[i]);
  }
  if (!sums.empty()) at::_foreach_add_(sums, terms);
}

}  // namespace

int64_t StepParts(int64_t tokens, at::Device device) {
  if (!device.is_cpu()) return 1;
  const int64_t threads = at::get_num_threads();
  const int64_t parts = std::clamp<int64_t>(tokens / kLeastPartTokens, 1, threads);
  return 2 * parts > threads ? parts : 1;
}

StepGradient ComputeStepGradient(const model::Weights& base, const model::Adapter& adapter,
                                 const SentenceList& targets, const SentenceList& retention,
                                 const TokenWeights& weights, const FrozenStates* frozen,
                                 engine::ComputeShare* share) {
  const std::vector<PackItem> target_items = ItemsOf(targets);
  const std::vector<PackItem> retention_items = ItemsOf(retention);
  std::vector<PackItem> items = target_items;
  items.insert(items.end(), retention_items.begin(), retention_items.end());
  const auto tokens = static_cast<int64_t>(Pack(items).tokens.size());
  const std::vector<BatchPlan> plans =
      SplitBatch(target_items, retention_items, StepParts(tokens, base.placement.device));
  // In a region of parallel_for each operator would run in one thread.
  if (plans.size() == 1) {
    return ComputePart(base, adapter, targets, retention, weights, frozen, share);
  }
  std::vector<StepGradient> parts(plans.size());
  at::parallel_for(0, static_cast<int64_t>(plans.size()), /*grain_size=*/1,
                   [&](int64_t begin, int64_t end) {
                     for (int64_t i = begin; i < end; ++i) {
                       const BatchPlan& plan = plans[static_cast<size_t>(i)];
                       parts[static_cast<size_t>(i)] =
                           ComputePart(base, adapter, Pick(targets, plan.targets),
                                       Pick(retention, plan.retention), weights, frozen, share);
                     }
                   });

  StepGradient step;
  step.target_kl.resize(targets.size());
  step.retention_kl.resize(retention.size());
  for (size_t p = 0; p < parts.size(); ++p) {
    const StepGradient& part = parts[p];
    step.loss += part.loss;
    step.tokens += part.tokens;
    for (size_t i = 0; i < part.target_kl.size(); ++i) {
      step.target_kl[plans[p].targets[i]] = part.target_kl[i];
    }
    for (size_t i = 0; i < part.retention_kl.size(); ++i) {
      step.retention_kl[plans[p].retention[i]] = part.retention_kl[i];
    }
  }
  if (!std::isfinite(step.loss)) return step;
  step.gradients.resize(adapter.Parameters().size());
  for (const StepGradient& part : parts) Add(part.gradients, step.gradients);
  return step;
}

}  // namespace imprint::update
