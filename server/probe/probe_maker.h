// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Turns a question into a probe: the teacher's greedy answer to it, the teacher's
// distribution on that answer, and how far the base model is from it without the context.

#ifndef IMPRINT_SERVER_PROBE_PROBE_MAKER_H_
#define IMPRINT_SERVER_PROBE_PROBE_MAKER_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/engine/engine.h"
#include "server/store/records.pb.h"
#include "server/text/text_model.h"

namespace imprint::probe {

struct ProbeMakerOptions {
  // Tokens of the teacher's answer.
  int max_answer_tokens = 48;
  // The teacher's most likely tokens kept for each token of the answer.
  int top_k = 20;
};

// Thread-safe. All pointers outlive it.
class ProbeMaker {
 public:
  ProbeMaker(const ProbeMakerOptions& options, engine::Engine* engine, engine::SharedVersion base,
             const text::TextModel* text);

  // Completes probes that bring question, expected_answer, origin and owner. `contexts` come
  // before the question in the teacher's prompt, oldest first; none for a retention probe.
  absl::StatusOr<std::vector<store::ProbeRecord>> Complete(
      std::vector<store::ProbeRecord> probes, const std::vector<std::string>& contexts,
      const std::function<bool()>& cancelled = {}) const;

 private:
  const ProbeMakerOptions options_;
  engine::Engine* const engine_;
  const engine::SharedVersion base_;
  const text::TextModel* const text_;
};

}  // namespace imprint::probe

#endif  // IMPRINT_SERVER_PROBE_PROBE_MAKER_H_
