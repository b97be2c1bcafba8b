// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/cli/learning_history.h"

#include <algorithm>

namespace imprint::client {

LearningHistory HistoryOf(const std::vector<v1::Job>& jobs) {
  LearningHistory history;
  for (const v1::Job& job : jobs) {
    if (job.state() != v1::JOB_STATE_COMMITTED) continue;
    for (const auto* measured :
         {&job.report().experience_efficacies(), &job.report().earlier_experience_efficacies()}) {
      for (const v1::ExperienceEfficacy& entry : *measured) {
        if (!entry.has_efficacy()) continue;
        history[entry.experience()].push_back({job.version(), entry.efficacy()});
      }
    }
  }
  for (auto& [name, curve] : history) {
    std::sort(curve.begin(), curve.end(),
              [](const auto& left, const auto& right) { return left.version < right.version; });
  }
  return history;
}

}  // namespace imprint::client
