// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Trains low-rank adapters so that the student says without the context what the teacher
// says with it.

#ifndef IMPRINT_SERVER_UPDATE_DISTILLER_H_
#define IMPRINT_SERVER_UPDATE_DISTILLER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/engine/compute_share.h"
#include "server/model/adapter.h"
#include "server/store/records.pb.h"
#include "server/update/student_answers.h"
#include "server/update/training_batch.h"
#include "server/update/used_directions.h"

namespace imprint::update {

// What the student is drawn to on target and retention tokens.
enum class Objective {
  kDistill,    // the teacher's distribution
  kNextToken,  // the token itself: ordinary fine-tuning, the baseline to compare with
};

struct DistillerOptions {
  Objective objective = Objective::kDistill;  // (--update.objective)
  int rank = 32;                              // (--update.rank)
  double alpha = 64;                          // (--update.alpha)
  // Share of the blocks that are changed, counted from the last (--update.upper_blocks): with
  // the lower ones as they are, as much is learned, faster, and less of the model's own text
  // moves (README.md).
  double upper_blocks = 0.67;
  // The highest of a step of `min_batch_tokens` (--update.learning_rate); that of a larger one is
  // higher by the root of the ratio, up to twice as many tokens.
  double learning_rate = 1e-3;
  // Share of it that a job takes which goes on from a learned adapter (--update.continue_rate):
  // so one fact after another does not add up to drift.
  double continue_rate = 0.7;
  int warmup_steps = 5;
  double clip_norm = 1.0;
  double beta1 = 0.9;
  double beta2 = 0.95;
  double weight_decay = 0;
  // Tokens of one step, prompts included (--update.batch_tokens).
  int batch_tokens = 512;
  // A small job takes smaller steps, down to this, for the sake of more of them.
  int min_batch_tokens = 256;
  // Steps of one pass that a small job is cut into at least; more where min_steps needs them.
  int small_job_steps = 8;
  // Share of the directions of each map's input, those that retention text uses most, along which
  // the adapter stays as it is (--update.protected_share); 0: it may change along all. Not with
  // Objective::kNextToken.
  double protected_share = 0.25;
  // Passes over the target sentences at most (--update.epochs) ...
  int max_epochs = 4;
  // ... but as many as make this many steps (--update.min_steps): what a job needs are steps,
  // and a small one has few in a pass.
  int min_steps = 90;
  // ... but no more than so many (--update.max_steps); 0: no limit.
  int max_steps = 0;
  // Retention tokens for each new target token (--update.retention_share).
  double retention_share = 0.4;
  // ... and where that is not 0 at least so many in a pass of a job that goes on from a learned
  // adapter, as far as there are texts (--update.min_retention_tokens): else one fact after another
  // would be held in place by hardly any, and their drift adds up. Its
  // passes are longer then, and min_steps makes fewer of them.
  int min_retention_tokens = 2500;
  // Weight of the loss on retention text beside 1 on target tokens (--update.retention_weight):
  // more holds the model in place at no cost in time.
  double retention_weight = 4.0;
  // Replayed target sentences of earlier experiences for each new one, all earlier ones
  // together (--update.replay_share).
  double replay_share = 1.0;
  // ... and where that is not 0 at least so many (--update.min_replay), for small jobs.
  int min_replay = 64;
  // Share of the loss on target tokens that is spread by how much the context says on each:
  // names and numbers are few among words that the base would have said too (--update.focus).
  double focus = 0.5;
  // Share of the questions, new and replayed, that the student answers itself in a round of
  // on-policy distillation (--update.on_policy_share), but for those that came with their answers
  // from the caller or an endpoint. Not with Objective::kNextToken.
  double on_policy_share = 1;
  // Rounds of it in a job (--update.on_policy_rounds), evenly spread over its passes, none before
  // the first is over.
  int on_policy_rounds = 3;
  StudentAnswersOptions student_answers;
  // A sentence whose KL per token is below this leaves the pool; training ends when the
  // mean is (--update.learned_kl).
  double learned_kl = 0.05;
  uint64_t seed = 1;
  // What the blocks that stay as they are make of the sentences is held between the passes, up to
  // this and what max_bytes leaves; the rest is computed in each step (--update.frozen_bytes).
  int64_t frozen_bytes = int64_t{256} << 20;
  // Threads of the training have a core only where nobody else wants it (--update.low_priority).
  bool low_priority = true;
  // Refused beforehand when the estimate is above it
  // (--update.max_bytes); 0: no limit.
  int64_t max_bytes = 0;
};

using TeacherPromptsFn = std::function<absl::StatusOr<std::vector<std::vector<int32_t>>>(
    const std::vector<size_t>& sentences)>;

// What one job trains on. Pointers outlive the call.
struct DistillInput {
  std::vector<const store::TargetRecord*> targets;
  std::vector<const store::TargetRecord*> replay;
  std::vector<const store::TargetRecord*> retention;
  // Gives the teacher's prompts for sentences that the student is to be asked for itself, which
  // are numbers of `targets` and, behind them, of `replay`; empty where it is not to be. Null:
  // it is never asked.
  TeacherPromptsFn teacher_prompts = {};
};

struct DistillProgress {
  int step = 0;
  int total_steps = 0;
  double loss = 0;            // KL per target token, nats
  double retention_loss = 0;  // KL per retention token, nats
  int64_t tokens = 0;         // so far, prompts included
  double seconds = 0;
};

struct DistillResult {
  std::shared_ptr<const model::Adapter> adapter;
  DistillProgress last;
};

// One training at a time. All pointers outlive it.
class Distiller {
 public:
  // `share` may be null (nothing else uses the device).
  Distiller(const DistillerOptions& options, std::shared_ptr<const model::Weights> base,
            engine::ComputeShare* share);

  // Continues from `start` (null: a fresh adapter). From the same input, seed, device and
  // thread count the same bytes come out. CANCELLED when `cancelled` says so between steps;
  // INTERNAL naming the step when loss or gradient is not finite (checked before the step
  // is taken); FAILED_PRECONDITION when no step fits --update.max_bytes; RESOURCE_EXHAUSTED when
  // the longest sentence does not, or memory ran out.
  absl::StatusOr<DistillResult> Train(const model::Adapter* start, const DistillInput& input,
                                      const std::function<void(const DistillProgress&)>& progress,
                                      const std::function<bool()>& cancelled);

  // Runs `work` as a training: in its turn and with its priority. For what else an update computes
  // while others are served; not within Train.
  void RunAsTraining(absl::FunctionRef<void()> work) const;

 private:
  // What the retention text uses.
  absl::StatusOr<std::shared_ptr<const UsedDirections>> DirectionsOf(
      const std::vector<TrainingSentence>& retention, int64_t first_layer,
      const std::function<bool()>& cancelled);

  const DistillerOptions options_;
  const std::shared_ptr<const model::Weights> base_;
  engine::ComputeShare* const share_;
  // Of the retention text with this hash and for adapters of this first layer: measured once, not
  // for each job.
  std::shared_ptr<const UsedDirections> used_;
  size_t used_of_text_ = 0;
  int64_t used_from_layer_ = 0;
};

}  // namespace imprint::update

#endif  // IMPRINT_SERVER_UPDATE_DISTILLER_H_
