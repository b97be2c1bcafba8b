// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// The teacher: the base model with the context in its prompt.

#ifndef IMPRINT_SERVER_PROBE_TEACHER_H_
#define IMPRINT_SERVER_PROBE_TEACHER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "server/engine/engine.h"
#include "server/store/records.pb.h"
#include "server/text/text_model.h"

namespace imprint::probe {

// How many leading tokens all of `prompts` have in common.
int32_t SharedPrefix(const std::vector<std::vector<int32_t>>& prompts);

// Ids of one question as a chat, after `contexts` (oldest first; none: the student's prompt).
absl::StatusOr<std::vector<int32_t>> QuestionPrompt(const text::TextModel& text,
                                                    const std::vector<std::string>& contexts,
                                                    const std::string& question);

// Greedy answers of `version` to chat prompts, as background work; an answer that ended by
// itself has the end of turn as its last token, so that its length is learned too. The
// prompts' common beginning is computed once.
absl::StatusOr<std::vector<std::vector<int32_t>>> Answer(
    engine::Engine& engine, const engine::SharedVersion& version, const text::TextModel& text,
    const std::vector<std::vector<int32_t>>& prompts, int max_tokens,
    const std::function<bool()>& cancelled);

// Puts the distribution of `version` after `prompts[i]` on the target tokens of `records[i]`
// into it. The prompts' common beginning is computed once.
absl::Status FillTeacher(engine::Engine& engine, const engine::SharedVersion& version,
                         const std::vector<std::vector<int32_t>>& prompts, int top_k,
                         absl::Span<store::TargetRecord> records,
                         const std::function<bool()>& cancelled);

// KL(teacher||version) on each token of each record's target, nats, where `version` sees the
// student's prompt.
absl::StatusOr<std::vector<std::vector<double>>> TokenKls(
    engine::Engine& engine, const engine::SharedVersion& version,
    absl::Span<const store::TargetRecord> records, const std::function<bool()>& cancelled);

// Sum over the target's tokens of KL(teacher||version), nats, where `version` sees the
// student's prompt; one for each record.
absl::StatusOr<std::vector<double>> SumKl(engine::Engine& engine,
                                          const engine::SharedVersion& version,
                                          absl::Span<const store::TargetRecord> records,
                                          const std::function<bool()>& cancelled);

}  // namespace imprint::probe

#endif  // IMPRINT_SERVER_PROBE_TEACHER_H_
