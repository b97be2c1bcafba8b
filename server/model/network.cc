// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/model/network.h"

#include <cstring>
#include <optional>
#include <utility>

#include "ATen/ATen.h"
#include "ATen/core/LegacyTypeDispatch.h"
#include "ATen/core/grad_mode.h"
#include "server/model/multiply.h"
#include "server/model/operators.h"
#include "server/model/packed_attention.h"

namespace imprint::model {
namespace {

at::Tensor Embed(const Weights& weights, absl::Span<const int32_t> tokens) {
  const at::Tensor ids = at::empty({static_cast<int64_t>(tokens.size())},
                                   at::TensorOptions().device(at::kCPU).dtype(at::kInt));
  std::memcpy(ids.data_ptr<int32_t>(), tokens.data(), tokens.size() * sizeof(int32_t));
  // The sum that runs through the blocks is f32: in bf16 each block would round it again.
  return weights.embedding.index_select(0, ids.to(weights.placement.device)).to(at::kFloat);
}

// One block: h + attention(norm(h)), then h + mlp(norm(h)).
class Block {
 public:
  Block(const Weights& weights, int64_t index, const ForwardOptions& options)
      : config_(weights.config),
        index_(index),
        layer_(weights.layers[static_cast<size_t>(index)]),
        adapter_(options.adapter),
        options_(options) {}

  // Without gradients `hidden` is overwritten.
  at::Tensor Run(const at::Tensor& hidden, PackedAttention& attention) const {
    at::Tensor normed = RmsNorm(hidden, layer_.input_norm, config_.rms_norm_eps);
    at::Tensor qkv =
        Apply({}, normed, layer_.query_key_value, layer_.query_key_value_bias, Linear::kQuery, 3);
    if (config_.qk_norm) qkv = NormQueryAndKey(qkv);
    const at::Tensor attended = attention.Run(index_, qkv);
    const at::Tensor middle = Apply(hidden, attended, Of(layer_.linear, Linear::kOutput),
                                    Of(layer_.bias, Linear::kOutput), Linear::kOutput, 1);
    normed = RmsNorm(middle, layer_.post_attention_norm, config_.rms_norm_eps);
    const at::Tensor gate_up =
        Apply({}, normed, layer_.gate_up, layer_.gate_up_bias, Linear::kGate, 2);
    return Apply(middle, SwiGlu(gate_up), Of(layer_.linear, Linear::kDown),
                 Of(layer_.bias, Linear::kDown), Linear::kDown, 1);
  }

 private:
  static const at::Tensor& Of(const at::Tensor (&tensors)[kLinearsPerLayer], Linear linear) {
    return tensors[static_cast<int>(linear)];
  }

  // The `count` maps from `first` on, which share their input.
  at::Tensor Apply(const at::Tensor& residual, const at::Tensor& x, const at::Tensor& weight,
                   const at::Tensor& bias, Linear first, size_t count) const {
    if (options_.input_hook) options_.input_hook(index_, first, x);
    LinearMaps maps = {weight, bias, {}, 0};
    if (adapter_ != nullptr) {
      maps.pairs = adapter_->Pairs(index_, first, count);
      maps.scale = adapter_->scale;
    }
    return ApplyLinear(residual, x, maps);
  }

  at::Tensor NormQueryAndKey(const at::Tensor& qkv) const {
    const at::Tensor heads = qkv.view({qkv.size(0), -1, config_.head_dim});
    const std::vector<at::Tensor> parts =
        heads.split_with_sizes({config_.heads, config_.kv_heads, config_.kv_heads}, 1);
    const at::Tensor normed =
        at::cat({RmsNorm(parts[0], layer_.query_norm, config_.rms_norm_eps),
                 RmsNorm(parts[1], layer_.key_norm, config_.rms_norm_eps), parts[2]},
                1);
    return normed.view(qkv.sizes());
  }

  const ModelConfig& config_;
  const int64_t index_;
  const LayerWeights& layer_;
  const Adapter* const adapter_;
  const ForwardOptions& options_;
};

// How operators run as long as it lives.
class ForwardMode {
 public:
  explicit ForwardMode(bool with_grad) : grad_mode_(with_grad) {
    if (!with_grad) below_autograd_.emplace();
  }

 private:
  const at::AutoGradMode grad_mode_;
  // Autograd's share of each operator's dispatch is what short steps can do without.
  std::optional<at::AutoDispatchBelowADInplaceOrView> below_autograd_;
};

bool WantsGradient(const ForwardOptions& options) {
  return at::GradMode::is_enabled() && options.adapter != nullptr;
}

// Blocks [first, last).
at::Tensor RunBlocks(const Weights& weights, int64_t first, int64_t last, at::Tensor hidden,
                     absl::Span<const Segment> segments, const ForwardOptions& options) {
  PackedAttention attention(weights, hidden.size(0), segments, at::GradMode::is_enabled());
  for (int64_t layer = first; layer < last; ++layer) {
    if (options.layer_hook) options.layer_hook();
    hidden = Block(weights, layer, options).Run(hidden, attention);
    if (options.layer_hook && hidden.requires_grad()) {
      // Runs when the gradient of this layer's output is known: before its backward pass.
      hidden.register_hook([hook = options.layer_hook](const at::Tensor&) { hook(); });
    }
  }
  attention.AdvanceCaches();
  return hidden;
}

}  // namespace

at::Tensor Network::Forward(const Weights& weights, absl::Span<const int32_t> tokens,
                            absl::Span<const Segment> segments, const ForwardOptions& options) {
  const ForwardMode mode(WantsGradient(options));
  return ForwardFrom(weights, 0, Embed(weights, tokens), segments, options);
}

at::Tensor Network::LowerStates(const Weights& weights, absl::Span<const int32_t> tokens,
                                absl::Span<const Segment> segments, int64_t layers,
                                const LayerHook& layer_hook) {
  const ForwardMode mode(/*with_grad=*/false);
  ForwardOptions options;
  options.layer_hook = layer_hook;
  return RunBlocks(weights, 0, layers, Embed(weights, tokens), segments, options);
}

at::Tensor Network::ForwardFrom(const Weights& weights, int64_t layer, at::Tensor states,
                                absl::Span<const Segment> segments, const ForwardOptions& options) {
  const ForwardMode mode(WantsGradient(options));
  const at::Tensor hidden =
      RunBlocks(weights, layer, weights.config.layers, std::move(states), segments, options);
  return RmsNorm(hidden, weights.final_norm, weights.config.rms_norm_eps);
}

at::Tensor Network::Logits(const Weights& weights, const at::Tensor& hidden) {
  if (at::GradMode::is_enabled() && hidden.requires_grad()) {
    return at::linear(hidden, weights.head).to(at::kFloat);
  }
  return Multiply(hidden, weights.head).to(at::kFloat);
}

}  // namespace imprint::model
