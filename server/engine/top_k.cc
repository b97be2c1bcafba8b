// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/engine/top_k.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "ATen/ATen.h"
#include "server/model/team.h"

namespace imprint::engine {
namespace {

// Above this many a heap costs more than ordering all.
constexpr int64_t kMaxHeap = 512;

// Fewer than this are read faster than a second thread wakes up.
constexpr int64_t kValuesAThread = 131072;

struct Candidate {
  float value;
  int32_t id;
};

// Larger values first, then smaller ids.
bool Before(const Candidate& a, const Candidate& b) {
  return a.value > b.value || (a.value == b.value && a.id < b.id);
}

// NaN has no place in an order, and sorting with it is undefined: it goes last.
Candidate Ordered(float value, int64_t id) {
  return {std::isnan(value) ? -std::numeric_limits<float>::infinity() : value,
          static_cast<int32_t>(id)};
}

// Whether any of 16 values is above the threshold; written so that the compiler makes
// vector instructions of it.
bool AnyAbove(const float* values, float threshold) {
  int any = 0;
  for (int i = 0; i < 16; ++i) any |= static_cast<int>(values[i] > threshold);
  return any != 0;
}

// A heap of the k best so far, its worst in front. After the first few hundred values
// almost none enters it, so the row is read once, 16 values at a time.
std::vector<Candidate> SelectByHeap(const float* row, int64_t vocab, int64_t k) {
  std::vector<Candidate> heap;
  heap.reserve(k);
  int64_t i = 0;
  for (; i < k; ++i) heap.push_back(Ordered(row[i], i));
  std::make_heap(heap.begin(), heap.end(), Before);
  const auto consider = [&](int64_t id) {
    if (!(row[id] > heap.front().value)) return;
    std::pop_heap(heap.begin(), heap.end(), Before);
    heap.back() = {row[id], static_cast<int32_t>(id)};
    std::push_heap(heap.begin(), heap.end(), Before);
  };
  for (; i + 16 <= vocab; i += 16) {
    if (!AnyAbove(row + i, heap.front().value)) continue;
    for (int64_t id = i; id < i + 16; ++id) consider(id);
  }
  for (; i < vocab; ++i) consider(i);
  std::sort_heap(heap.begin(), heap.end(), Before);
  return heap;
}

std::vector<Candidate> SelectByOrder(const float* row, int64_t vocab, int64_t k) {
  std::vector<Candidate> all(vocab);
  for (int64_t i = 0; i < vocab; ++i) all[i] = Ordered(row[i], i);
  std::nth_element(all.begin(), all.begin() + (k - 1), all.end(), Before);
  all.resize(k);
  std::sort(all.begin(), all.end(), Before);
  return all;
}

}  // namespace

TopKRow TopKOfRow(const float* row, int64_t vocab, int64_t k) {
  k = std::clamp<int64_t>(k, 1, vocab);
  const std::vector<Candidate> best =
      k <= kMaxHeap ? SelectByHeap(row, vocab, k) : SelectByOrder(row, vocab, k);
  TopKRow top;
  top.ids.reserve(k);
  top.values.reserve(k);
  for (const Candidate& candidate : best) {
    top.ids.push_back(candidate.id);
    top.values.push_back(candidate.value);
  }
  return top;
}

std::vector<TopKRow> TopK(const at::Tensor& logits, int64_t k) {
  const int64_t rows = logits.size(0);
  const int64_t vocab = logits.size(1);
  k = std::clamp<int64_t>(k, 1, vocab);
  std::vector<TopKRow> top(rows);
  if (logits.device().is_cpu()) {
    const at::Tensor contiguous = logits.contiguous();
    const float* data = contiguous.const_data_ptr<float>();
    model::ParallelFor(rows, kValuesAThread / vocab + 1, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) top[r] = TopKOfRow(data + r * vocab, vocab, k);
    });
    return top;
  }
  const auto [values, ids] = at::topk(logits, k, /*dim=*/-1, /*largest=*/true, /*sorted=*/true);
  const at::Tensor values_cpu = values.to(at::kCPU).contiguous();
  const at::Tensor ids_cpu = ids.to(at::kCPU).contiguous();
  for (int64_t r = 0; r < rows; ++r) {
    const float* row_values = values_cpu.const_data_ptr<float>() + r * k;
    const int64_t* row_ids = ids_cpu.const_data_ptr<int64_t>() + r * k;
    top[r].values.assign(row_values, row_values + k);
    top[r].ids.assign(row_ids, row_ids + k);
  }
  return top;
}

std::vector<int32_t> ArgMax(const at::Tensor& logits) {
  const int64_t rows = logits.size(0);
  std::vector<int32_t> best(rows);
  if (logits.device().is_cpu()) {
    std::vector<TopKRow> top = TopK(logits, 1);
    for (int64_t r = 0; r < rows; ++r) best[r] = top[r].ids[0];
    return best;
  }
  const at::Tensor ids = at::argmax(logits, -1).to(at::kCPU).contiguous();
  for (int64_t r = 0; r < rows; ++r) {
    best[r] = static_cast<int32_t>(ids.const_data_ptr<int64_t>()[r]);
  }
  return best;
}

}  // namespace imprint::engine
