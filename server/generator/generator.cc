// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/generator/generator.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "common/status_macros.h"
#include "server/generator/chunk_writer.h"
#include "server/generator/facts.h"
#include "server/generator/sentences.h"
#include "server/probe/teacher.h"
#include "server/text/prompt.h"

namespace imprint::generator {
namespace {

// Tokens of the window kept free beside a chunk: template, question and answer.
constexpr int kTokensBesideChunk = 256;
// The passage itself is learned in pieces of whole sentences of this many tokens.
constexpr int kPassageTokens = 96;

// Target sentences under one context, chat and plain text apart: each kind shares the
// beginning of its teacher prompts.
struct Drafts {
  std::vector<store::TargetRecord> records;
  std::vector<std::vector<int32_t>> teacher_prompts;
};

std::string TextOf(const store::ExperienceRecord& experience) {
  if (experience.messages().empty()) return experience.text();
  std::vector<text::ChatMessage> messages;
  for (const store::MessageRecord& message : experience.messages()) {
    messages.push_back({.role = message.role(), .content = message.content()});
  }
  return text::Transcript(messages);
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

store::TargetRecord MakeRecord(absl::string_view kind, absl::string_view prompt,
                               absl::string_view text, const std::vector<int32_t>& prompt_ids,
                               const std::vector<int32_t>& target_ids) {
  store::TargetRecord record;
  record.set_kind(std::string(kind));
  record.set_prompt(std::string(prompt));
  record.set_text(std::string(text));
  record.mutable_student_prompt_ids()->Add(prompt_ids.begin(), prompt_ids.end());
  record.mutable_target_ids()->Add(target_ids.begin(), target_ids.end());
  return record;
}

// A plain text, student and teacher: after nothing, after the context.
absl::Status AddPlain(const text::TextModel& text, const std::string& context,
                      absl::string_view kind, const std::string& sentence, Drafts& drafts) {
  IMPRINT_ASSIGN_OR_RETURN(const std::vector<int32_t> target, text.EncodeContinuation(sentence));
  if (target.empty()) return absl::OkStatus();
  IMPRINT_ASSIGN_OR_RETURN(const std::vector<int32_t> context_ids,
                           text.EncodeContinuation(absl::StrCat(context, "\n\n")));
  std::vector<int32_t> teacher_prompt = {text.text_start_id()};
  teacher_prompt.insert(teacher_prompt.end(), context_ids.begin(), context_ids.end());
  drafts.teacher_prompts.push_back(std::move(teacher_prompt));
  drafts.records.push_back(MakeRecord(kind, "", sentence, {text.text_start_id()}, target));
  return absl::OkStatus();
}

// A chat turn with a given answer; empty `answer_ids` are encoded from `answer`.
absl::Status AddChat(const text::TextModel& text, const std::string& context,
                     absl::string_view kind, const std::string& question, const std::string& answer,
                     std::vector<int32_t> answer_ids, Drafts& drafts) {
  if (answer_ids.empty()) {
    IMPRINT_ASSIGN_OR_RETURN(answer_ids, text.EncodeContinuation(answer));
    answer_ids.push_back(text.stop_ids().front());
  }
  IMPRINT_ASSIGN_OR_RETURN(std::vector<int32_t> teacher_prompt,
                           probe::QuestionPrompt(text, {context}, question));
  IMPRINT_ASSIGN_OR_RETURN(const std::vector<int32_t> student_prompt,
                           probe::QuestionPrompt(text, {}, question));
  drafts.teacher_prompts.push_back(std::move(teacher_prompt));
  drafts.records.push_back(MakeRecord(kind, question, answer, student_prompt, answer_ids));
  return absl::OkStatus();
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
    IMPRINT_ASSIGN_OR_RETURN(std::vector<std::string> held_out,
                             GenerateChunk(chunk, experience, &chunk == &chunks.front(),
                                           !caller_probes, cancelled, sentences.targets));
    for (std::string& question : held_out) {
      probe_questions.push_back(std::move(question));
      probe_chunks.push_back(chunk);
    }
  }
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
      if (BestChunk(chunks, sent.question()) != chunk) continue;
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
    const std::string& chunk, const store::ExperienceRecord& experience, bool first_chunk,
    bool hold_out_probes, const std::function<bool()>& cancelled,
    std::vector<store::TargetRecord>& targets) const {
  const auto count_tokens = [this](absl::string_view piece) {
    const auto ids = text_->EncodeContinuation(std::string(piece));
    return ids.ok() ? static_cast<int>(ids->size()) : 0;
  };
  const int budget = std::clamp(
      static_cast<int>(std::lround(count_tokens(chunk) * options_.targets_per_100_tokens / 100)),
      options_.min_targets, options_.max_targets);
  ChunkWriter writer(*engine_, base_, *text_, chunk,
                     options_.seed + static_cast<uint64_t>(experience.sequence()), cancelled);
  Drafts plain;
  Drafts chat;

  // The caller's own come first; they are not counted against the budget.
  for (const store::CallerSentence& sent : experience.caller_targets()) {
    if (!first_chunk) break;
    if (sent.question().empty()) {
      IMPRINT_RETURN_IF_ERROR(AddPlain(*text_, chunk, "caller", sent.answer(), plain));
    } else {
      IMPRINT_RETURN_IF_ERROR(
          AddChat(*text_, chunk, "caller", sent.question(), sent.answer(), {}, chat));
    }
  }

  // The passage and its sentences, as they are and in other words.
  for (const std::string& piece : SplitChunks(chunk, kPassageTokens, count_tokens)) {
    IMPRINT_RETURN_IF_ERROR(AddPlain(*text_, chunk, "passage", piece, plain));
  }
  const int quarter = std::max(1, budget / 4);
  if (writer.sentences().size() > 1) {
    for (const std::string& sentence : writer.sentences()) {
      if (static_cast<int>(plain.records.size()) > quarter) break;
      IMPRINT_RETURN_IF_ERROR(AddPlain(*text_, chunk, "sentence", sentence, plain));
    }
  }
  IMPRINT_ASSIGN_OR_RETURN(const std::vector<std::string> rewrites, writer.Rewrites(quarter));
  for (const std::string& rewrite : rewrites) {
    IMPRINT_RETURN_IF_ERROR(AddPlain(*text_, chunk, "rewrite", rewrite, plain));
  }

  // Questions, answered by the teacher.
  const int left = std::max(2, budget - static_cast<int>(plain.records.size()));
  const std::vector<std::string> open_questions = writer.OpenQuestions(std::max(1, left / 4));
  IMPRINT_ASSIGN_OR_RETURN(std::vector<std::string> questions,
                           writer.Questions(left - static_cast<int>(open_questions.size())));
  std::vector<std::string> held_out;
  if (hold_out_probes && questions.size() >= 2) {
    const int count = std::max(questions.size() >= 6 ? 2 : 1,
                               static_cast<int>(std::lround(static_cast<double>(questions.size()) *
                                                            options_.probe_share)));
    // Every so many-th one, so that probes are as mixed as what is trained on.
    const size_t stride = questions.size() / static_cast<size_t>(count);
    std::vector<std::string> kept;
    for (size_t i = 0; i < questions.size(); ++i) {
      const bool hold = i % stride == stride - 1 && static_cast<int>(held_out.size()) < count;
      (hold ? held_out : kept).push_back(std::move(questions[i]));
    }
    questions = std::move(kept);
  }
  std::vector<std::string> asked = open_questions;
  asked.insert(asked.end(), questions.begin(), questions.end());
  std::vector<std::vector<int32_t>> prompts;
  for (const std::string& question : asked) {
    IMPRINT_ASSIGN_OR_RETURN(std::vector<int32_t> prompt,
                             probe::QuestionPrompt(*text_, {chunk}, question));
    prompts.push_back(std::move(prompt));
  }
  IMPRINT_ASSIGN_OR_RETURN(
      std::vector<std::vector<int32_t>> answers,
      probe::Answer(*engine_, base_, *text_, prompts, options_.max_answer_tokens, cancelled));
  for (size_t i = 0; i < asked.size(); ++i) {
    IMPRINT_ASSIGN_OR_RETURN(const std::string answer, text_->Decode(answers[i]));
    IMPRINT_RETURN_IF_ERROR(AddChat(*text_, chunk, i < open_questions.size() ? "open" : "question",
                                    asked[i], answer, std::move(answers[i]), chat));
  }

  for (Drafts* drafts : {&plain, &chat}) {
    if (drafts->records.empty()) continue;
    IMPRINT_RETURN_IF_ERROR(probe::FillTeacher(*engine_, base_, drafts->teacher_prompts,
                                               options_.top_k, absl::MakeSpan(drafts->records),
                                               cancelled));
    for (store::TargetRecord& record : drafts->records) targets.push_back(std::move(record));
  }
  return held_out;
}

}  // namespace imprint::generator
