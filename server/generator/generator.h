// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Writes target sentences about an experience with the base model and the experience in
// its prompt, and keeps some questions apart as efficacy probes.

#ifndef IMPRINT_SERVER_GENERATOR_GENERATOR_H_
#define IMPRINT_SERVER_GENERATOR_GENERATOR_H_

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/engine/engine.h"
#include "server/probe/probe_maker.h"
#include "server/store/records.pb.h"
#include "server/text/text_model.h"

namespace imprint::generator {

// What target sentences are made of, beside the caller's own; generator/README.md says what
// each is and what it is worth.
inline constexpr std::array<const char*, 9> kTargetKinds = {
    "passage", "sentence", "rewrite", "recital", "cloze", "open", "question", "quote", "remote"};

struct GeneratorOptions {
  // Those of kTargetKinds that are made (--generator.kinds).
  std::vector<std::string> kinds = {kTargetKinds.begin(), kTargetKinds.end()};
  // Target sentences for each 100 tokens of context (--generator.targets_per_100_tokens).
  double targets_per_100_tokens = 60;
  // At least and at most so many for one chunk of context (--generator.min_targets, .max_targets;
  // the latter holds where they contradict). A text of a sentence is learned from many about it.
  int min_targets = 32;
  int max_targets = 256;
  // Share of the questions kept apart as probes where the caller sent none
  // (--generator.probe_share): a few answers are noise, so at least two where there are six
  // questions or more, and one where there are two.
  double probe_share = 0.2;
  // Tokens of an answer (--generator.max_answer_tokens).
  int max_answer_tokens = 36;
  // Tokens of context in one chunk; longer ones are cut at sentence ends
  // (--generator.chunk_tokens); bounded by the model's window.
  int chunk_tokens = 1024;
  // The teacher's most likely tokens stored for each target token (--update.top_k).
  int top_k = 20;
  uint64_t seed = 1;
};

struct GeneratedSentences {
  std::vector<store::TargetRecord> targets;
  std::vector<store::ProbeRecord> probes;
};

class RemoteWriter;

// Thread-safe. All pointers outlive it.
class Generator {
 public:
  // `remote` may be null: then there is no endpoint to ask.
  Generator(const GeneratorOptions& options, engine::Engine* engine, engine::SharedVersion base,
            const text::TextModel* text, const probe::ProbeMaker* probe_maker,
            const RemoteWriter* remote = nullptr);

  // From an experience to its target sentences and probes, each with the teacher's
  // distribution. The same text and seed give the same sentences, where there is an endpoint
  // also given its same responses. INVALID_ARGUMENT: nothing could be made of it (the reason is
  // for a person); errors of the engine pass through. `cancelled` is asked between steps.
  absl::StatusOr<GeneratedSentences> Generate(const store::ExperienceRecord& experience,
                                              const std::function<bool()>& cancelled) const;

  // For each of the experience's target sentences the chunk that it is about, cut as Generate
  // cuts: the one that shares most words with it, which is nearly always, and with one chunk
  // always, what its teacher was told. Errors as of Generate.
  absl::StatusOr<std::vector<std::string>> ContextsOf(
      const store::ExperienceRecord& experience,
      const std::vector<const store::TargetRecord*>& targets,
      const std::function<bool()>& cancelled) const;

 private:
  // That fit into the model's window beside a question. INVALID_ARGUMENT: there is nothing in
  // `source`, or something that the tokenizer cannot write.
  absl::StatusOr<std::vector<std::string>> CutIntoChunks(
      const std::string& source, const std::function<bool()>& cancelled) const;
  // Adds the target sentences of one chunk, the caller's own among them; gives the questions
  // kept apart as probes.
  absl::StatusOr<std::vector<std::string>> GenerateChunk(
      const std::string& chunk, const std::vector<store::CallerSentence>& caller_targets,
      bool hold_out_probes, const std::function<bool()>& cancelled,
      std::vector<store::TargetRecord>& targets) const;

  const GeneratorOptions options_;
  engine::Engine* const engine_;
  const engine::SharedVersion base_;
  const text::TextModel* const text_;
  const probe::ProbeMaker* const probe_maker_;
  const RemoteWriter* const remote_;
};

}  // namespace imprint::generator

#endif  // IMPRINT_SERVER_GENERATOR_GENERATOR_H_
