// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Experiences that are not in the weights yet, chosen for a query's prompt.

#ifndef IMPRINT_SERVER_RPC_PENDING_CONTEXT_H_
#define IMPRINT_SERVER_RPC_PENDING_CONTEXT_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/experience/experience_log.h"
#include "server/text/text_model.h"

namespace imprint::rpc {

struct PendingExperiences {
  // Oldest first, so that prompts of later queries share their beginning.
  std::vector<std::string> contexts;
  std::vector<std::string> names;
};

// Chosen newest first while they fit into `max_tokens` together; one that does not fit, or that
// the tokenizer refuses, is passed over.
absl::StatusOr<PendingExperiences> ChoosePending(const experience::ExperienceLog& log,
                                                 const text::TextModel& text,
                                                 const experience::Labels& labels,
                                                 int64_t max_tokens);

}  // namespace imprint::rpc

#endif  // IMPRINT_SERVER_RPC_PENDING_CONTEXT_H_
