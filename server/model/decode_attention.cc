// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/model/decode_attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "ATen/ATen.h"
#include "ATen/Parallel.h"
#include "server/model/lanes.h"

namespace imprint::model {
namespace {

template <typename Scalar>
[[gnu::always_inline]] inline float Dot(const float* query, const Scalar* key, int64_t head_dim) {
  Lanes sum = {}, more = {};
  int64_t i = 0;
  for (; i + 2 * kLanes <= head_dim; i += 2 * kLanes) {
    Lanes q, k, q_more, k_more;
    Load(query + i, &q);
    Load(key + i, &k);
    Load(query + i + kLanes, &q_more);
    Load(key + i + kLanes, &k_more);
    sum += q * k;
    more += q_more * k_more;
  }
  sum += more;
  float dot = 0;
  for (int64_t lane = 0; lane < kLanes; ++lane) dot += sum[lane];
  for (; i < head_dim; ++i) dot += query[i] * ToFloat(key[i]);
  return dot;
}

template <typename Scalar>
[[gnu::always_inline]] inline void AddScaled(const Scalar* value, float scale, int64_t head_dim,
                                             float* sum) {
  int64_t i = 0;
  for (; i + kLanes <= head_dim; i += kLanes) {
    Lanes v, s;
    Load(value + i, &v);
    Load(sum + i, &s);
    s += v * scale;
    std::memcpy(sum + i, &s, sizeof(s));
  }
  for (; i < head_dim; ++i) sum[i] += ToFloat(value[i]) * scale;
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
[[gnu::always_inline]] inline void AttendGroup(const Group<Scalar>& group, int64_t queries,
                                               int64_t head_dim, std::vector<float>* room) {
  std::copy_n(group.key, head_dim, group.key_cache + group.length * head_dim);
  std::copy_n(group.value, head_dim, group.value_cache + group.length * head_dim);

  const int64_t seen = group.length + 1 - group.first;
  room->resize(static_cast<size_t>(queries * (seen + 2 * head_dim)));
  float* const scores = room->data();  // [seen, queries]
  float* const scaled = scores + seen * queries;
  float* const sums = scaled + queries * head_dim;
  const float scale = 1 / std::sqrt(static_cast<float>(head_dim));
  for (int64_t i = 0; i < queries * head_dim; ++i) scaled[i] = ToFloat(group.query[i]) * scale;
  std::fill_n(sums, queries * head_dim, 0.0F);

  for (int64_t t = 0; t < seen; ++t) {
    const Scalar* key = group.key_cache + (group.first + t) * head_dim;
    for (int64_t q = 0; q < queries; ++q) {
      scores[t * queries + q] = Dot(scaled + q * head_dim, key, head_dim);
    }
  }
  for (int64_t q = 0; q < queries; ++q) {
    float max = -std::numeric_limits<float>::infinity();
    for (int64_t t = 0; t < seen; ++t) max = std::max(max, scores[t * queries + q]);
    float total = 0;
    for (int64_t t = 0; t < seen; ++t) {
      float& score = scores[t * queries + q];
      score = std::exp(score - max);
      total += score;
    }
    for (int64_t t = 0; t < seen; ++t) scores[t * queries + q] /= total;
  }
  for (int64_t t = 0; t < seen; ++t) {
    const Scalar* value = group.value_cache + (group.first + t) * head_dim;
    for (int64_t q = 0; q < queries; ++q) {
      AddScaled(value, scores[t * queries + q], head_dim, sums + q * head_dim);
    }
  }
  for (int64_t i = 0; i < queries * head_dim; ++i) group.out[i] = static_cast<Scalar>(sums[i]);
}

template <typename Scalar>
[[gnu::always_inline]] inline void AttendGroups(const Group<Scalar>* begin,
                                                const Group<Scalar>* end, int64_t queries,
                                                int64_t head_dim) {
  std::vector<float> room;
  for (const Group<Scalar>* group = begin; group != end; ++group) {
    AttendGroup(*group, queries, head_dim, &room);
  }
}

// The same code once for any processor and once for those with wide registers.
template <typename Scalar>
void AttendPlain(const Group<Scalar>* begin, const Group<Scalar>* end, int64_t queries,
                 int64_t head_dim) {
  AttendGroups(begin, end, queries, head_dim);
}
#if defined(__x86_64__)
template <typename Scalar>
[[gnu::target("avx2,fma")]] void AttendWide(const Group<Scalar>* begin, const Group<Scalar>* end,
                                            int64_t queries, int64_t head_dim) {
  AttendGroups(begin, end, queries, head_dim);
}
#endif

template <typename Scalar>
auto ForThisProcessor() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return &AttendWide<Scalar>;
#endif
  return &AttendPlain<Scalar>;
}

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
  const auto attend = ForThisProcessor<Scalar>();
  at::parallel_for(0, static_cast<int64_t>(groups.size()), /*grain_size=*/1,
                   [&](int64_t begin, int64_t end) {
                     attend(groups.data() + begin, groups.data() + end, queries, head_dim);
                   });
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
