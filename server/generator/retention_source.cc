// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/generator/retention_source.h"

#include <algorithm>
#include <iterator>
#include <random>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/status_macros.h"
#include "common/string_view.h"
#include "server/generator/everyday_prompts.h"

namespace imprint::generator {
namespace {

// A shorter text says too little about the model.
constexpr size_t kMinTokens = 8;
// Rounds of sampling, each with other seeds, to replace what was too short or said before.
constexpr int kRounds = 3;
// Plain text is drawn from the model's own distribution: what is likely only keeps what is
// likely in place. An answer is drawn as people would have it.
constexpr engine::SamplingOptions kPlainSampling = {.temperature = 1.0F, .top_p = 1.0F};
constexpr engine::SamplingOptions kAnswerSampling = {.temperature = 0.9F, .top_p = 0.95F};

// Held-out texts begin with every fourth of a list, the others with the rest.
constexpr size_t kHeldOutStride = 4;

template <size_t kCount>
std::string_view Choose(const std::string_view (&beginnings)[kCount], size_t index, bool heldout) {
  static_assert(kCount % kHeldOutStride == 0);
  constexpr size_t kHeldOut = kCount / kHeldOutStride;
  if (heldout) return beginnings[index % kHeldOut * kHeldOutStride];
  const size_t rank = index % (kCount - kHeldOut);
  return beginnings[rank + rank / (kHeldOutStride - 1) + 1];
}

// What a text is written after, and the tokens it begins with.
struct Beginning {
  store::TargetRecord record;
  std::vector<int32_t> opening;
};

absl::StatusOr<Beginning> BeginText(const text::TextModel& text, size_t index, bool heldout) {
  Beginning beginning;
  std::vector<int32_t> prompt_ids;
  if (index % 2 == 0) {
    const std::string_view opening = Choose(kPlainOpenings, index / 2, heldout);
    prompt_ids = {text.text_start_id()};
    IMPRINT_ASSIGN_OR_RETURN(beginning.opening, text.EncodeContinuation(opening));
    beginning.record.set_kind("retention_text");
  } else {
    const std::string prompt(Choose(kEverydayPrompts, index / 2, heldout));
    IMPRINT_ASSIGN_OR_RETURN(prompt_ids, text.EncodeChat({{.role = "user", .content = prompt}},
                                                         /*add_generation_prompt=*/true));
    beginning.record.set_kind("retention_answer");
    beginning.record.set_prompt(prompt);
  }
  beginning.record.mutable_student_prompt_ids()->Assign(prompt_ids.begin(), prompt_ids.end());
  return beginning;
}

absl::Status SetTarget(const text::TextModel& text, const std::vector<int32_t>& ids,
                       store::TargetRecord& record) {
  IMPRINT_ASSIGN_OR_RETURN(*record.mutable_text(), text.Decode(ids));
  record.mutable_target_ids()->Assign(ids.begin(), ids.end());
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<RetentionText> SampleRetention(const RetentionTextOptions& options,
                                              engine::Engine& engine,
                                              const engine::SharedVersion& base,
                                              const text::TextModel& text,
                                              const std::function<bool()>& cancelled) {
  const size_t heldout_texts = static_cast<size_t>(options.heldout_texts);
  const size_t texts = heldout_texts + static_cast<size_t>(options.train_texts);
  RetentionText retention;
  std::vector<size_t> missing;
  for (size_t i = 0; i < texts; ++i) missing.push_back(i);
  std::set<std::vector<int32_t>> seen;
  for (int round = 0; round < kRounds && !missing.empty(); ++round) {
    std::vector<Beginning> beginnings;
    std::vector<engine::GenerateRequest> requests;
    for (const size_t i : missing) {
      const bool heldout = i < heldout_texts;
      IMPRINT_ASSIGN_OR_RETURN(Beginning beginning,
                               BeginText(text, heldout ? i : i - heldout_texts, heldout));
      const int32_t max_tokens =
          options.text_tokens - static_cast<int32_t>(beginning.opening.size());
      engine::GenerateRequest request{
          .version = base,
          .prompt = {beginning.record.student_prompt_ids().begin(),
                     beginning.record.student_prompt_ids().end()},
          .max_tokens = std::max(max_tokens, 1),
          .sampling = beginning.opening.empty() ? kAnswerSampling : kPlainSampling,
          .stop_ids = text.stop_ids(),
          .priority = engine::Priority::kBackground};
      request.sampling.seed = options.seed + static_cast<uint64_t>(round) * texts + i;
      request.prompt.insert(request.prompt.end(), beginning.opening.begin(),
                            beginning.opening.end());
      requests.push_back(std::move(request));
      beginnings.push_back(std::move(beginning));
    }
    IMPRINT_ASSIGN_OR_RETURN(const std::vector<engine::GenerateResult> results,
                             engine.GenerateAll(std::move(requests), cancelled));
    std::vector<size_t> still_missing;
    for (size_t j = 0; j < missing.size(); ++j) {
      std::vector<int32_t> ids = std::move(beginnings[j].opening);
      ids.insert(ids.end(), results[j].tokens.begin(), results[j].tokens.end());
      // When to end an answer is worth keeping, too.
      const bool answer = !beginnings[j].record.prompt().empty();
      if (answer && results[j].finish_reason == engine::FinishReason::kStop) {
        ids.push_back(text.stop_ids().front());
      }
      if (ids.size() < kMinTokens || !seen.insert(ids).second) {
        still_missing.push_back(missing[j]);
        continue;
      }
      IMPRINT_RETURN_IF_ERROR(SetTarget(text, ids, beginnings[j].record));
      (missing[j] < heldout_texts ? retention.heldout : retention.train)
          .push_back(std::move(beginnings[j].record));
    }
    missing = std::move(still_missing);
  }
  if (retention.train.empty() || retention.heldout.empty()) {
    return absl::FailedPreconditionError(
        "the base model writes no text of its own to measure retention on; name a file of texts "
        "(--retention.corpus)");
  }
  return retention;
}

absl::StatusOr<RetentionText> CutRetention(const RetentionTextOptions& options,
                                           const text::TextModel& text, std::string_view corpus) {
  std::vector<std::string> paragraphs;
  std::string paragraph;
  for (const absl::string_view line : absl::StrSplit(ToAbsl(corpus), '\n')) {
    if (!absl::StripAsciiWhitespace(line).empty()) {
      absl::StrAppend(&paragraph, paragraph.empty() ? "" : "\n",
                      absl::StripTrailingAsciiWhitespace(line));
    } else if (!paragraph.empty()) {
      paragraphs.push_back(std::exchange(paragraph, ""));
    }
  }
  if (!paragraph.empty()) paragraphs.push_back(std::move(paragraph));
  std::mt19937_64 random(options.seed);
  for (size_t i = paragraphs.size(); i > 1; --i) {
    std::swap(paragraphs[i - 1], paragraphs[random() % i]);
  }

  const size_t train = static_cast<size_t>(options.train_texts);
  const size_t heldout = static_cast<size_t>(options.heldout_texts);
  const size_t window = static_cast<size_t>(options.text_tokens);
  RetentionText retention;
  std::set<std::vector<int32_t>> seen;
  for (const std::string& chosen : paragraphs) {
    const absl::StatusOr<std::vector<int32_t>> encoded = text.EncodeContinuation(chosen);
    if (!encoded.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--retention.corpus: ", options.corpus.string(), ": ", encoded.status().message()));
    }
    const std::vector<int32_t>& ids = *encoded;
    for (size_t begin = 0; begin < ids.size(); begin += window) {
      const auto first = ids.begin() + static_cast<int64_t>(begin);
      const std::vector<int32_t> cut(
          first, first + static_cast<int64_t>(std::min(window, ids.size() - begin)));
      if (cut.size() < std::min(kMinTokens, window) || !seen.insert(cut).second) continue;
      store::TargetRecord record;
      record.set_kind("retention_corpus");
      record.add_student_prompt_ids(text.text_start_id());
      IMPRINT_RETURN_IF_ERROR(SetTarget(text, cut, record));
      (retention.heldout.size() < heldout ? retention.heldout : retention.train)
          .push_back(std::move(record));
      if (retention.train.size() == train) return retention;
    }
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "the retention corpus ", options.corpus.string(), " gives ", seen.size(), " texts of up to ",
      window, " tokens; ", train + heldout,
      " are needed (--retention.corpus, --retention.train_texts, --retention.heldout_texts)"));
}

}  // namespace imprint::generator
