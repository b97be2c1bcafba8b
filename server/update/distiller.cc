// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/update/distiller.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "common/background_thread.h"
#include "common/failpoint.h"
#include "common/status_macros.h"
#include "server/model/guard.h"
#include "server/update/adamw.h"
#include "server/update/frozen_states.h"
#include "server/update/on_policy.h"
#include "server/update/packer.h"
#include "server/update/step_gradient.h"
#include "server/update/target_pool.h"
#include "server/update/training_batch.h"
#include "server/update/training_memory.h"
#include "spdlog/spdlog.h"

namespace imprint::update {
namespace {

using Records = std::vector<const store::TargetRecord*>;
using Sentences = std::vector<TrainingSentence>;

// The learning rate does not fall below this share of its peak: the last epochs of a job
// that ends early would else have been spent for nothing.
constexpr double kFinalLearningRate = 0.1;

// A step of so many times the least tokens has the highest rate: how it goes on from there was not
// measured.
constexpr double kMostRateGrowth = 2;

// Answers of one round have seeds of their own, one after another.
constexpr uint64_t kRoundSeeds = uint64_t{1} << 32;

// The sentences of a job: new ones, then replayed ones; and the retention text.
struct Material {
  Sentences targets;
  Sentences retention;
};

absl::StatusOr<Material> Read(const DistillInput& input, const model::ModelConfig& config,
                              Objective objective) {
  Material material;
  const auto read = [&](const Records& records, Sentences& sentences) {
    for (const store::TargetRecord* record : records) {
      absl::StatusOr<TrainingSentence> sentence = MakeTrainingSentence(*record, config);
      if (!sentence.ok()) return sentence.status();
      if (objective == Objective::kNextToken) BecomeSure(*sentence);
      sentences.push_back(*std::move(sentence));
    }
    return absl::OkStatus();
  };
  IMPRINT_RETURN_IF_ERROR(read(input.targets, material.targets));
  IMPRINT_RETURN_IF_ERROR(read(input.replay, material.targets));
  IMPRINT_RETURN_IF_ERROR(read(input.retention, material.retention));
  return material;
}

SentenceList Pick(const Sentences& sentences, const std::vector<size_t>& chosen) {
  SentenceList picked;
  for (const size_t i : chosen) picked.push_back(&sentences[i]);
  return picked;
}

int64_t TargetTokens(const TrainingSentence& sentence) {
  return static_cast<int64_t>(sentence.item.target.size());
}

// The lowest block that is changed; at least the last one is.
int64_t FirstLayer(const DistillerOptions& options, const model::ModelConfig& config) {
  const auto changed =
      static_cast<int64_t>(std::lround(options.upper_blocks * static_cast<double>(config.layers)));
  return config.layers - std::clamp<int64_t>(changed, 1, config.layers);
}

// Share of the questions that the student is asked itself in a round; 0: never.
double OnPolicyShare(const DistillerOptions& options, const DistillInput& input) {
  const bool may_ask = input.teacher_prompts && options.objective == Objective::kDistill;
  return may_ask ? options.on_policy_share : 0;
}

// A job goes on with its parent's adapter, whatever the flags say by now.
void SayWhatIsKept(const model::Adapter& start, const DistillerOptions& options,
                   int64_t first_layer) {
  const double scale = options.alpha / options.rank;
  if (start.rank == options.rank && start.scale == scale && start.first_layer == first_layer) {
    return;
  }
  spdlog::warn(
      "the adapter goes on with rank {}, alpha {:g} and blocks from {} on, as it was begun; "
      "--update.rank={}, --update.alpha={:g} and --update.upper_blocks={:g} count from a rebuild "
      "from the base on (imprint updates rebuild --anchor=0)",
      start.rank, start.scale * static_cast<double>(start.rank), start.first_layer, options.rank,
      options.alpha, options.upper_blocks);
}

// The parameters of a trained adapter require gradients; those of a finished one do not.
model::Adapter SetRequiresGrad(model::Adapter adapter, bool requires_grad) {
  for (at::Tensor& parameter : adapter.Parameters()) {
    parameter.mutable_grad().reset();
    parameter.requires_grad_(requires_grad);
  }
  return adapter;
}

// One run of Distiller::Train.
class Training {
 public:
  Training(const DistillerOptions& options, const model::Weights& base, engine::ComputeShare* share,
           const UsedDirections* used, model::Adapter adapter, const DistillInput& input,
           Material material, double highest_rate, int least_retention, int64_t frozen_bytes,
           const std::function<bool()>& cancelled)
      : options_(options),
        highest_rate_(highest_rate),
        least_retention_(least_retention),
        base_(base),
        share_(share),
        used_(used),
        along_(used == nullptr ? MapTensors() : used->Along(adapter)),
        adapter_(SetRequiresGrad(std::move(adapter), true)),
        frozen_(base, adapter_.first_layer, frozen_bytes),
        optimizer_(
            {.beta1 = options.beta1, .beta2 = options.beta2, .weight_decay = options.weight_decay},
            adapter_.Parameters()),
        input_(input),
        cancelled_(cancelled),
        on_policy_(Questions(input), OnPolicyShare(options, input),
                   [this](const std::vector<size_t>& asked, uint64_t seed) {
                     return AskStudent(asked, seed);
                   }),
        targets_(std::move(material.targets)),
        retention_(std::move(material.retention)),
        pool_(targets_.size(), options.learned_kl, options.seed),
        retention_seen_(retention_.size(), /*learned_kl=*/0, options.seed),
        retention_deck_(retention_.size(), options.seed + 1) {}

  absl::StatusOr<DistillResult> Run(
      const std::function<void(const DistillProgress&)>& on_progress) {
    const absl::Time start = absl::Now();
    int epochs = options_.max_epochs;
    for (int epoch = 0; epoch < epochs && StepsLeft() > 0 && !pool_.Learned(); ++epoch) {
      IMPRINT_RETURN_IF_ERROR(BeginRound(epoch, epochs));
      const std::vector<size_t> targets = pool_.NextEpoch();
      const std::vector<size_t> retention = DrawRetention(targets);
      const std::vector<PackItem> target_items = ItemsOf(Pick(targets_, targets));
      const std::vector<PackItem> retention_items = ItemsOf(Pick(retention_, retention));
      for (const std::vector<PackItem>* items : {&target_items, &retention_items}) {
        IMPRINT_RETURN_IF_ERROR(frozen_.Prepare(*items, share_, cancelled_));
      }
      const int64_t batch_tokens = BatchTokens(target_items, retention_items);
      const std::vector<BatchPlan> plans = PlanBatches(target_items, retention_items, batch_tokens);
      if (epoch == 0) {
        const int steps = static_cast<int>(plans.size());
        epochs = std::max(epochs, (options_.min_steps + steps - 1) / steps);
      }
      for (size_t i = 0; i < plans.size() && StepsLeft() > 0; ++i) {
        if (cancelled_ && cancelled_()) {
          return absl::CancelledError(
              absl::StrCat("training was cancelled after step ", progress_.step));
        }
        // Steps to come if no sentence is learned before the end.
        const size_t passes = static_cast<size_t>(epochs - epoch);
        const int left = std::min(static_cast<int>(plans.size() * passes - i), StepsLeft());
        const double done = progress_.step / static_cast<double>(progress_.step + left);
        std::vector<size_t> batch_targets, batch_retention;
        for (const size_t j : plans[i].targets) batch_targets.push_back(targets[j]);
        for (const size_t j : plans[i].retention) batch_retention.push_back(retention[j]);
        IMPRINT_RETURN_IF_ERROR(
            Step(batch_targets, batch_retention, LearningRate(done, batch_tokens)));
        progress_.total_steps = progress_.step + left - 1;
        progress_.loss = pool_.MeanKl();
        progress_.retention_loss = retention_seen_.MeanKl();
        progress_.seconds = absl::ToDoubleSeconds(absl::Now() - start);
        if (on_progress) on_progress(progress_);
      }
    }
    progress_.total_steps = progress_.step;
    return DistillResult{
        std::make_shared<const model::Adapter>(SetRequiresGrad(std::move(adapter_), false)),
        progress_};
  }

 private:
  // The numbers of the sentences that ask something. Those that were written by somebody else than
  // the base model, who may know better than the teacher, stay as they are written.
  static std::vector<size_t> Questions(const DistillInput& input) {
    std::vector<size_t> questions;
    for (size_t i = 0; i < input.targets.size() + input.replay.size(); ++i) {
      const store::TargetRecord& record =
          i < input.targets.size() ? *input.targets[i] : *input.replay[i - input.targets.size()];
      const bool is_given = record.kind() == "caller" || record.kind() == "remote";
      if (!record.prompt().empty() && !is_given) questions.push_back(i);
    }
    return questions;
  }

  // An answer without target tokens stands for a question that cannot be asked.
  absl::StatusOr<std::vector<store::TargetRecord>> AskStudent(const std::vector<size_t>& asked,
                                                              uint64_t seed) const {
    IMPRINT_ASSIGN_OR_RETURN(const auto prompts, input_.teacher_prompts(asked));
    std::vector<store::TargetRecord> answers(asked.size());
    std::vector<size_t> places;
    std::vector<StudentQuestion> questions;
    for (size_t i = 0; i < asked.size(); ++i) {
      if (prompts[i].empty()) continue;
      places.push_back(i);
      questions.push_back(
          {.student_prompt = targets_[asked[i]].item.prompt, .teacher_prompt = prompts[i]});
    }
    IMPRINT_ASSIGN_OR_RETURN(
        std::vector<store::TargetRecord> said,
        update::AskStudent(base_, adapter_, questions, options_.student_answers, seed, share_,
                           cancelled_));
    for (size_t i = 0; i < places.size(); ++i) answers[places[i]] = std::move(said[i]);
    return answers;
  }

  // Begins a round of on-policy distillation where one is due with the pass.
  absl::Status BeginRound(int epoch, int epochs) {
    const int rounds = std::min(options_.on_policy_rounds, epochs - 1);
    const bool is_due = epoch > 0 && on_policy_round_ < rounds &&
                        epoch * (rounds + 1) >= (on_policy_round_ + 1) * epochs;
    if (!on_policy_.enabled() || !is_due) return absl::OkStatus();
    const int round = on_policy_round_++;
    IMPRINT_RETURN_IF_ERROR(on_policy_.AskAgain(
        round, options_.seed + static_cast<uint64_t>(round) * kRoundSeeds, base_.config, targets_));
    std::vector<PackItem> items;
    for (const TrainingSentence& sentence : targets_) items.push_back(sentence.item);
    for (const TrainingSentence& sentence : retention_) items.push_back(sentence.item);
    frozen_.KeepOnly(items);  // without the answers of the round before
    return absl::OkStatus();
  }

  int StepsLeft() const {
    if (options_.max_steps == 0) return std::numeric_limits<int>::max();
    return options_.max_steps - progress_.step;
  }

  // Tokens of one step: fewer where a pass would else have hardly any steps.
  int64_t BatchTokens(const std::vector<PackItem>& targets,
                      const std::vector<PackItem>& retention) const {
    int64_t tokens = 0;
    for (const std::vector<PackItem>* items : {&targets, &retention}) {
      for (const PackItem& item : *items) {
        tokens += static_cast<int64_t>(item.prompt.size() + item.target.size());
      }
    }
    const int64_t least = std::min(options_.min_batch_tokens, options_.batch_tokens);
    const int steps =
        std::max(options_.small_job_steps,
                 (options_.min_steps + options_.max_epochs - 1) / options_.max_epochs);
    return std::clamp<int64_t>(tokens / steps, least, options_.batch_tokens);
  }

  // As many texts as make `retention_share` tokens for each target token of the epoch, and
  // `least_retention_` as far as there are texts; none where the share is 0.
  std::vector<size_t> DrawRetention(const std::vector<size_t>& targets) {
    std::vector<size_t> drawn;
    if (retention_.empty()) return drawn;
    double wanted = 0;
    for (const size_t i : targets) wanted += static_cast<double>(targets_[i].item.target.size());
    wanted *= options_.retention_share;
    double all = 0;
    for (const TrainingSentence& text : retention_)
      all += static_cast<double>(text.item.target.size());
    if (wanted > 0) wanted = std::max(wanted, std::min<double>(least_retention_, all));
    while (wanted > 0) {
      drawn.push_back(retention_deck_.Next());
      wanted -= static_cast<double>(retention_[drawn.back()].item.target.size());
    }
    return drawn;
  }

  // `done`: share of the planned steps, in [0, 1). Linear warm-up, then half a cosine.
  double LearningRate(double done, int64_t batch_tokens) const {
    const double cosine = 0.5 * (1 + std::cos(std::numbers::pi * done));
    const double decayed = kFinalLearningRate + (1 - kFinalLearningRate) * cosine;
    const double warm = (progress_.step + 1) / static_cast<double>(options_.warmup_steps + 1);
    const double ratio =
        static_cast<double>(batch_tokens) / static_cast<double>(options_.min_batch_tokens);
    const double growth = std::sqrt(std::clamp(ratio, 1.0, kMostRateGrowth));
    return highest_rate_ * growth * std::min(warm, 1.0) * decayed;
  }

  // Loss, gradient, check, step.
  absl::Status Step(const std::vector<size_t>& targets, const std::vector<size_t>& retention,
                    double learning_rate) {
    const SentenceList target_sentences = Pick(targets_, targets);
    const SentenceList retention_sentences = Pick(retention_, retention);
    const TokenWeights weights(target_sentences, retention_sentences, options_.retention_weight,
                               options_.focus);
    const StepGradient computed =
        ComputeStepGradient(base_, adapter_, target_sentences, retention_sentences, weights,
                            frozen_.layers() > 0 ? &frozen_ : nullptr, share_);
    const int step = progress_.step + 1;
    if (!std::isfinite(computed.loss)) {
      return absl::InternalError(absl::StrCat("loss of step ", step, " is not finite"));
    }
    IMPRINT_FAILPOINT_OR_RETURN("train.step.before");
    optimizer_.SetGradients(computed.gradients);
    const double norm = optimizer_.GradientNorm();
    if (!std::isfinite(norm)) {
      return absl::InternalError(absl::StrCat("gradient of step ", step, " is not finite"));
    }
    const double divisor = options_.clip_norm > 0 ? std::max(1.0, norm / options_.clip_norm) : 1;
    optimizer_.Step(learning_rate, divisor);
    if (used_ != nullptr) used_->Hold(adapter_, along_);
    optimizer_.ZeroGradients();
    IMPRINT_FAILPOINT_OR_RETURN("train.step.after");
    progress_.step = step;
    progress_.tokens += computed.tokens;
    for (size_t i = 0; i < targets.size(); ++i) {
      // Whether a sentence is learned, only the written one tells.
      if (on_policy_.IsAnswered(targets[i])) continue;
      pool_.Record(targets[i], computed.target_kl[i], TargetTokens(*target_sentences[i]));
    }
    for (size_t i = 0; i < retention.size(); ++i) {
      retention_seen_.Record(retention[i], computed.retention_kl[i],
                             TargetTokens(*retention_sentences[i]));
    }
    return absl::OkStatus();
  }

  const DistillerOptions& options_;
  const double highest_rate_;
  const int least_retention_;  // tokens of a pass
  const model::Weights& base_;
  engine::ComputeShare* const share_;
  const UsedDirections* const used_;  // null: none is protected
  const MapTensors along_;            // what the adapter has along them, and keeps
  model::Adapter adapter_;
  FrozenStates frozen_;
  AdamW optimizer_;
  const DistillInput& input_;
  const std::function<bool()>& cancelled_;
  OnPolicySentences on_policy_;
  int on_policy_round_ = 0;
  Sentences targets_;
  const Sentences retention_;
  TargetPool pool_;
  TargetPool retention_seen_;  // only for its mean
  Deck retention_deck_;
  DistillProgress progress_;
};

}  // namespace

Distiller::Distiller(const DistillerOptions& options, std::shared_ptr<const model::Weights> base,
                     engine::ComputeShare* share)
    : options_(options), base_(std::move(base)), share_(share) {}

absl::StatusOr<std::shared_ptr<const UsedDirections>> Distiller::DirectionsOf(
    const std::vector<TrainingSentence>& retention, int64_t first_layer,
    const std::function<bool()>& cancelled) {
  std::vector<PackItem> items;
  size_t text = 0;
  for (const TrainingSentence& sentence : retention) {
    items.push_back(sentence.item);
    text = absl::HashOf(text, items.back().prompt, items.back().target);
  }
  if (used_ == nullptr || used_of_text_ != text || used_from_layer_ != first_layer) {
    used_ = nullptr;  // not beside the new ones in memory
    IMPRINT_ASSIGN_OR_RETURN(
        used_, UsedDirections::Measure(*base_, items, first_layer, options_.protected_share, share_,
                                       cancelled));
    used_of_text_ = text;
    used_from_layer_ = first_layer;
  }
  return used_;
}

void Distiller::RunAsTraining(absl::FunctionRef<void()> work) const {
  const auto in_turn = [&] {
    const engine::TrainingTurn turn(share_);
    work();
  };
  if (options_.low_priority) {
    RunInBackground(in_turn);
  } else {
    in_turn();
  }
}

absl::StatusOr<DistillResult> Distiller::Train(
    const model::Adapter* start, const DistillInput& input,
    const std::function<void(const DistillProgress&)>& progress,
    const std::function<bool()>& cancelled) {
  if (input.targets.empty()) {
    return absl::InvalidArgumentError("a training without target sentences");
  }

  IMPRINT_ASSIGN_OR_RETURN(Material material, Read(input, base_->config, options_.objective));

  // One sentence may be longer than a step was meant to be.
  size_t longest = static_cast<size_t>(options_.batch_tokens), longest_prompt = 0;
  for (const Sentences* sentences : {&material.targets, &material.retention}) {
    for (const TrainingSentence& sentence : *sentences) {
      longest = std::max(longest, sentence.item.prompt.size() + sentence.item.target.size());
      longest_prompt = std::max(longest_prompt, sentence.item.prompt.size());
      // What the student says may be longer than what was written.
      const auto answer = static_cast<size_t>(options_.student_answers.max_answer_tokens);
      longest = std::max(longest, sentence.item.prompt.size() + answer);
    }
  }
  const int64_t batch_tokens = static_cast<int64_t>(longest);
  const int64_t rank = start == nullptr ? options_.rank : start->rank;
  const int64_t first_layer =
      start == nullptr ? FirstLayer(options_, base_->config) : start->first_layer;
  const int64_t parts = StepParts(options_.batch_tokens, base_->placement.device);
  // A prompt that sentences share is computed in each part.
  const int64_t again =
      (parts - 1) * static_cast<int64_t>(longest_prompt) + parts * (kPaddedMultiple - 1);
  const bool asks = OnPolicyShare(options_, input) > 0;
  const int64_t caches = asks ? StudentCacheBytes(*base_, static_cast<int64_t>(longest_prompt),
                                                  options_.student_answers.max_answer_tokens)
                              : 0;
  const bool protects = options_.protected_share > 0 && !input.retention.empty() &&
                        options_.objective == Objective::kDistill;
  const UsedDirections::Bytes directions =
      protects ? UsedDirections::MostBytes(base_->config, first_layer, options_.protected_share)
               : UsedDirections::Bytes();
  const auto estimate_for = [&](int64_t tokens) {
    const TrainingMemory training = EstimateTrainingMemory(base_->config, base_->placement, rank,
                                                           tokens + again, first_layer, parts);
    return std::max(training.total() + caches, directions.measuring) + directions.held;
  };
  const int64_t estimate = estimate_for(batch_tokens);
  const char* const way_out =
      start == nullptr ? "lower --update.batch_tokens or --update.rank"
                       : "lower --update.batch_tokens; a lower --update.rank counts from a "
                         "rebuild from the base on (imprint updates rebuild --anchor=0)";
  if (options_.max_bytes > 0 && estimate > options_.max_bytes) {
    const std::string message = absl::StrFormat(
        "training needs about %d bytes (rank %d, steps of %d tokens); the limit is %d "
        "(--update.max_bytes); %s",
        estimate, rank, batch_tokens, options_.max_bytes, way_out);
    const bool any_step = estimate_for(options_.batch_tokens) > options_.max_bytes;
    return any_step ? absl::FailedPreconditionError(message)
                    : absl::ResourceExhaustedError(message);
  }
  // No job is refused for what is held to save time.
  int64_t frozen_bytes = options_.frozen_bytes;
  if (options_.max_bytes > 0) {
    frozen_bytes = std::min(frozen_bytes, options_.max_bytes - estimate);
  }
  if (start != nullptr) SayWhatIsKept(*start, options_, FirstLayer(options_, base_->config));
  absl::StatusOr<DistillResult> result = absl::InternalError("training did not run");
  const auto train = [&] {
    absl::StatusOr<std::shared_ptr<const UsedDirections>> used =
        std::shared_ptr<const UsedDirections>();
    if (protects) used = DirectionsOf(material.retention, first_layer, cancelled);
    if (!used.ok()) {
      result = used.status();
      return;
    }
    model::Adapter adapter = start == nullptr
                                 ? model::Adapter::Make(base_->config, base_->placement, rank,
                                                        options_.alpha, options_.seed, first_layer)
                                 : start->Clone();
    if (*used != nullptr && start == nullptr) (*used)->Hold(adapter, {});
    const double rate = options_.learning_rate * (start == nullptr ? 1 : options_.continue_rate);
    const int least_retention = start == nullptr ? 0 : options_.min_retention_tokens;
    result = Training(options_, *base_, share_, used->get(), std::move(adapter), input,
                      std::move(material), rate, least_retention, frozen_bytes, cancelled)
                 .Run(progress);
  };
  const absl::Status guarded = model::Guarded("training", [&] { RunAsTraining(train); });
  if (absl::IsResourceExhausted(guarded)) {
    return absl::ResourceExhaustedError(absl::StrFormat(
        "%s (it was estimated to need %d bytes); %s", guarded.message(), estimate, way_out));
  }
  IMPRINT_RETURN_IF_ERROR(guarded);
  return result;
}

}  // namespace imprint::update
