// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// The network as a function over packed batches: it needs no padding. A batch is one
// long row of tokens, cut into segments; each segment attends to itself, to the keys
// and values in its cache, and to the segments that it names as prefix. So one form
// serves prefill, decode, scoring of many answers after one prompt, and training.

#ifndef IMPRINT_SERVER_MODEL_NETWORK_H_
#define IMPRINT_SERVER_MODEL_NETWORK_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "ATen/core/TensorBody.h"
#include "absl/types/span.h"
#include "server/model/adapter.h"
#include "server/model/kv_cache.h"
#include "server/model/weights.h"

namespace imprint::model {

// A run of tokens of one sequence within a packed batch.
struct Segment {
  int64_t begin = 0;   // in the batch
  int64_t length = 0;  // at least 1
  // An earlier segment of the same batch whose tokens come right before this one's
  // (and, through its own prefix, those before it); -1: none. Several segments may
  // share one prefix: it is computed once. Gradients flow through it.
  int prefix = -1;
  // Tokens before the segment; the segment's own keys and values are appended to it.
  // Null: nothing is kept. Never together with `prefix`, nor with gradients, and never the
  // cache of another segment of the batch.
  KvCache* kv_cache = nullptr;
};

// Called between layers; training yields the processor there.
using LayerHook = std::function<void()>;

struct ForwardOptions {
  // Trained low-rank pairs added to the weights' maps; null: none.
  const Adapter* adapter = nullptr;
  // Called before each layer, forward, and where gradients are on, backward.
  LayerHook layer_hook = {};
  // Called with the input of the maps from `first` on, before they are applied; only looks.
  std::function<void(int64_t layer, Linear first, const at::Tensor& x)> input_hook = {};
};

class Network {
 public:
  // hidden [tokens, hidden] after the final norm, in the compute dtype.
  // `tokens` are the ids of all segments, in order; 0 <= id < vocab is the caller's
  // promise, as is that no sequence exceeds the model's window.
  static at::Tensor Forward(const Weights& weights, absl::Span<const int32_t> tokens,
                            absl::Span<const Segment> segments, const ForwardOptions& options = {});

  // States [tokens, hidden] between blocks, f32: what comes out of the first `layers` blocks as
  // `weights` have them, without gradients. Segments without caches only.
  static at::Tensor LowerStates(const Weights& weights, absl::Span<const int32_t> tokens,
                                absl::Span<const Segment> segments, int64_t layers,
                                const LayerHook& layer_hook = {});

  // As Forward, from the block `layer` on, into which `states` go; they may be overwritten. An
  // adapter's pairs below it are not applied.
  static at::Tensor ForwardFrom(const Weights& weights, int64_t layer, at::Tensor states,
                                absl::Span<const Segment> segments,
                                const ForwardOptions& options = {});

  // logits [rows, vocab] in f32 of chosen rows of `hidden` [rows, hidden].
  static at::Tensor Logits(const Weights& weights, const at::Tensor& hidden);
};

}  // namespace imprint::model

#endif  // IMPRINT_SERVER_MODEL_NETWORK_H_
