// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/model/weights.h"

#include <utility>

#include "ATen/ATen.h"
#include "absl/strings/str_cat.h"

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

std::vector<CheckpointTensor> CheckpointTensors(Weights* weights) {
  const ModelConfig& config = weights->config;
  const std::vector<int64_t> vector = {config.hidden_size};
  const std::vector<int64_t> table = {config.vocab_size, config.hidden_size};
  std::vector<CheckpointTensor> tensors = {
      {"model.embed_tokens.weight", table, &weights->embedding},
      {"model.norm.weight", vector, &weights->final_norm},
  };
  if (!config.tie_word_embeddings) tensors.push_back({"lm_head.weight", table, &weights->head});
  for (size_t index = 0; index < weights->layers.size(); ++index) {
    LayerWeights& layer = weights->layers[index];
    const std::string prefix = absl::StrCat("model.layers.", index, ".");
    const auto add = [&](const std::string& name, std::vector<int64_t> shape, at::Tensor* tensor) {
      tensors.push_back({absl::StrCat(prefix, name), std::move(shape), tensor});
    };
    add("input_layernorm.weight", vector, &layer.input_norm);
    add("post_attention_layernorm.weight", vector, &layer.post_attention_norm);
    for (int i = 0; i < kLinearsPerLayer; ++i) {
      const auto linear = static_cast<Linear>(i);
      const auto [out, in] = LinearShape(config, linear);
      add(absl::StrCat(LinearName(linear), ".weight"), {out, in}, &layer.linear[i]);
      if (LinearHasBias(config, linear)) {
        add(absl::StrCat(LinearName(linear), ".bias"), {out}, &layer.bias[i]);
      }
    }
    if (config.qk_norm) {
      add("self_attn.q_norm.weight", {config.head_dim}, &layer.query_norm);
      add("self_attn.k_norm.weight", {config.head_dim}, &layer.key_norm);
    }
  }
  return tensors;
}

}  // namespace imprint::model
