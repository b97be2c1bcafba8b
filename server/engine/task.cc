// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/engine/task.h"

namespace imprint::engine {

const std::vector<int32_t>& Scoring::RequestedAt(size_t place) const {
  static const auto* none = new std::vector<int32_t>;
  if (requested_ids.empty()) return *none;
  return requested_ids.size() == 1 ? requested_ids[0] : requested_ids[place];
}

bool Task::SharesPrefixWith(const Task& other) const {
  return shared_prefix > 0 && shared_prefix == other.shared_prefix &&
         prefix_hash == other.prefix_hash && version->weights == other.version->weights &&
         prefix() == other.prefix();
}

}  // namespace imprint::engine
