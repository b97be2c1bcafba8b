// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/engine/scorer.h"

#include <algorithm>
#include <vector>

#include "ATen/ATen.h"
#include "server/engine/row_index.h"
#include "server/engine/top_k.h"

namespace imprint::engine {
namespace {

// Rows of logits alive at once: 25 MB with a vocabulary of 49,152. Fewer where others are let in
// between: some milliseconds of computing.
constexpr size_t kRowsAtOnce = 128;
constexpr size_t kRowsBetweenHooks = 32;

// The ids asked for at a place: the target's, then the requested ones.
std::vector<int64_t> IdsAt(const Batch::ScoreRow& row) {
  const Scoring& scoring = *row.task->scoring();
  const std::vector<int32_t>& requested = scoring.RequestedAt(row.place);
  std::vector<int64_t> ids;
  ids.reserve(1 + requested.size());
  ids.push_back(scoring.target[row.place]);
  ids.insert(ids.end(), requested.begin(), requested.end());
  return ids;
}

// Fills target and requested log-probabilities. `log_z_R1`: log of the sum of exponentials.
void FillRequested(const at::Tensor& logits_RV, const at::Tensor& log_z_R1,
                   absl::Span<const Batch::ScoreRow> rows) {
  std::vector<std::vector<int64_t>> ids;
  size_t width = 0;
  for (const Batch::ScoreRow& row : rows) {
    ids.push_back(IdsAt(row));
    width = std::max(width, ids.back().size());
  }
  std::vector<int64_t> padded(rows.size() * width, 0);
  for (size_t r = 0; r < rows.size(); ++r) {
    std::copy(ids[r].begin(), ids[r].end(), padded.begin() + r * width);
  }
  const at::Tensor index =
      IndexTensor(padded, logits_RV.device())
          .view({static_cast<int64_t>(rows.size()), static_cast<int64_t>(width)});
  const at::Tensor log_probs = (logits_RV.gather(1, index) - log_z_R1).to(at::kCPU).contiguous();
  const float* data = log_probs.const_data_ptr<float>();
  for (size_t r = 0; r < rows.size(); ++r) {
    ScoreResult::Token& token = rows[r].task->scoring()->result.tokens[rows[r].place];
    const float* row = data + r * width;
    token.log_prob = row[0];
    token.requested.assign(row + 1, row + ids[r].size());
  }
}

void FillTop(const at::Tensor& logits_RV, const at::Tensor& log_z_R1,
             absl::Span<const Batch::ScoreRow> rows) {
  int32_t widest = 0;
  for (const Batch::ScoreRow& row : rows) widest = std::max(widest, row.task->scoring()->top_k);
  if (widest == 0) return;
  std::vector<TopKRow> top = TopK(logits_RV, widest);
  const at::Tensor log_z = log_z_R1.to(at::kCPU).contiguous();
  for (size_t r = 0; r < rows.size(); ++r) {
    Scoring& scoring = *rows[r].task->scoring();
    const size_t k = std::min<size_t>(scoring.top_k, top[r].ids.size());
    TopLogProbs& out = scoring.result.tokens[rows[r].place].top;
    out.ids.assign(top[r].ids.begin(), top[r].ids.begin() + k);
    out.log_probs.resize(k);
    for (size_t i = 0; i < k; ++i) {
      out.log_probs[i] = top[r].values[i] - log_z.const_data_ptr<float>()[r];
    }
  }
}

}  // namespace

void ScoreRows(const model::Weights& weights, const at::Tensor& hidden_TD,
               absl::Span<const Batch::ScoreRow> rows, const model::LayerHook& layer_hook) {
  const size_t at_once = layer_hook ? kRowsBetweenHooks : kRowsAtOnce;
  for (size_t begin = 0; begin < rows.size(); begin += at_once) {
    if (layer_hook) layer_hook();
    const absl::Span<const Batch::ScoreRow> chunk = rows.subspan(begin, at_once);
    std::vector<int64_t> places;
    places.reserve(chunk.size());
    for (const Batch::ScoreRow& row : chunk) places.push_back(row.row);
    const at::Tensor logits_RV = model::Network::Logits(weights, SelectRows(hidden_TD, places));
    const at::Tensor log_z_R1 = at::logsumexp(logits_RV, {1}, /*keepdim=*/true);
    FillRequested(logits_RV, log_z_R1, chunk);
    FillTop(logits_RV, log_z_R1, chunk);
  }
}

}  // namespace imprint::engine
