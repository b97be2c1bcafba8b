// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Target sentences about one text, on the way to their teacher's distributions.

#ifndef IMPRINT_SERVER_GENERATOR_DRAFTS_H_
#define IMPRINT_SERVER_GENERATOR_DRAFTS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/engine/engine.h"
#include "server/store/records.pb.h"
#include "server/text/text_model.h"

namespace imprint::generator {

class Drafts {
 public:
  // `text` outlives the drafts; `context` is what the teacher is told.
  Drafts(const text::TextModel& text, std::string context);

  // A plain text, to the student after nothing, to the teacher after the context.
  absl::Status AddPlain(absl::string_view kind, const std::string& sentence);
  // A chat turn, to the teacher after the context was told. The answer ends with the turn.
  absl::Status AddChat(absl::string_view kind, const std::string& question,
                       const std::string& answer);
  // The same for an answer of the model's own, whose ids are known.
  absl::Status AddAnswered(absl::string_view kind, const std::string& question,
                           const std::vector<int32_t>& answer_ids);

  size_t size() const { return plain_.records.size() + chat_.records.size(); }

  // Asks `base` for the teacher's distributions, and how far it is from them without the
  // context; gives the target sentences, plain first.
  absl::StatusOr<std::vector<store::TargetRecord>> Finish(
      engine::Engine& engine, const engine::SharedVersion& base, int top_k,
      const std::function<bool()>& cancelled) &&;

 private:
  // Each kind shares the beginning of its teacher prompts.
  struct Kind {
    std::vector<store::TargetRecord> records;
    std::vector<std::vector<int32_t>> teacher_prompts;
  };

  absl::Status AddTurn(absl::string_view kind, const std::string& question,
                       const std::string& answer, const std::vector<int32_t>& answer_ids);

  const text::TextModel& text_;
  const std::string context_;
  Kind plain_;
  Kind chat_;
};

}  // namespace imprint::generator

#endif  // IMPRINT_SERVER_GENERATOR_DRAFTS_H_
