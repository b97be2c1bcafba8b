// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/generator/chunk_targets.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "common/status_macros.h"
#include "server/generator/sentences.h"
#include "server/probe/teacher.h"

namespace imprint::generator {
namespace {

// The passage itself is learned in pieces of whole sentences of this many tokens. A sentence that
// is longer, as in a text without sentence ends, is learned so only: as the answer to one
// question after another it would take all the training.
constexpr int kPassageTokens = 96;
// Questions asked of the model whatever the budget, and once more where some are kept apart.
constexpr int kLeastQuestions = 2;
// Each kind that restates the text may take this part of the budget, clozes twice.
constexpr int kRestatementShare = 5;
// Tokens of a question that an endpoint wrote: it stands beside the chunk in the window.
constexpr int kRemoteQuestionTokens = 64;

// An answer of the model's up to the end of its first sentence: what it goes on to say is
// made up more often.
absl::StatusOr<std::vector<int32_t>> FirstSentence(const text::TextModel& text,
                                                   std::vector<int32_t> ids) {
  IMPRINT_ASSIGN_OR_RETURN(const std::string whole, text.Decode(ids));
  const std::vector<std::string> sentences = SplitSentences(whole);
  if (sentences.size() < 2) return ids;
  const size_t end = whole.find(sentences.front()) + sentences.front().size();
  for (size_t count = 1; count < ids.size(); ++count) {
    std::vector<int32_t> first(ids.begin(), ids.begin() + static_cast<int64_t>(count));
    IMPRINT_ASSIGN_OR_RETURN(const std::string decoded, text.Decode(first));
    if (decoded.size() >= end) return first;
  }
  return ids;
}

// Questions kept apart of so many: at least two of six or more, and one of two.
size_t CountHeldOut(size_t questions, double share) {
  if (questions < 2) return 0;
  const auto shared = static_cast<size_t>(std::lround(static_cast<double>(questions) * share));
  return std::min(std::max<size_t>(questions >= 6 ? 2 : 1, shared), questions);
}

// Whether question `i` of so many is one of the `held` kept apart: every so many-th one, so that
// probes are as mixed as what is trained on.
bool IsHeldOut(size_t i, size_t questions, size_t held) {
  if (held == 0) return false;
  const size_t stride = questions / held;
  return i % stride == stride - 1 && i / stride < held;
}

}  // namespace

ChunkTargets::ChunkTargets(const GeneratorOptions& options, engine::Engine& engine,
                           const engine::SharedVersion& base, const text::TextModel& text,
                           const std::string& chunk, uint64_t seed,
                           const std::function<bool()>& cancelled)
    : options_(options),
      engine_(engine),
      base_(base),
      text_(text),
      chunk_(chunk),
      cancelled_(cancelled),
      budget_(std::min(options.max_targets,
                       std::max(options.min_targets,
                                static_cast<int>(std::lround(
                                    CountTokens(chunk) * options.targets_per_100_tokens / 100))))),
      writer_(engine, base, text, chunk, seed, cancelled),
      drafts_(text, chunk) {}

bool ChunkTargets::Wants(absl::string_view kind) const {
  return std::find(options_.kinds.begin(), options_.kinds.end(), std::string(kind)) !=
         options_.kinds.end();
}

int ChunkTargets::CountTokens(absl::string_view text) const {
  const auto ids = text_.EncodeContinuation(std::string(text));
  return ids.ok() ? static_cast<int>(ids->size()) : 0;
}

absl::Status ChunkTargets::AddCallers(const std::vector<store::CallerSentence>& sent) {
  for (const store::CallerSentence& sentence : sent) {
    if (cancelled_()) return absl::CancelledError("the server is stopping");
    IMPRINT_RETURN_IF_ERROR(
        sentence.question().empty()
            ? drafts_.AddPlain("caller", sentence.answer())
            : drafts_.AddChat("caller", sentence.question(), sentence.answer()));
  }
  callers_ += static_cast<int>(sent.size());
  return absl::OkStatus();
}

int ChunkTargets::Share() const { return std::max(1, budget_ / kRestatementShare); }

int ChunkTargets::CountByRule() const {
  const int share = Share();
  size_t count = 0;
  if (Wants("passage")) count += CountTokens(chunk_) / kPassageTokens + 1;
  if (Wants("sentence")) count += writer_.Sentences(share).size();
  if (Wants("recital")) count += writer_.Recitals(share).size();
  if (Wants("cloze")) count += writer_.Clozes(share).size();
  return static_cast<int>(count);
}

absl::Status ChunkTargets::AddRemote(const RemoteWriter& remote, bool hold_out_probes) {
  if (!Wants("remote")) return absl::OkStatus();
  const auto fits = [this](const Exchange& exchange) {
    const auto question = text_.EncodeContinuation(exchange.question);
    const auto answer = text_.EncodeContinuation(exchange.answer);
    return question.ok() && question->size() <= kRemoteQuestionTokens && answer.ok() &&
           answer->size() <= kPassageTokens;
  };
  const int count =
      std::max(budget_ - CountByRule(), kLeastQuestions) + (hold_out_probes ? kLeastQuestions : 0);
  const auto written = remote.Write(chunk_, count, fits, cancelled_);
  if (absl::IsCancelled(written.status())) return written.status();
  if (!written.ok()) return absl::OkStatus();  // the endpoint has said it in the log
  remote_suffices_ = 2 * static_cast<int>(written->size()) >= count;
  const size_t held =
      remote_suffices_ && hold_out_probes ? CountHeldOut(written->size(), options_.probe_share) : 0;
  for (size_t i = 0; i < written->size(); ++i) {
    const Exchange& exchange = (*written)[i];
    if (IsHeldOut(i, written->size(), held)) {
      remote_held_out_.push_back(exchange.question);
    } else {
      IMPRINT_RETURN_IF_ERROR(drafts_.AddChat("remote", exchange.question, exchange.answer));
    }
  }
  return absl::OkStatus();
}

absl::Status ChunkTargets::AddRestatements() {
  const int share = Share();
  if (Wants("passage")) {
    const auto count_tokens = [this](absl::string_view piece) { return CountTokens(piece); };
    IMPRINT_ASSIGN_OR_RETURN(const std::vector<std::string> pieces,
                             SplitChunks(chunk_, kPassageTokens, count_tokens));
    for (const std::string& piece : pieces) {
      IMPRINT_RETURN_IF_ERROR(drafts_.AddPlain("passage", piece));
    }
  }
  if (Wants("sentence")) {
    for (const std::string& sentence : writer_.Sentences(share)) {
      IMPRINT_RETURN_IF_ERROR(drafts_.AddPlain("sentence", sentence));
    }
  }
  if (Wants("rewrite") && !remote_suffices_) {
    // They are written by the model one token after another: the dearest kind.
    IMPRINT_ASSIGN_OR_RETURN(const std::vector<std::string> rewrites,
                             writer_.Rewrites(std::max(1, share / 2)));
    for (const std::string& rewrite : rewrites) {
      IMPRINT_RETURN_IF_ERROR(drafts_.AddPlain("rewrite", rewrite));
    }
  }
  if (Wants("recital")) {
    for (const Exchange& recital : writer_.Recitals(share)) {
      if (CountTokens(recital.answer) > kPassageTokens) continue;
      IMPRINT_RETURN_IF_ERROR(drafts_.AddChat("recital", recital.question, recital.answer));
    }
  }
  if (Wants("cloze")) {
    // Twice the share where as much is left then for questions and what is open.
    const int room = budget_ + callers_ - static_cast<int>(drafts_.size()) - 2 * share;
    for (const Exchange& cloze : writer_.Clozes(std::clamp(room, share, 2 * share))) {
      if (CountTokens(cloze.answer) > kPassageTokens) continue;
      IMPRINT_RETURN_IF_ERROR(drafts_.AddChat("cloze", cloze.question, cloze.answer));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> ChunkTargets::AddAnswers(bool hold_out_probes) {
  if (remote_suffices_) return std::move(remote_held_out_);
  if (Wants("open")) {
    const std::vector<std::string> open =
        writer_.OpenQuestions(std::max(1, budget_ / kRestatementShare / 2));
    IMPRINT_ASSIGN_OR_RETURN(auto answers, Answers(open));
    IMPRINT_ASSIGN_OR_RETURN(const std::vector<size_t> telling, KeepTelling(open, answers));
    for (const size_t i : telling) {
      IMPRINT_RETURN_IF_ERROR(drafts_.AddAnswered("open", open[i], answers[i]));
    }
  }

  const int kinds = (Wants("quote") ? 1 : 0) + (Wants("question") ? 1 : 0);
  if (kinds == 0 && !hold_out_probes) return std::vector<std::string>();
  const int left = budget_ + callers_ - static_cast<int>(drafts_.size());
  const int count = std::max(kinds == 0 ? 0 : left / kinds, kLeastQuestions) +
                    (hold_out_probes ? kLeastQuestions : 0);
  IMPRINT_ASSIGN_OR_RETURN(const std::vector<Exchange> asked, writer_.Questions(count));
  std::vector<std::string> questions;
  for (const Exchange& exchange : asked) questions.push_back(exchange.question);
  IMPRINT_ASSIGN_OR_RETURN(auto answers, Answers(questions));
  IMPRINT_ASSIGN_OR_RETURN(const std::vector<size_t> telling, KeepTelling(questions, answers));

  const size_t held = hold_out_probes ? CountHeldOut(telling.size(), options_.probe_share) : 0;
  std::vector<std::string> held_out;
  for (size_t i = 0; i < telling.size(); ++i) {
    const size_t question = telling[i];
    if (IsHeldOut(i, telling.size(), held)) {
      held_out.push_back(questions[question]);
    } else if (Wants("question")) {
      IMPRINT_RETURN_IF_ERROR(
          drafts_.AddAnswered("question", questions[question], answers[question]));
    }
  }
  if (Wants("quote")) {
    for (const Exchange& exchange : asked) {
      const bool measures =
          std::find(held_out.begin(), held_out.end(), exchange.question) != held_out.end();
      if (measures || CountTokens(exchange.answer) > kPassageTokens) continue;
      IMPRINT_RETURN_IF_ERROR(drafts_.AddChat("quote", exchange.question, exchange.answer));
    }
  }
  // A text about which the model can ask nothing is still to be measured.
  if (hold_out_probes && held_out.empty()) held_out = writer_.OpenQuestions(1);
  return held_out;
}

absl::StatusOr<std::vector<std::vector<int32_t>>> ChunkTargets::Answers(
    const std::vector<std::string>& questions) const {
  std::vector<std::vector<int32_t>> prompts;
  for (const std::string& question : questions) {
    IMPRINT_ASSIGN_OR_RETURN(std::vector<int32_t> prompt,
                             probe::QuestionPrompt(text_, {chunk_}, question));
    prompts.push_back(std::move(prompt));
  }
  return probe::Answer(engine_, base_, text_, prompts, options_.max_answer_tokens, cancelled_);
}

absl::StatusOr<std::vector<size_t>> ChunkTargets::KeepTelling(
    const std::vector<std::string>& questions, std::vector<std::vector<int32_t>>& answers) const {
  std::vector<size_t> telling;
  for (size_t i = 0; i < questions.size(); ++i) {
    IMPRINT_ASSIGN_OR_RETURN(answers[i], FirstSentence(text_, std::move(answers[i])));
    IMPRINT_ASSIGN_OR_RETURN(const std::string answer, text_.Decode(answers[i]));
    if (writer_.TellsOfChunk(questions[i], answer)) telling.push_back(i);
  }
  return telling;
}

absl::StatusOr<std::vector<store::TargetRecord>> ChunkTargets::Finish() && {
  return std::move(drafts_).Finish(engine_, base_, options_.top_k, cancelled_);
}

}  // namespace imprint::generator
