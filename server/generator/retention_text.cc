// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/generator/retention_text.h"

#include <spdlog/spdlog.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/file_util.h"
#include "common/sha256.h"
#include "common/status_macros.h"
#include "server/generator/retention_cache.h"
#include "server/generator/retention_source.h"
#include "server/probe/teacher.h"

namespace imprint::generator {
namespace {

// Changes when the same options would give other texts.
constexpr int kRecipe = 2;

// All that decides what the texts and their distributions are.
std::string CacheKey(const RetentionTextOptions& options, const version::Version& base,
                     const text::TextModel& text, std::string_view corpus) {
  Sha256 digest;
  for (const int64_t number :
       {int64_t{kRecipe}, int64_t{options.train_texts}, int64_t{options.heldout_texts},
        int64_t{options.text_tokens}, int64_t{options.top_k}, static_cast<int64_t>(options.seed),
        static_cast<int64_t>(base.weights->placement.weights),
        static_cast<int64_t>(base.weights->placement.compute)}) {
    digest.UpdateField(absl::StrCat(number));
  }
  digest.UpdateField(options.model_fingerprint);
  digest.UpdateField(text.fingerprint());
  digest.UpdateField(options.corpus.empty() ? "sampled" : "corpus");
  digest.UpdateField(corpus);
  return digest.HexDigest();
}

absl::Status CheckRanges(const RetentionTextOptions& options, int64_t window) {
  if (options.train_texts < 1 || options.heldout_texts < 1) {
    return absl::InvalidArgumentError(
        "--retention.train_texts and --retention.heldout_texts must be at least 1");
  }
  // Half the window leaves room for the prompt of an answer.
  if (options.text_tokens < 1 || options.text_tokens > window / 2) {
    return absl::InvalidArgumentError(
        absl::StrCat("--retention.text_tokens is ", options.text_tokens,
                     "; it must lie between 1 and half the model's window of ", window));
  }
  return absl::OkStatus();
}

// Empty where none is named.
absl::StatusOr<std::string> ReadCorpus(const std::filesystem::path& path) {
  if (path.empty()) return std::string();
  absl::StatusOr<std::string> corpus = ReadFile(path);
  if (corpus.ok()) return corpus;
  return absl::Status(corpus.status().code(),
                      absl::StrCat("--retention.corpus: ", corpus.status().message()));
}

}  // namespace

absl::Status CheckRetentionOptions(const RetentionTextOptions& options, int64_t window,
                                   const text::TextModel& text) {
  IMPRINT_RETURN_IF_ERROR(CheckRanges(options, window));
  if (options.corpus.empty()) return absl::OkStatus();
  IMPRINT_ASSIGN_OR_RETURN(const std::string corpus, ReadCorpus(options.corpus));
  return CutRetention(options, text, corpus).status();
}

absl::StatusOr<RetentionText> LoadOrMakeRetentionText(const RetentionTextOptions& options,
                                                      engine::Engine* engine,
                                                      const engine::SharedVersion& base,
                                                      const text::TextModel& text,
                                                      const std::filesystem::path& cache,
                                                      const std::function<bool()>& cancelled) {
  IMPRINT_RETURN_IF_ERROR(CheckRanges(options, base->weights->config.max_positions));
  IMPRINT_ASSIGN_OR_RETURN(const std::string corpus, ReadCorpus(options.corpus));
  const std::string key = CacheKey(options, *base, text, corpus);
  absl::StatusOr<RetentionText> cached = ReadRetentionCache(cache, key);
  if (cached.ok()) return cached;
  if (absl::IsNotFound(cached.status())) {
    spdlog::info("making retention text ({} texts), once",
                 options.train_texts + options.heldout_texts);
  } else {
    spdlog::warn("making retention text again: {}", cached.status().ToString());
  }

  RetentionText retention;
  if (options.corpus.empty()) {
    IMPRINT_ASSIGN_OR_RETURN(retention, SampleRetention(options, *engine, base, text, cancelled));
  } else {
    IMPRINT_ASSIGN_OR_RETURN(retention, CutRetention(options, text, corpus));
  }
  for (std::vector<store::TargetRecord>* records : {&retention.train, &retention.heldout}) {
    // Without context the teacher's prompt is the student's.
    std::vector<std::vector<int32_t>> prompts;
    for (const store::TargetRecord& record : *records) {
      prompts.emplace_back(record.student_prompt_ids().begin(), record.student_prompt_ids().end());
    }
    IMPRINT_RETURN_IF_ERROR(probe::FillTeacher(*engine, base, prompts, options.top_k,
                                               absl::MakeSpan(*records), cancelled));
  }
  // The engine may have been faster than its look at `cancelled`.
  if (cancelled && cancelled()) return absl::CancelledError("retention text was not wanted");
  IMPRINT_RETURN_IF_ERROR(WriteRetentionCache(cache, key, retention));
  return retention;
}

}  // namespace imprint::generator
