// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/model/reference_network.h"

#include <cmath>
#include <limits>

#include "ATen/ATen.h"

namespace imprint::model {
namespace {

at::Tensor Norm(const at::Tensor& x, const at::Tensor& weight, double epsilon) {
  return x * (x.square().mean(-1, true) + epsilon).rsqrt() * weight.to(at::kFloat);
}

at::Tensor Map(const LayerWeights& layer, const Adapter* adapter, size_t index, Linear linear,
               const at::Tensor& x) {
  const auto i = static_cast<size_t>(linear);
  at::Tensor weight = layer.linear[i].to(at::kFloat);
  if (adapter != nullptr) {
    const LowRankPair& pair = adapter->layers[index][i];
    weight = weight + adapter->scale * pair.b.mm(pair.a);
  }
  const at::Tensor y = x.mm(weight.t());
  return layer.bias[i].defined() ? y + layer.bias[i].to(at::kFloat) : y;
}

// [tokens, heads, head_dim]
at::Tensor Rotate(const Weights& weights, const at::Tensor& x) {
  const int64_t half = x.size(2) / 2;
  const at::Tensor cos = weights.rope_cos.narrow(0, 0, x.size(0)).repeat({1, 2}).unsqueeze(1);
  const at::Tensor sin = weights.rope_sin.narrow(0, 0, x.size(0)).repeat({1, 2}).unsqueeze(1);
  const at::Tensor turned = at::cat({-x.narrow(2, half, half), x.narrow(2, 0, half)}, 2);
  return x * cos + turned * sin;
}

}  // namespace

at::Tensor ReferenceForward(const Weights& weights, const std::vector<int32_t>& tokens,
                            const Adapter* adapter) {
  const ModelConfig& config = weights.config;
  const auto count = static_cast<int64_t>(tokens.size());
  std::vector<at::Tensor> embedded;
  for (const int32_t token : tokens) embedded.push_back(weights.embedding[token].to(at::kFloat));
  at::Tensor h = at::stack(embedded);
  for (size_t index = 0; index < weights.layers.size(); ++index) {
    const LayerWeights& layer = weights.layers[index];
    const at::Tensor x = Norm(h, layer.input_norm, config.rms_norm_eps);
    const auto heads = [&](Linear linear, int64_t n) {
      return Map(layer, adapter, index, linear, x).view({count, n, config.head_dim});
    };
    at::Tensor q = heads(Linear::kQuery, config.heads);
    at::Tensor k = heads(Linear::kKey, config.kv_heads);
    const at::Tensor v = heads(Linear::kValue, config.kv_heads);
    if (config.qk_norm) {
      q = Norm(q, layer.query_norm, config.rms_norm_eps);
      k = Norm(k, layer.key_norm, config.rms_norm_eps);
    }
    q = Rotate(weights, q);
    k = Rotate(weights, k);
    std::vector<at::Tensor> attended;
    for (int64_t head = 0; head < config.heads; ++head) {
      const int64_t shared = head / (config.heads / config.kv_heads);
      at::Tensor scores = q.select(1, head).mm(k.select(1, shared).t()) /
                          std::sqrt(static_cast<double>(config.head_dim));
      at::Tensor hidden = at::ones_like(scores).triu(1);
      if (const int64_t window = config.sliding_window[index]; window > 0) {
        hidden = hidden + at::ones_like(scores).tril(-window);
      }
      scores = scores.masked_fill(hidden > 0, -std::numeric_limits<double>::infinity());
      attended.push_back(scores.softmax(-1).mm(v.select(1, shared)));
    }
    h = h + Map(layer, adapter, index, Linear::kOutput, at::cat(attended, 1));
    const at::Tensor y = Norm(h, layer.post_attention_norm, config.rms_norm_eps);
    const at::Tensor gate = Map(layer, adapter, index, Linear::kGate, y);
    const at::Tensor up = Map(layer, adapter, index, Linear::kUp, y);
    h = h + Map(layer, adapter, index, Linear::kDown, gate * gate.sigmoid() * up);
  }
  return Norm(h, weights.final_norm, config.rms_norm_eps);
}

double RelativeError(const at::Tensor& actual, const at::Tensor& expected) {
  const at::Tensor reference = expected.to(at::kCPU, at::kDouble);
  return (actual.to(at::kCPU, at::kDouble) - reference).norm().item<double>() /
         reference.norm().item<double>();
}

}  // namespace imprint::model
