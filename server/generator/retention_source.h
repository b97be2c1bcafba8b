// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Where retention text comes from: the base model itself, or a file.

#ifndef IMPRINT_SERVER_GENERATOR_RETENTION_SOURCE_H_
#define IMPRINT_SERVER_GENERATOR_RETENTION_SOURCE_H_

#include <functional>
#include <string_view>

#include "absl/status/statusor.h"
#include "server/engine/engine.h"
#include "server/generator/retention_text.h"
#include "server/text/text_model.h"

namespace imprint::generator {

// Both give records without the teacher's distribution, no two with the same tokens.

// Half plain texts, half answers; held-out answers are to prompts of their own. Fewer than asked
// for when the model repeats itself. FAILED_PRECONDITION when there is none to train on
// or none to hold out.
absl::StatusOr<RetentionText> SampleRetention(const RetentionTextOptions& options,
                                              engine::Engine& engine,
                                              const engine::SharedVersion& base,
                                              const text::TextModel& text,
                                              const std::function<bool()>& cancelled);

// Windows of `text_tokens` tokens of the paragraphs (parted by empty lines) of `corpus`, chosen
// by the seed. INVALID_ARGUMENT when it has too few.
absl::StatusOr<RetentionText> CutRetention(const RetentionTextOptions& options,
                                           const text::TextModel& text, std::string_view corpus);

}  // namespace imprint::generator

#endif  // IMPRINT_SERVER_GENERATOR_RETENTION_SOURCE_H_
