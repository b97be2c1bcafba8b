// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/model/rope.h"

#include <cmath>
#include <cstring>
#include <numbers>

#include "ATen/ATen.h"
#include "ATen/Parallel.h"
#include "ATen/core/grad_mode.h"
#include "server/model/fused_rows.h"

namespace imprint::model {

std::vector<float> RopeFrequencies(const ModelConfig& config) {
  std::vector<float> frequencies(static_cast<size_t>(config.head_dim / 2));
  for (size_t pair = 0; pair < frequencies.size(); ++pair) {
    // In f32, as the models were trained.
    const float exponent = static_cast<float>(2 * pair) / static_cast<float>(config.head_dim);
    float frequency = 1.0F / std::pow(static_cast<float>(config.rope_theta), exponent);
    if (config.rope_scaling) {
      const Llama3RopeScaling& scaling = *config.rope_scaling;
      const auto original = static_cast<double>(scaling.original_max_position_embeddings);
      const double wavelength = 2 * std::numbers::pi / frequency;
      if (wavelength > original / scaling.low_freq_factor) {
        frequency = static_cast<float>(frequency / scaling.factor);
      } else if (wavelength >= original / scaling.high_freq_factor) {
        const double smooth = (original / wavelength - scaling.low_freq_factor) /
                              (scaling.high_freq_factor - scaling.low_freq_factor);
        frequency =
            static_cast<float>((1 - smooth) * frequency / scaling.factor + smooth * frequency);
      }
    }
    frequencies[pair] = frequency;
  }
  return frequencies;
}

void FillRopeTables(Weights* weights) {
  const std::vector<float> frequencies = RopeFrequencies(weights->config);
  const auto pairs = static_cast<int64_t>(frequencies.size());
  const auto on_cpu = at::TensorOptions().device(at::kCPU).dtype(at::kFloat);
  at::Tensor cos = at::empty({weights->config.max_positions, pairs}, on_cpu);
  at::Tensor sin = at::empty_like(cos);
  auto* cos_values = cos.data_ptr<float>();
  auto* sin_values = sin.data_ptr<float>();
  at::parallel_for(0, weights->config.max_positions, 256, [&](int64_t begin, int64_t end) {
    for (int64_t position = begin; position < end; ++position) {
      for (int64_t pair = 0; pair < pairs; ++pair) {
        const float angle = static_cast<float>(position) * frequencies[static_cast<size_t>(pair)];
        cos_values[position * pairs + pair] = std::cos(angle);
        sin_values[position * pairs + pair] = std::sin(angle);
      }
    }
  });
  weights->rope_cos = cos.to(weights->placement.device);
  weights->rope_sin = sin.to(weights->placement.device);
}

RopeAngles::RopeAngles(const Weights& weights, absl::Span<const int64_t> positions) {
  const at::Tensor rows = at::empty({static_cast<int64_t>(positions.size())},
                                    at::TensorOptions().device(at::kCPU).dtype(at::kLong));
  std::memcpy(rows.data_ptr<int64_t>(), positions.data(), positions.size() * sizeof(int64_t));
  const at::Tensor on_device = rows.to(weights.placement.device);
  const auto choose = [&](const at::Tensor& table) {
    return table.index_select(0, on_device).unsqueeze(1);
  };
  cos_ = choose(weights.rope_cos);
  sin_ = choose(weights.rope_sin);
}

void RopeAngles::Rotate(at::Tensor heads, bool back) const {
  const at::NoGradGuard no_grad;
  if (heads.device().is_cpu() && heads.stride(-1) == 1) {
    FusedRotate(heads, cos_, sin_, back);
    return;
  }
  // In f32 whatever the heads are in, and rounded once.
  const at::Tensor work = heads.to(at::kFloat);
  const int64_t half = work.size(-1) / 2;
  at::Tensor first = work.narrow(-1, 0, half);
  at::Tensor second = work.narrow(-1, half, half);
  const at::Tensor first_sin = first * sin_;
  // [first, second] -> [first cos - second sin, second cos + first sin]
  first.mul_(cos_).addcmul_(second, sin_, back ? 1 : -1);
  second.mul_(cos_).add_(first_sin, back ? -1 : 1);
  if (!work.is_same(heads)) heads.copy_(work);
}

}  // namespace imprint::model
