// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/model/decode_attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "ATen/ATen.h"
#include "server/model/lanes.h"
#include "server/model/run_kernel.h"

namespace imprint::model {
namespace {

// scores[q * seen + t] = query q . key t, for kQueries rows of `queries` [.., head_dim].
template <int64_t kQueries, typename Scalar>
[[gnu::always_inline]] inline void Score(const float* queries, const Scalar* keys, int64_t seen,
                                         int64_t head_dim, float* scores) {
  for (int64_t t = 0; t < seen; ++t) {
    const Scalar* key = keys + t * head_dim;
    Lanes sums[kQueries] = {};
    int64_t i = 0;
    for (; i + kLanes <= head_dim; i += kLanes) {
      Lanes k;
      Load(key + i, &k);
      for (int64_t q = 0; q < kQueries; ++q) {
        Lanes x;
        Load(queries + q * head_dim + i, &x);
        sums[q] += x * k;
      }
    }
    for (int64_t q = 0; q < kQueries; ++q) {
      float score = Sum(sums[q]);
      for (int64_t j = i; j < head_dim; ++j) score += queries[q * head_dim + j] * ToFloat(key[j]);
      scores[q * seen + t] = score;
    }
  }
}

// sums[q] = sum over t of scores[q * seen + t] * value t, for kBlock lanes of the values from
// `first` on. The sums stay in registers.
template <int64_t kQueries, int64_t kBlock, typename Scalar>
[[gnu::always_inline]] inline void Weigh(const float* scores, const Scalar* values, int64_t seen,
                                         int64_t head_dim, int64_t first, float* sums) {
  Lanes block[kQueries][kBlock] = {};
  for (int64_t t = 0; t < seen; ++t) {
    const Scalar* value = values + t * head_dim + first;
    Lanes v[kBlock];
    for (int64_t b = 0; b < kBlock; ++b) Load(value + b * kLanes, &v[b]);
    for (int64_t q = 0; q < kQueries; ++q) {
      for (int64_t b = 0; b < kBlock; ++b) block[q][b] += v[b] * scores[q * seen + t];
    }
  }
  for (int64_t q = 0; q < kQueries; ++q) {
    for (int64_t b = 0; b < kBlock; ++b)
      Store(block[q][b], sums + q * head_dim + first + b * kLanes);
  }
}

template <int64_t kQueries, typename Scalar>
[[gnu::always_inline]] inline void WeighAll(const float* scores, const Scalar* values, int64_t seen,
                                            int64_t head_dim, float* sums) {
  int64_t i = 0;
  for (; i + 2 * kLanes <= head_dim; i += 2 * kLanes) {
    Weigh<kQueries, 2>(scores, values, seen, head_dim, i, sums);
  }
  for (; i + kLanes <= head_dim; i += kLanes) {
    Weigh<kQueries, 1>(scores, values, seen, head_dim, i, sums);
  }
  for (; i < head_dim; ++i) {
    for (int64_t q = 0; q < kQueries; ++q) {
      float sum = 0;
      for (int64_t t = 0; t < seen; ++t)
        sum += ToFloat(values[t * head_dim + i]) * scores[q * seen + t];
      sums[q * head_dim + i] = sum;
    }
  }
}

[[gnu::always_inline]] inline void Softmax(float* scores, int64_t count) {
  const float greatest = Greatest(scores, count, -std::numeric_limits<float>::infinity());
  Lanes sums = {};
  ForLanes(count, [&](int64_t i, int64_t n) __attribute__((always_inline)) {
    Lanes score, weight;
    Load(scores + i, n, &score);
    Exp(score - greatest, &weight);
    KeepFirst(n, 0, &weight);
    Store(weight, n, scores + i);
    sums += weight;
  });
  const float factor = 1 / Sum(sums);
  for (int64_t t = 0; t < count; ++t) scores[t] *= factor;
}

// The queries of one key and value head of one sequence.
template <typename Scalar>
struct Group {
  Scalar* key_cache;  // [capacity, head_dim]
  Scalar* value_cache;
  const Scalar* key;    // the new token's
  const Scalar* value;  // the new token's
  const Scalar* query;  // [queries, head_dim]
  Scalar* out;          // [queries, head_dim]
  int64_t first;        // the first token that is seen
  int64_t length;       // tokens in the cache before the new one
};

template <typename Scalar>
struct AttendKernel {
  const Group<Scalar>* groups;
  int64_t queries;
  int64_t head_dim;

  [[gnu::always_inline]] void Rows(int64_t begin, int64_t end) const {
    std::vector<float> room;
    for (int64_t i = begin; i < end; ++i) Attend(groups[i], &room);
  }

  [[gnu::always_inline]] void Attend(const Group<Scalar>& group, std::vector<float>* room) const {
    std::copy_n(group.key, head_dim, group.key_cache + group.length * head_dim);
    std::copy_n(group.value, head_dim, group.value_cache + group.length * head_dim);

    const int64_t seen = group.length + 1 - group.first;
    room->resize(static_cast<size_t>(queries * (seen + 2 * head_dim)));
    float* const scores = room->data();  // [queries, seen]
    float* const scaled = scores + seen * queries;
    float* const sums = scaled + queries * head_dim;
    const float scale = 1 / std::sqrt(static_cast<float>(head_dim));
    for (int64_t i = 0; i < queries * head_dim; ++i) scaled[i] = ToFloat(group.query[i]) * scale;

    int64_t q = AttendTogether<4>(group, seen, 0, scaled, scores, sums);
    q = AttendTogether<3>(group, seen, q, scaled, scores, sums);
    AttendTogether<1>(group, seen, q, scaled, scores, sums);
    for (int64_t i = 0; i < queries * head_dim; ++i) group.out[i] = static_cast<Scalar>(sums[i]);
  }

  // From query `q` on, kQueries at a time, for which each key and each value is loaded once. Gives
  // the first query that is left.
  template <int64_t kQueries>
  [[gnu::always_inline]] int64_t AttendTogether(const Group<Scalar>& group, int64_t seen, int64_t q,
                                                const float* scaled, float* scores,
                                                float* sums) const {
    const Scalar* keys = group.key_cache + group.first * head_dim;
    const Scalar* values = group.value_cache + group.first * head_dim;
    for (; q + kQueries <= queries; q += kQueries) {
      float* const some = scores + q * seen;
      Score<kQueries>(scaled + q * head_dim, keys, seen, head_dim, some);
      for (int64_t i = 0; i < kQueries; ++i) Softmax(some + i * seen, seen);
      WeighAll<kQueries>(some, values, seen, head_dim, sums + q * head_dim);
    }
    return q;
  }
};

template <typename Scalar>
void AttendAs(absl::Span<const DecodeRow> rows, const at::Tensor& heads, int64_t kv_heads,
              const at::Tensor& out) {
  const int64_t head_dim = heads.size(2);
  const int64_t queries = (heads.size(1) - 2 * kv_heads) / kv_heads;
  std::vector<Group<Scalar>> groups;
  groups.reserve(rows.size() * static_cast<size_t>(kv_heads));
  for (const DecodeRow& row : rows) {
    const Scalar* query = heads.const_data_ptr<Scalar>() + row.token * heads.stride(0);
    const Scalar* key = query + kv_heads * queries * head_dim;
    const Scalar* value = key + kv_heads * head_dim;
    Scalar* key_cache = row.cache.data_ptr<Scalar>();
    Scalar* value_cache = key_cache + kv_heads * row.cache.stride(0);
    Scalar* to = out.data_ptr<Scalar>() + row.token * out.stride(0);
    const int64_t first = row.window == 0 ? 0 : std::max<int64_t>(row.length + 1 - row.window, 0);
    for (int64_t head = 0; head < kv_heads; ++head) {
      groups.push_back({key_cache + head * row.cache.stride(0),
                        value_cache + head * row.cache.stride(0), key + head * head_dim,
                        value + head * head_dim, query + head * queries * head_dim,
                        to + head * queries * head_dim, first, row.length});
    }
  }
  RunKernel(AttendKernel<Scalar>{groups.data(), queries, head_dim},
            static_cast<int64_t>(groups.size()), /*grain=*/1);
}

}  // namespace

void AttendDecodes(absl::Span<const DecodeRow> rows, const at::Tensor& heads, int64_t kv_heads,
                   const at::Tensor& out) {
  if (heads.scalar_type() == at::kBFloat16) {
    AttendAs<c10::BFloat16>(rows, heads, kv_heads, out);
  } else {
    AttendAs<float>(rows, heads, kv_heads, out);
  }
}

}  // namespace imprint::model
