// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// All target sentences of one chunk of context: which kinds, how many of each, in which order.

#ifndef IMPRINT_SERVER_GENERATOR_CHUNK_TARGETS_H_
#define IMPRINT_SERVER_GENERATOR_CHUNK_TARGETS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/engine/engine.h"
#include "server/generator/chunk_writer.h"
#include "server/generator/drafts.h"
#include "server/generator/generator.h"
#include "server/generator/remote_writer.h"
#include "server/store/records.pb.h"
#include "server/text/text_model.h"

namespace imprint::generator {

// One chunk, once: the caller's own first, then what an endpoint writes, where there is one, then
// what restates the text, then what the teacher answers. All references and `cancelled` outlive it.
class ChunkTargets {
 public:
  ChunkTargets(const GeneratorOptions& options, engine::Engine& engine,
               const engine::SharedVersion& base, const text::TextModel& text,
               const std::string& chunk, uint64_t seed, const std::function<bool()>& cancelled);

  // Not counted against the budget.
  absl::Status AddCallers(const std::vector<store::CallerSentence>& sent);
  // What the endpoint writes, as far as the kinds made by rule leave room. Where that is at
  // least half of what it is asked for, it stands for the kinds that the model writes, and some
  // of the questions are kept apart as probes, where asked for. Its errors are none of the
  // chunk's: the model writes instead.
  absl::Status AddRemote(const RemoteWriter& remote, bool hold_out_probes);
  // The passage and its sentences: as they are, in other words, as answers.
  absl::Status AddRestatements();
  // Questions, answered by the teacher, as far as the budget goes. Gives those kept apart as
  // probes; none where not asked for.
  absl::StatusOr<std::vector<std::string>> AddAnswers(bool hold_out_probes);
  // With the teacher's distributions.
  absl::StatusOr<std::vector<store::TargetRecord>> Finish() &&;

 private:
  bool Wants(absl::string_view kind) const;
  int CountTokens(absl::string_view text) const;
  // How many one kind may take of the budget.
  int Share() const;
  // About how many the kinds made by rule take of the budget.
  int CountByRule() const;
  absl::StatusOr<std::vector<std::vector<int32_t>>> Answers(
      const std::vector<std::string>& questions) const;
  // Cuts the answers to their first sentence; gives the questions whose answers tell of the
  // chunk, as indices.
  absl::StatusOr<std::vector<size_t>> KeepTelling(const std::vector<std::string>& questions,
                                                  std::vector<std::vector<int32_t>>& answers) const;

  const GeneratorOptions& options_;
  engine::Engine& engine_;
  const engine::SharedVersion& base_;
  const text::TextModel& text_;
  const std::string& chunk_;
  const std::function<bool()>& cancelled_;
  const int budget_;
  ChunkWriter writer_;
  Drafts drafts_;
  int callers_ = 0;  // of the drafts
  bool remote_suffices_ = false;
  std::vector<std::string> remote_held_out_;
};

}  // namespace imprint::generator

#endif  // IMPRINT_SERVER_GENERATOR_CHUNK_TARGETS_H_
