// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/model/weights.h"

#include "ATen/ATen.h"

namespace imprint::model {
namespace {

// Makes one tensor for `count` maps (or their biases) from `first` on, and the view of each.
at::Tensor AllocateFused(const ModelConfig& config, const Placement& placement, Linear first,
                         int count, bool bias, at::Tensor* views) {
  if (bias && !LinearHasBias(config, first)) return {};
  std::vector<int64_t> shape = {0, LinearShape(config, first)[1]};
  if (bias) shape.pop_back();
  const int begin = static_cast<int>(first);
  for (int i = begin; i < begin + count; ++i) {
    shape[0] += LinearShape(config, static_cast<Linear>(i))[0];
  }
  at::Tensor fused = at::empty(shape, placement.activations());
  int64_t row = 0;
  for (int i = begin; i < begin + count; ++i) {
    const int64_t rows = LinearShape(config, static_cast<Linear>(i))[0];
    views[i] = fused.narrow(0, row, rows);
    row += rows;
  }
  return fused;
}

}  // namespace

const char* LinearName(Linear linear) {
  switch (linear) {
    case Linear::kQuery:
      return "self_attn.q_proj";
    case Linear::kKey:
      return "self_attn.k_proj";
    case Linear::kValue:
      return "self_attn.v_proj";
    case Linear::kOutput:
      return "self_attn.o_proj";
    case Linear::kGate:
      return "mlp.gate_proj";
    case Linear::kUp:
      return "mlp.up_proj";
    case Linear::kDown:
      return "mlp.down_proj";
  }
  return "";
}

std::array<int64_t, 2> LinearShape(const ModelConfig& config, Linear linear) {
  switch (linear) {
    case Linear::kQuery:
      return {config.heads * config.head_dim, config.hidden_size};
    case Linear::kKey:
    case Linear::kValue:
      return {config.kv_heads * config.head_dim, config.hidden_size};
    case Linear::kOutput:
      return {config.hidden_size, config.heads * config.head_dim};
    case Linear::kGate:
    case Linear::kUp:
      return {config.intermediate_size, config.hidden_size};
    case Linear::kDown:
      return {config.hidden_size, config.intermediate_size};
  }
  return {0, 0};
}

bool LinearHasBias(const ModelConfig& config, Linear linear) {
  switch (linear) {
    case Linear::kQuery:
    case Linear::kKey:
    case Linear::kValue:
      return config.qkv_bias;
    case Linear::kOutput:
      return config.output_bias;
    case Linear::kGate:
    case Linear::kUp:
    case Linear::kDown:
      return config.mlp_bias;
  }
  return false;
}

void AllocateLinears(const ModelConfig& config, const Placement& placement, LayerWeights* layer) {
  const auto allocate = [&](Linear first, int count, bool bias) {
    return AllocateFused(config, placement, first, count, bias, bias ? layer->bias : layer->linear);
  };
  layer->query_key_value = allocate(Linear::kQuery, 3, /*bias=*/false);
  layer->query_key_value_bias = allocate(Linear::kQuery, 3, /*bias=*/true);
  layer->gate_up = allocate(Linear::kGate, 2, /*bias=*/false);
  layer->gate_up_bias = allocate(Linear::kGate, 2, /*bias=*/true);
  for (const Linear single : {Linear::kOutput, Linear::kDown}) {
    allocate(single, 1, /*bias=*/false);
    allocate(single, 1, /*bias=*/true);
  }
}

}  // namespace imprint::model
