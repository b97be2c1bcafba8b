// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Lets a student in training answer questions, and the teacher judge what it says. Not by the
// engine: there the last bits of an answer depend on what else is asked, and what is left after
// forgetting is to be, byte for byte, what is trained where the experience never was.

#ifndef IMPRINT_SERVER_UPDATE_STUDENT_ANSWERS_H_
#define IMPRINT_SERVER_UPDATE_STUDENT_ANSWERS_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "server/engine/compute_share.h"
#include "server/model/adapter.h"
#include "server/model/weights.h"
#include "server/store/records.pb.h"

namespace imprint::update {

// The same question for the two of them: the student's prompt has no context. Neither is empty,
// and either fits the model's window with an answer behind it.
struct StudentQuestion {
  absl::Span<const int32_t> student_prompt;
  absl::Span<const int32_t> teacher_prompt;
};

struct StudentAnswersOptions {
  int max_answer_tokens = 36;
  // The teacher's most likely tokens that are kept for each token.
  int top_k = 20;
  // Not greedy: it is to meet what it nearly says as well.
  float temperature = 0.7F;
  float top_p = 0.95F;
  // An answer that ends by itself has the one it ended with as its last token.
  std::vector<int32_t> stop_ids;
};

// One target sentence of kind "student" for each question: what the student, `base` with
// `student`, says to it, sampled from `seed`, with the distribution that `base` has after the
// teacher's prompt; its base_kl is how far the student is from that. As part of
// the training; on a CPU on all compute threads, else on the caller's. `share` may be null.
// Deterministic on the CPU, whatever is served meanwhile. CANCELLED when `cancelled`, which is
// asked between forward passes, on any of these threads, says so.
//
// Beside what a pass over 512 tokens and one context needs on each thread, the keys and values of
// the answers that are written side by side are in memory: StudentCacheBytes.
absl::StatusOr<std::vector<store::TargetRecord>> AskStudent(
    const model::Weights& base, const model::Adapter& student,
    const std::vector<StudentQuestion>& questions, const StudentAnswersOptions& options,
    uint64_t seed, engine::ComputeShare* share, const std::function<bool()>& cancelled);

// At most, where no student's prompt is longer than `longest_prompt` tokens.
int64_t StudentCacheBytes(const model::Weights& base, int64_t longest_prompt,
                          int max_answer_tokens);

}  // namespace imprint::update

#endif  // IMPRINT_SERVER_UPDATE_STUDENT_ANSWERS_H_
