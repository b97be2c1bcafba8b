// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/engine/batch.h"

#include <algorithm>

namespace imprint::engine {

void Batch::AddTokens(Task* task, int64_t begin, int64_t end, int prefix,
                      model::KvCache* kv_cache) {
  const auto first_row = static_cast<int64_t>(tokens.size());
  model::Segment segment;
  segment.begin = first_row;
  segment.length = end - begin;
  segment.prefix = prefix;
  segment.kv_cache = kv_cache;
  segments.push_back(segment);
  tokens.insert(tokens.end(), task->tokens.begin() + begin, task->tokens.begin() + end);

  // A token's row tells about the token after it.
  if (task->generation() != nullptr) {
    if (end == task->length()) samples.push_back({task, first_row + end - 1 - begin});
    return;
  }
  const auto places = static_cast<int64_t>(task->scoring()->target.size());
  const int64_t before_target = task->prompt_length - 1;
  for (int64_t i = std::max(begin, before_target); i < end; ++i) {
    if (i - before_target < places) {
      scores.push_back({task, first_row + i - begin, i - before_target});
    }
  }
}

void Batch::AddChunk(Task* task, int64_t count) {
  const int64_t begin = task->computed();
  AddTokens(task, begin, begin + count, /*prefix=*/-1, &*task->kv_cache);
}

void Batch::AddScoreGroup(absl::Span<Task* const> group) {
  int prefix = -1;
  int64_t shared = 0;
  if (group.size() > 1) {
    shared = group[0]->shared_prefix;
    prefix = static_cast<int>(segments.size());
    // Less than the prompt, so no row of it is wanted.
    AddTokens(group[0], 0, shared, /*prefix=*/-1, /*kv_cache=*/nullptr);
  }
  for (Task* task : group) {
    AddTokens(task, shared, task->length(), prefix, /*kv_cache=*/nullptr);
    tasks.push_back(task);
  }
}

}  // namespace imprint::engine
