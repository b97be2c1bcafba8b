// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/engine/sampler.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "ATen/ATen.h"
#include "server/engine/top_k.h"
#include "server/model/team.h"

namespace imprint::engine {
namespace {

// Candidates looked at first for top_p; times eight while their mass falls short.
constexpr int64_t kFirstCandidates = 64;

// Fewer than this are computed faster than a second thread wakes up.
constexpr int64_t kExponentialsAThread = 16384;

uint64_t SplitMix64(uint64_t state) {
  state += 0x9E3779B97F4A7C15u;
  state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9u;
  state = (state ^ (state >> 27)) * 0x94D049BB133111EBu;
  return state ^ (state >> 31);
}

float Weight(float value, float largest, float temperature) {
  return std::exp((value - largest) / temperature);
}

// The first of `count` weights at which the running sum passes `point`.
template <typename WeightAt>
int64_t Pick(int64_t count, double point, const WeightAt& weight_at) {
  double sum = 0;
  int64_t last = 0;
  for (int64_t i = 0; i < count; ++i) {
    const double weight = weight_at(i);
    if (!(weight > 0)) continue;
    last = i;
    sum += weight;
    if (sum > point) return i;
  }
  return last;  // rounding left the point above the sum
}

// Chooses among candidates, largest first, of which the first few reach `top_p` of
// `total`. Nothing: not even all of them do.
std::optional<int32_t> PickNucleus(const TopKRow& top, const SamplingOptions& options, double total,
                                   double uniform) {
  const float largest = top.values[0];
  double kept = 0;
  size_t count = 0;
  while (count < top.values.size() && kept < options.top_p * total) {
    kept += Weight(top.values[count++], largest, options.temperature);
  }
  if (!(kept >= options.top_p * total)) return std::nullopt;
  const int64_t place =
      Pick(static_cast<int64_t>(std::max<size_t>(count, 1)), uniform * kept,
           [&](int64_t i) { return Weight(top.values[i], largest, options.temperature); });
  return top.ids[place];
}

int32_t SampleRow(const float* row, int64_t vocab, const SampleSpec& spec) {
  const SamplingOptions& options = spec.options;
  const double uniform = UniformAt(options.seed, spec.index);
  const bool nucleus = options.top_p > 0 && options.top_p < 1;

  if (options.top_k > 0 && options.top_k < vocab) {
    const TopKRow top = TopKOfRow(row, vocab, options.top_k);
    const auto weight_at = [&](int64_t i) {
      return Weight(top.values[i], top.values[0], options.temperature);
    };
    double total = 0;
    for (size_t i = 0; i < top.values.size(); ++i) total += weight_at(static_cast<int64_t>(i));
    if (!std::isfinite(total)) return top.ids[0];  // infinity: there is no sum to draw from
    if (nucleus) return PickNucleus(top, options, total, uniform).value_or(top.ids[0]);
    return top.ids[Pick(static_cast<int64_t>(top.ids.size()), uniform * total, weight_at)];
  }

  // From here the mass of the whole vocabulary counts.
  const float largest = *std::max_element(row, row + vocab);
  const auto weight_at = [&](int64_t i) { return Weight(row[i], largest, options.temperature); };
  double total = 0;
  for (int64_t i = 0; i < vocab; ++i) total += weight_at(i);
  // NaN or infinity: there is no sum to draw from.
  if (!std::isfinite(total)) return TopKOfRow(row, vocab, 1).ids[0];
  if (!nucleus) return static_cast<int32_t>(Pick(vocab, uniform * total, weight_at));
  for (int64_t k = std::min(kFirstCandidates, vocab); k < vocab; k *= 8) {
    const std::optional<int32_t> id =
        PickNucleus(TopKOfRow(row, vocab, k), options, total, uniform);
    if (id.has_value()) return *id;
  }
  // Sums in another order may differ in the last place: then the most likely one.
  const TopKRow all = TopKOfRow(row, vocab, vocab);
  return PickNucleus(all, options, total, uniform).value_or(all.ids[0]);
}

}  // namespace

double UniformAt(uint64_t seed, uint64_t index) {
  const uint64_t bits = SplitMix64(SplitMix64(seed) ^ (index * 0xD1342543DE82EF95u));
  return static_cast<double>(bits >> 11) * 0x1.0p-53;
}

std::vector<int32_t> SampleTokens(const at::Tensor& logits_RV, absl::Span<const SampleSpec> specs) {
  std::vector<int32_t> tokens = ArgMax(logits_RV);
  const bool all_greedy = std::all_of(specs.begin(), specs.end(), [](const SampleSpec& spec) {
    return spec.options.temperature <= 0;
  });
  if (all_greedy) return tokens;
  const at::Tensor logits = logits_RV.to(at::kCPU).contiguous();
  const float* data = logits.const_data_ptr<float>();
  const int64_t vocab = logits.size(1);
  const auto rows = static_cast<int64_t>(specs.size());
  model::ParallelFor(rows, kExponentialsAThread / vocab + 1, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      if (specs[r].options.temperature <= 0) continue;
      tokens[r] = SampleRow(data + r * vocab, vocab, specs[r]);
    }
  });
  return tokens;
}

}  // namespace imprint::engine
