// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Attention of one new token of each of many sequences over their own caches, on the CPU:
// one pass for all of them, where an operator call for each sequence would take longer than
// the work. Visibility::Attend is its oracle.

#ifndef IMPRINT_SERVER_MODEL_DECODE_ATTENTION_H_
#define IMPRINT_SERVER_MODEL_DECODE_ATTENTION_H_

#include <cstdint>

#include "ATen/core/TensorBody.h"
#include "absl/types/span.h"

namespace imprint::model {

// The new token of one sequence. Its keys and values are appended to `cache` at `length`.
struct DecodeRow {
  int64_t token = 0;   // its row of the batch
  at::Tensor cache;    // one layer [2 * kv_heads, capacity, head_dim], keys before values
  int64_t length = 0;  // tokens in the cache; less than its capacity
  int64_t window = 0;  // it sees the last so many tokens, itself included; 0: all
};

// `heads` [tokens, heads + 2 * kv_heads, head_dim], rotated; into the rows of `out`
// [tokens, heads * head_dim]. Both are contiguous, f32 or bf16, on the CPU; sums are f32.
void AttendDecodes(absl::Span<const DecodeRow> rows, const at::Tensor& heads, int64_t kv_heads,
                   const at::Tensor& out);

}  // namespace imprint::model

#endif  // IMPRINT_SERVER_MODEL_DECODE_ATTENTION_H_
