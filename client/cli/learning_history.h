// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// How well each experience was known in each version where the gate asked for it.

#ifndef IMPRINT_CLIENT_CLI_LEARNING_HISTORY_H_
#define IMPRINT_CLIENT_CLI_LEARNING_HISTORY_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "imprint/v1/admin_service.pb.h"

namespace imprint::client {

struct MeasuredEfficacy {
  int64_t version = 0;
  double efficacy = 0;
};

// By experience name; versions ascend. Only what committed jobs measured: an experience's own
// job, and later ones whose sample of earlier experiences had it.
using LearningHistory = std::map<std::string, std::vector<MeasuredEfficacy>>;

LearningHistory HistoryOf(const std::vector<v1::Job>& jobs);

}  // namespace imprint::client

#endif  // IMPRINT_CLIENT_CLI_LEARNING_HISTORY_H_
