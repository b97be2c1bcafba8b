// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/rpc/pending_context.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "common/resource_name.h"
#include "common/status_macros.h"
#include "server/rpc/convert.h"
#include "server/rpc/validate.h"
#include "spdlog/spdlog.h"

namespace imprint::rpc {
namespace {

// Experiences looked at for one query.
constexpr int kMaxCandidates = 64;
// The empty line between two contexts.
constexpr int64_t kSeparatorTokens = 2;

}  // namespace

absl::StatusOr<PendingExperiences> ChoosePending(const experience::ExperienceLog& log,
                                                 const text::TextModel& text,
                                                 const experience::Labels& labels,
                                                 int64_t max_tokens) {
  IMPRINT_ASSIGN_OR_RETURN(std::vector<store::ExperienceRecord> candidates,
                           log.Pending(labels, kMaxCandidates));
  PendingExperiences chosen;
  int64_t left = max_tokens;
  for (const store::ExperienceRecord& candidate : candidates) {
    std::string context = ExperienceText(candidate);
    if (static_cast<int64_t>(context.size()) > left * kMaxBytesPerToken) continue;
    const absl::StatusOr<std::vector<int32_t>> ids = text.EncodeContinuation(context);
    if (!ids.ok()) {
      // Not this query's fault. The generator will quarantine it, and say so louder.
      spdlog::debug("experiences/{} cannot be pending: {}", candidate.sequence(),
                    ids.status().ToString());
      continue;
    }
    const int64_t tokens = static_cast<int64_t>(ids->size()) + kSeparatorTokens;
    if (tokens > left) continue;
    left -= tokens;
    chosen.contexts.push_back(std::move(context));
    chosen.names.push_back(FormatResourceName(kExperiences, candidate.sequence()));
  }
  std::reverse(chosen.contexts.begin(), chosen.contexts.end());
  std::reverse(chosen.names.begin(), chosen.names.end());
  return chosen;
}

}  // namespace imprint::rpc
