// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/generator/generator.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "common/sha256.h"
#include "common/status_macros.h"
#include "server/generator/chunk_targets.h"
#include "server/generator/facts.h"
#include "server/generator/sentences.h"
#include "server/text/prompt.h"

namespace imprint::generator {
namespace {

// Tokens of the window kept free beside a chunk: template, question and answer.
constexpr int kTokensBesideChunk = 256;

std::string TextOf(const store::ExperienceRecord& experience) {
  if (experience.messages().empty()) return experience.text();
  std::vector<text::ChatMessage> messages;
  for (const store::MessageRecord& message : experience.messages()) {
    messages.push_back({.role = message.role(), .content = message.content()});
  }
  return text::Transcript(messages);
}

// From what is said, not from its place in the log: the same text gives the same sentences
// also where another experience was never told.
uint64_t SeedOf(const std::string& chunk) {
  Sha256 sha256;
  sha256.Update(chunk);
  const std::string digest = sha256.Digest();
  uint64_t seed = 0;
  std::memcpy(&seed, digest.data(), sizeof(seed));
  return seed;
}

// The model may have come upon a question that the caller measures by.
void DropProbes(const store::ExperienceRecord& experience,
                std::vector<store::TargetRecord>& targets) {
  std::set<std::string> probes;
  for (const store::CallerSentence& probe : experience.caller_probes()) {
    probes.insert(NormalForm(probe.question()));
  }
  std::erase_if(targets, [&probes](const store::TargetRecord& target) {
    return target.kind() != "caller" && probes.contains(NormalForm(target.prompt()));
  });
}

// The chunk that shares most words with `question`.
const std::string& BestChunk(const std::vector<std::string>& chunks, absl::string_view question) {
  const std::string form = NormalForm(question);
  const std::set<absl::string_view> words = absl::StrSplit(form, ' ');
  size_t best = 0;
  size_t most = 0;
  for (size_t i = 0; i < chunks.size(); ++i) {
    const std::string chunk_form = NormalForm(chunks[i]);
    const std::set<absl::string_view> chunk_words = absl::StrSplit(chunk_form, ' ');
    const size_t shared = std::count_if(words.begin(), words.end(), [&](absl::string_view word) {
      return chunk_words.contains(word);
    });
    if (shared > most) {
      most = shared;
      best = i;
    }
  }
  return chunks[best];
}

}  // namespace

Generator::Generator(const GeneratorOptions& options, engine::Engine* engine,
                     engine::SharedVersion base, const text::TextModel* text,
                     const probe::ProbeMaker* probe_maker)
    : options_(options),
      engine_(engine),
      base_(std::move(base)),
      text_(text),
      probe_maker_(probe_maker) {}

absl::StatusOr<GeneratedSentences> Generator::Generate(
    const store::ExperienceRecord& experience, const std::function<bool()>& cancelled) const {
  const auto count_tokens = [this](absl::string_view piece) {
    const auto ids = text_->EncodeContinuation(std::string(piece));
    return ids.ok() ? static_cast<int>(ids->size()) : 0;
  };
  const int window = static_cast<int>(base_->weights->config.max_positions);
  const int chunk_tokens =
      std::max(1, std::min(options_.chunk_tokens, window - kTokensBesideChunk));
  const std::string source = TextOf(experience);
  if (SplitSentences(source).empty()) {
    return absl::InvalidArgumentError("the context has no sentence to learn");
  }
  const std::vector<std::string> chunks = SplitChunks(source, chunk_tokens, count_tokens);

  GeneratedSentences sentences;
  std::vector<std::string> probe_questions;  // parallel to probe_chunks
  std::vector<std::string> probe_chunks;
  const bool caller_probes = !experience.caller_probes().empty();
  for (const std::string& chunk : chunks) {
    if (cancelled()) return absl::CancelledError("the server is stopping");
    // The caller's own sentences are taught where the teacher is told what they are about.
    std::vector<store::CallerSentence> caller_targets;
    for (const store::CallerSentence& sent : experience.caller_targets()) {
      const std::string both = absl::StrCat(sent.question(), " ", sent.answer());
      if (&BestChunk(chunks, both) == &chunk) caller_targets.push_back(sent);
    }
    IMPRINT_ASSIGN_OR_RETURN(
        std::vector<std::string> held_out,
        GenerateChunk(chunk, caller_targets, !caller_probes, cancelled, sentences.targets));
    for (std::string& question : held_out) {
      probe_questions.push_back(std::move(question));
      probe_chunks.push_back(chunk);
    }
  }
  DropProbes(experience, sentences.targets);
  if (sentences.targets.empty()) {
    return absl::InvalidArgumentError("no target sentence could be made of the context");
  }

  for (const std::string& chunk : chunks) {
    std::vector<store::ProbeRecord> probes;
    for (size_t i = 0; i < probe_questions.size(); ++i) {
      if (probe_chunks[i] != chunk) continue;
      store::ProbeRecord& probe = probes.emplace_back();
      probe.set_question(probe_questions[i]);
      probe.set_origin("generator");
    }
    for (const store::CallerSentence& sent : experience.caller_probes()) {
      if (&BestChunk(chunks, sent.question()) != &chunk) continue;
      store::ProbeRecord& probe = probes.emplace_back();
      probe.set_question(sent.question());
      probe.set_expected_answer(sent.answer());
      probe.set_origin("caller");
    }
    IMPRINT_ASSIGN_OR_RETURN(probes, probe_maker_->Complete(std::move(probes), {chunk}, cancelled));
    for (store::ProbeRecord& probe : probes) {
      probe.set_sequence(experience.sequence());
      sentences.probes.push_back(std::move(probe));
    }
  }
  return sentences;
}

absl::StatusOr<std::vector<std::string>> Generator::GenerateChunk(
    const std::string& chunk, const std::vector<store::CallerSentence>& caller_targets,
    bool hold_out_probes, const std::function<bool()>& cancelled,
    std::vector<store::TargetRecord>& targets) const {
  ChunkTargets writer(options_, *engine_, base_, *text_, chunk, options_.seed + SeedOf(chunk),
                      cancelled);
  IMPRINT_RETURN_IF_ERROR(writer.AddCallers(caller_targets));
  IMPRINT_RETURN_IF_ERROR(writer.AddRestatements());
  IMPRINT_ASSIGN_OR_RETURN(std::vector<std::string> held_out, writer.AddAnswers(hold_out_probes));
  IMPRINT_ASSIGN_OR_RETURN(std::vector<store::TargetRecord> finished, std::move(writer).Finish());
  std::move(finished.begin(), finished.end(), std::back_inserter(targets));
  return held_out;
}

}  // namespace imprint::generator
