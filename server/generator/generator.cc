// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/generator/generator.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <set>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/sha256.h"
#include "common/status_macros.h"
#include "common/string_view.h"
#include "server/generator/chunk_index.h"
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

// A part of the context, and what is told and asked about it.
struct Chunk {
  std::string text;
  std::vector<store::CallerSentence> caller_targets = {};
  std::vector<store::ProbeRecord> probes = {};
};

absl::Status Stopping() { return absl::CancelledError("the server is stopping"); }

// Gives the caller's own sentences to the chunks that they are about: there the teacher is
// told what they say.
absl::Status AssignCallers(const store::ExperienceRecord& experience, const ChunkIndex& index,
                           const std::function<bool()>& cancelled, std::vector<Chunk>& chunks) {
  for (const store::CallerSentence& sent : experience.caller_targets()) {
    if (cancelled()) return Stopping();
    const std::string both = absl::StrCat(sent.question(), " ", sent.answer());
    chunks[index.Best(both)].caller_targets.push_back(sent);
  }
  for (const store::CallerSentence& sent : experience.caller_probes()) {
    if (cancelled()) return Stopping();
    store::ProbeRecord& probe = chunks[index.Best(sent.question())].probes.emplace_back();
    probe.set_question(sent.question());
    probe.set_expected_answer(sent.answer());
    probe.set_origin("caller");
  }
  return absl::OkStatus();
}

// Questions that the model asks itself about the chunk.
void AddProbes(std::vector<std::string> questions, Chunk& chunk) {
  for (std::string& question : questions) {
    store::ProbeRecord& probe = chunk.probes.emplace_back();
    probe.set_question(std::move(question));
    probe.set_origin("generator");
  }
}

}  // namespace

Generator::Generator(const GeneratorOptions& options, engine::Engine* engine,
                     engine::SharedVersion base, const text::TextModel* text,
                     const probe::ProbeMaker* probe_maker, const RemoteWriter* remote)
    : options_(options),
      engine_(engine),
      base_(std::move(base)),
      text_(text),
      probe_maker_(probe_maker),
      remote_(remote) {}

absl::StatusOr<GeneratedSentences> Generator::Generate(
    const store::ExperienceRecord& experience, const std::function<bool()>& cancelled) const {
  IMPRINT_ASSIGN_OR_RETURN(const std::vector<std::string> texts,
                           CutIntoChunks(TextOf(experience), cancelled));
  std::vector<Chunk> chunks;
  for (const std::string& text : texts) chunks.push_back({.text = text});
  IMPRINT_RETURN_IF_ERROR(AssignCallers(experience, ChunkIndex(texts), cancelled, chunks));

  GeneratedSentences sentences;
  for (Chunk& chunk : chunks) {
    if (cancelled()) return Stopping();
    IMPRINT_ASSIGN_OR_RETURN(
        std::vector<std::string> held_out,
        GenerateChunk(chunk.text, chunk.caller_targets, experience.caller_probes().empty(),
                      cancelled, sentences.targets));
    AddProbes(std::move(held_out), chunk);
  }
  DropProbes(experience, sentences.targets);
  if (sentences.targets.empty()) {
    return absl::InvalidArgumentError("no target sentence could be made of the context");
  }

  for (Chunk& chunk : chunks) {
    IMPRINT_ASSIGN_OR_RETURN(
        std::vector<store::ProbeRecord> probes,
        probe_maker_->Complete(std::move(chunk.probes), {chunk.text}, cancelled));
    for (store::ProbeRecord& probe : probes) {
      probe.set_sequence(experience.sequence());
      sentences.probes.push_back(std::move(probe));
    }
  }
  return sentences;
}

absl::StatusOr<std::vector<std::string>> Generator::ContextsOf(
    const store::ExperienceRecord& experience,
    const std::vector<const store::TargetRecord*>& targets,
    const std::function<bool()>& cancelled) const {
  IMPRINT_ASSIGN_OR_RETURN(const std::vector<std::string> chunks,
                           CutIntoChunks(TextOf(experience), cancelled));
  const ChunkIndex index(chunks);
  std::vector<std::string> contexts;
  for (const store::TargetRecord* target : targets) {
    if (cancelled()) return Stopping();
    contexts.push_back(chunks[index.Best(absl::StrCat(target->prompt(), " ", target->text()))]);
  }
  return contexts;
}

absl::StatusOr<std::vector<std::string>> Generator::CutIntoChunks(
    const std::string& source, const std::function<bool()>& cancelled) const {
  if (SplitSentences(source).empty()) {
    return absl::InvalidArgumentError("the context has no sentence to learn");
  }
  const int window = static_cast<int>(base_->weights->config.max_positions);
  const int chunk_tokens =
      std::max(1, std::min(options_.chunk_tokens, window - kTokensBesideChunk));
  return SplitChunks(source, chunk_tokens, [&](absl::string_view piece) -> absl::StatusOr<int> {
    if (cancelled()) return Stopping();
    IMPRINT_ASSIGN_OR_RETURN(const std::vector<int32_t> ids,
                             text_->EncodeContinuation(ToStd(piece)));
    return static_cast<int>(ids.size());
  });
}

absl::StatusOr<std::vector<std::string>> Generator::GenerateChunk(
    const std::string& chunk, const std::vector<store::CallerSentence>& caller_targets,
    bool hold_out_probes, const std::function<bool()>& cancelled,
    std::vector<store::TargetRecord>& targets) const {
  ChunkTargets writer(options_, *engine_, base_, *text_, chunk, options_.seed + SeedOf(chunk),
                      cancelled);
  IMPRINT_RETURN_IF_ERROR(writer.AddCallers(caller_targets));
  if (remote_ != nullptr) {
    IMPRINT_RETURN_IF_ERROR(writer.AddRemote(*remote_, hold_out_probes));
  }
  IMPRINT_RETURN_IF_ERROR(writer.AddRestatements());
  IMPRINT_ASSIGN_OR_RETURN(std::vector<std::string> held_out, writer.AddAnswers(hold_out_probes));
  IMPRINT_ASSIGN_OR_RETURN(std::vector<store::TargetRecord> finished, std::move(writer).Finish());
  std::move(finished.begin(), finished.end(), std::back_inserter(targets));
  return held_out;
}

}  // namespace imprint::generator
