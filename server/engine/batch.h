// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// One step's packed batch of one version: which tokens are read, and what is wanted of
// which row.

#ifndef IMPRINT_SERVER_ENGINE_BATCH_H_
#define IMPRINT_SERVER_ENGINE_BATCH_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "server/engine/task.h"
#include "server/model/network.h"

namespace imprint::engine {

// All tasks are of one version and outlive the batch.
struct Batch {
  // The next token of a generation is drawn from this row.
  struct SampleRow {
    Task* task;
    int64_t row;
  };
  // This row gives the distribution at `place` of the task's target.
  struct ScoreRow {
    Task* task;
    int64_t row;
    int64_t place;
  };

  std::vector<int32_t> tokens;
  std::vector<model::Segment> segments;
  std::vector<SampleRow> samples;
  std::vector<ScoreRow> scores;
  // Each once. A task is noted before anything is done for it that may fail.
  std::vector<Task*> tasks;

  bool empty() const { return tokens.empty(); }

  // The next `count` tokens of a task in `tasks`, which go into its key-value cache.
  void AddChunk(Task* task, int64_t count);
  // Scoring tasks without caches that share a prefix (SharesPrefixWith), or a single one:
  // the prefix is computed once. Notes them in `tasks`.
  void AddScoreGroup(absl::Span<Task* const> group);

 private:
  // Tokens [begin, end) of the task, and the rows that are wanted of them.
  void AddTokens(Task* task, int64_t begin, int64_t end, int prefix, model::KvCache* kv_cache);
};

}  // namespace imprint::engine

#endif  // IMPRINT_SERVER_ENGINE_BATCH_H_
