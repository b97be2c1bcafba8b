// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Where the time of a training step goes when its threads share each product, beside the step
// computed in parts, as the distiller does, and what its matrix products alone would take.
// Usage: training_bench MODEL_DIR [batch_tokens] [threads] [f32|bf16] [frozen_bytes]
//
// The sentences have the shape of real ones (a common system prompt, questions, answers,
// plain sentences, retention text); their tokens are random.

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/model/adapter.h"
#include "server/model/multiply.h"
#include "server/model/network.h"
#include "server/model/weights.h"
#include "server/store/teacher_codec.h"
#include "server/update/adamw.h"
#include "server/update/distiller.h"
#include "server/update/frozen_states.h"
#include "server/update/kl_loss.h"
#include "server/update/step_gradient.h"
#include "server/update/training_batch.h"
#include "server/update/training_memory.h"

namespace imprint::update {
namespace {

constexpr int kTopK = 20;
constexpr int kSteps = 5;

struct Step {
  SentenceList targets, retention;
  TokenWeights Weights() const { return {targets, retention, 1.0, 0.5}; }
};

class Sentences {
 public:
  explicit Sentences(const model::ModelConfig& config) : config_(config) {
    system_ = Ids(24);
    for (int i = 0; i < 60; ++i) {
      std::vector<int32_t> chat = system_;
      for (const int32_t id : Ids(16)) chat.push_back(id);
      Add(chat, Ids(20), targets_);
      Add({1}, Ids(26), targets_);
      Add({1}, Ids(64), retention_);
    }
    for (const auto* list : {&targets_, &retention_}) {
      for (const store::TargetRecord& record : *list) {
        (list == &targets_ ? sentences_ : retained_)
            .push_back(*MakeTrainingSentence(record, config));
      }
    }
  }

  // The first step that the distiller would take.
  Step First(int64_t batch_tokens) const {
    std::vector<PackItem> targets, retention;
    for (const TrainingSentence& sentence : sentences_) targets.push_back(sentence.item);
    // As many retention tokens as target tokens.
    for (size_t i = 0; i < sentences_.size() * 23 / 64; ++i) retention.push_back(retained_[i].item);
    const BatchPlan plan = PlanBatches(targets, retention, batch_tokens)[0];
    Step step;
    for (const size_t i : plan.targets) step.targets.push_back(&sentences_[i]);
    for (const size_t i : plan.retention) step.retention.push_back(&retained_[i]);
    return step;
  }

 private:
  std::vector<int32_t> Ids(int count) {
    std::vector<int32_t> ids;
    for (int i = 0; i < count; ++i) {
      ids.push_back(static_cast<int32_t>(random_() % static_cast<uint64_t>(config_.vocab_size)));
    }
    return ids;
  }

  void Add(const std::vector<int32_t>& prompt, const std::vector<int32_t>& target,
           std::vector<store::TargetRecord>& records) {
    store::TargetRecord record;
    record.mutable_student_prompt_ids()->Assign(prompt.begin(), prompt.end());
    record.mutable_target_ids()->Assign(target.begin(), target.end());
    store::TeacherRows rows{kTopK, {}, {}};
    for (const int32_t id : target) {
      for (int j = 0; j < kTopK; ++j) {
        rows.ids.push_back(static_cast<int32_t>((id + j) % config_.vocab_size));
        rows.log_probs.push_back(j == 0 ? -0.2F : -6.0F);
      }
    }
    store::PackTeacher(rows, record);
    records.push_back(std::move(record));
  }

  const model::ModelConfig& config_;
  std::mt19937_64 random_{1};
  std::vector<int32_t> system_;
  std::vector<store::TargetRecord> targets_, retention_;
  std::vector<TrainingSentence> sentences_, retained_;
};

struct Seconds {
  double forward = 0, loss = 0, backward = 0, step = 0;
  double total() const { return forward + loss + backward + step; }
};

double Since(absl::Time& mark) {
  const absl::Time now = absl::Now();
  return absl::ToDoubleSeconds(now - std::exchange(mark, now));
}

Seconds OneStep(const model::Weights& base, const model::Adapter& adapter, AdamW& optimizer,
                const TrainingBatch& batch) {
  Seconds seconds;
  absl::Time mark = absl::Now();
  model::ForwardOptions options;
  options.adapter = &adapter;
  const at::Tensor hidden =
      model::Network::Forward(base, batch.packed.tokens, batch.packed.segments, options);
  seconds.forward = Since(mark);
  const KlLoss loss = BatchLoss(base, hidden.detach().index_select(0, batch.target_rows), batch,
                                /*with_grad=*/true);
  at::Tensor grad_hidden = at::zeros_like(hidden);
  grad_hidden.index_copy_(0, batch.target_rows, loss.grad_hidden_TD.to(hidden.scalar_type()));
  seconds.loss = Since(mark);
  optimizer.ZeroGradients();
  hidden.backward(grad_hidden);
  seconds.backward = Since(mark);
  if (optimizer.GradientNorm() > 0) optimizer.Step(1e-4);
  seconds.step = Since(mark);
  return seconds;
}

// A step as the distiller takes it: in parts side by side, what the lower blocks give known.
double WholeStep(const model::Weights& base, const model::Adapter& adapter,
                 const FrozenStates& frozen, AdamW& optimizer, const Step& step) {
  absl::Time mark = absl::Now();
  const StepGradient computed = ComputeStepGradient(base, adapter, step.targets, step.retention,
                                                    step.Weights(), &frozen, nullptr);
  optimizer.SetGradients(computed.gradients);
  if (optimizer.GradientNorm() > 0) optimizer.Step(1e-4);
  return Since(mark);
}

// The products that a step cannot do without, forward and with respect to inputs, the
// adapters' and the head's included: of the `layers` blocks that are trained.
double ProductFlops(const model::ModelConfig& config, int64_t rank, int64_t layers, int64_t tokens,
                    int64_t target_tokens) {
  const double q = static_cast<double>(config.heads * config.head_dim);
  const double kv = static_cast<double>(config.kv_heads * config.head_dim);
  const double d = static_cast<double>(config.hidden_size);
  const double wide = static_cast<double>(config.intermediate_size);
  const double block = d * (2 * q + 2 * kv + 3 * wide);
  const double low_rank = static_cast<double>(rank) * (2 * (d + q) + 2 * (d + kv) + 3 * (d + wide));
  return static_cast<double>(layers * tokens) * (4 * block + 6 * low_rank) +
         static_cast<double>(target_tokens * config.vocab_size) * d * 4;
}

// GFLOP/s of a product of this many rows, the best of several.
double ProductSpeed(const model::Weights& base, int64_t rows) {
  const at::Tensor weight = base.layers[0].linear[static_cast<int>(model::Linear::kUp)];
  const at::Tensor x = at::randn({rows, weight.size(1)}, weight.options());
  double best = 0;
  for (int i = 0; i < 20; ++i) {
    absl::Time mark = absl::Now();
    const at::Tensor y = model::Multiply(x, weight);
    best = std::max(best, 2.0 * static_cast<double>(rows * weight.numel()) / Since(mark) / 1e9);
  }
  return best;
}

int Main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr,
                 "usage: training_bench MODEL_DIR [batch_tokens] [threads] [f32|bf16] "
                 "[frozen_bytes]\n");
    return 2;
  }
  const int64_t batch_tokens = argc > 2 ? std::atoll(argv[2]) : 512;
  model::SetComputeThreads(argc > 3 ? std::atoi(argv[3]) : 2);
  const auto placement = model::MakePlacement("cpu", argc > 4 ? argv[4] : "bf16");
  if (!placement.ok()) {
    std::fprintf(stderr, "%s\n", placement.status().ToString().c_str());
    return 1;
  }
  const auto base = model::LoadWeights(argv[1], *placement);
  if (!base.ok()) {
    std::fprintf(stderr, "%s\n", base.status().ToString().c_str());
    return 1;
  }
  const model::ModelConfig& config = (*base)->config;
  constexpr int64_t kRank = 32;
  const Sentences sentences(config);
  const Step step = sentences.First(batch_tokens);
  const TrainingBatch batch =
      MakeTrainingBatch(step.targets, step.retention, step.Weights(), (*base)->placement.device);
  const int64_t tokens = static_cast<int64_t>(batch.packed.tokens.size());
  const int64_t target_tokens = batch.weight_T.size(0);

  const int64_t layers =
      std::lround(DistillerOptions().upper_blocks * static_cast<double>(config.layers));
  const int64_t first_layer = config.layers - layers;
  const model::Adapter adapter =
      model::Adapter::Make(config, *placement, kRank, 64, 1, first_layer);
  for (at::Tensor& parameter : adapter.Parameters()) parameter.requires_grad_(true);
  AdamW optimizer({}, adapter.Parameters());
  FrozenStates frozen(**base, first_layer,
                      argc > 5 ? std::atoll(argv[5]) : DistillerOptions().frozen_bytes);
  for (const SentenceList* list : {&step.targets, &step.retention}) {
    if (!frozen.Prepare(ItemsOf(*list), nullptr, {}).ok()) return 1;
  }
  Seconds best;
  double in_parts = 0;
  for (int i = 0; i < kSteps; ++i) {
    const Seconds seconds = OneStep(**base, adapter, optimizer, batch);
    if (i == 0 || seconds.total() < best.total()) best = seconds;
    const double whole = WholeStep(**base, adapter, frozen, optimizer, step);
    if (i == 0 || whole < in_parts) in_parts = whole;
  }
  const double speed = ProductSpeed(**base, tokens);
  const double flops = ProductFlops(config, kRank, layers, tokens, target_tokens);
  const double ideal = flops / speed / 1e9;
  std::printf("packed tokens %ld, target tokens %ld, segments %zu, best of %d steps\n", tokens,
              target_tokens, batch.packed.segments.size(), kSteps);
  const auto line = [&](const char* what, double seconds) {
    std::printf("  %-10s %8.1f ms %5.1f %%\n", what, seconds * 1e3, 100 * seconds / best.total());
  };
  line("forward", best.forward);
  line("loss", best.loss);
  line("backward", best.backward);
  line("optimiser", best.step);
  line("step", best.total());
  line("in parts", in_parts);
  line("products", ideal);
  std::printf("products alone: %.1f GFLOP at %.0f GFLOP/s\n", flops / 1e9, speed);
  std::printf(R"({"tokens":%ld,"tokens_per_second":%.1f,"seconds":%.4f,"products_seconds":%.4f,)"
              R"("memory_estimate_bytes":%ld})"
              "\n",
              tokens, static_cast<double>(tokens) / in_parts, in_parts, ideal,
              EstimateTrainingMemory(config, *placement, kRank, tokens, first_layer,
                                     StepParts(tokens, (*base)->placement.device))
                  .total());
  return 0;
}

}  // namespace
}  // namespace imprint::update

int main(int argc, char** argv) { return imprint::update::Main(argc, argv); }
