// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Unrelated text on which the model must stay as it is: sampled once from the base model
// itself, or read from a file, with the base model's distribution on every token.

#ifndef IMPRINT_SERVER_GENERATOR_RETENTION_TEXT_H_
#define IMPRINT_SERVER_GENERATOR_RETENTION_TEXT_H_

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/engine/engine.h"
#include "server/store/records.pb.h"
#include "server/text/text_model.h"

namespace imprint::generator {

struct RetentionTextOptions {
  // Empty: sampled from the base model, half as plain text, half as answers to everyday
  // prompts (--retention.corpus).
  std::filesystem::path corpus;
  int train_texts = 192;   // (--retention.train_texts)
  int heldout_texts = 24;  // (--retention.heldout_texts)
  int text_tokens = 64;    // (--retention.text_tokens)
  // The base model's most likely tokens kept for each token (--retention.top_k). More than of a
  // target sentence's teacher: among those that are not named nothing is held in place, and a
  // quarter of the drift on real text was there when they were 20.
  int top_k = 128;
  uint64_t seed = 7;
  // Whose text it is: a cache of another model is not used.
  std::string model_fingerprint;
};

struct RetentionText {
  std::vector<store::TargetRecord> train;
  // Never trained on; what retention is measured on.
  std::vector<store::TargetRecord> heldout;
};

// Whether the options can give retention text for a model with a window of `window` tokens:
// their ranges, and that the corpus can be read and has enough text. INVALID_ARGUMENT or the
// error of the file system, naming the flag.
absl::Status CheckRetentionOptions(const RetentionTextOptions& options, int64_t window,
                                   const text::TextModel& text);

// Loads `cache` when it was made with the same options, model, tokenizer, precision and
// corpus, else (also when it is broken) makes it and writes it there durably. Takes about a
// minute for a small model on a CPU, once. INVALID_ARGUMENT when the corpus has too little
// text; FAILED_PRECONDITION when the model writes none; errors of the engine and of the
// file system pass through.
absl::StatusOr<RetentionText> LoadOrMakeRetentionText(const RetentionTextOptions& options,
                                                      engine::Engine* engine,
                                                      const engine::SharedVersion& base,
                                                      const text::TextModel& text,
                                                      const std::filesystem::path& cache,
                                                      const std::function<bool()>& cancelled);

}  // namespace imprint::generator

#endif  // IMPRINT_SERVER_GENERATOR_RETENTION_TEXT_H_
