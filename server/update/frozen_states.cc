// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/update/frozen_states.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "server/model/network.h"

namespace imprint::update {
namespace {

// Tokens of a pass over the blocks: as many as make products fast, few enough that chat does not
// wait for them.
constexpr int64_t kPassTokens = 512;

// Calls `visit(segment, position, length)` for the item's segment and its prefixes, the first one
// first: so many of the item's tokens from `position` on are those at the segment's beginning.
template <typename Visit>
void VisitSegments(const PackedBatch& packed, size_t item, int64_t tokens, const Visit& visit) {
  std::vector<size_t> chain;
  for (int i = packed.item_segments[item]; i >= 0;) {
    chain.push_back(static_cast<size_t>(i));
    i = packed.segments[chain.back()].prefix;
  }
  int64_t position = 0;
  for (auto segment = chain.rbegin(); segment != chain.rend(); ++segment) {
    // A segment that is padded has more.
    const int64_t length = std::min(packed.segments[*segment].length, tokens - position);
    visit(*segment, position, length);
    position += length;
  }
}

}  // namespace

FrozenStates::FrozenStates(const model::Weights& base, int64_t layers, int64_t max_bytes)
    : base_(base), layers_(layers), max_bytes_(max_bytes) {}

int64_t FrozenStates::BytesOf(const model::ModelConfig& config, int64_t tokens) {
  return tokens * config.hidden_size * static_cast<int64_t>(sizeof(float));
}

FrozenStates::Key FrozenStates::KeyOf(const PackItem& item) {
  Key key(item.prompt.begin(), item.prompt.end());
  key.insert(key.end(), item.target.begin(), item.target.end() - 1);
  return key;
}

absl::Status FrozenStates::Prepare(const std::vector<PackItem>& items, engine::ComputeShare* share,
                                   const std::function<bool()>& cancelled) {
  if (layers_ == 0) return absl::OkStatus();  // embeddings are had as fast
  absl::flat_hash_set<Key> missing;
  std::vector<PackItem> pass;
  int64_t tokens = 0;
  for (size_t i = 0; i < items.size(); ++i) {
    Key key = KeyOf(items[i]);
    const auto length = static_cast<int64_t>(key.size());
    const int64_t after = bytes_ + BytesOf(base_.config, tokens + length);
    if (!states_.contains(key) && after <= max_bytes_ && missing.insert(std::move(key)).second) {
      pass.push_back(items[i]);
      tokens += length;
    }
    if (pass.empty() || (tokens < kPassTokens && i + 1 < items.size())) continue;
    if (cancelled && cancelled()) return absl::CancelledError("training was cancelled");
    ComputePass(pass, share);
    pass.clear();
    tokens = 0;
  }
  return absl::OkStatus();
}

void FrozenStates::KeepOnly(const std::vector<PackItem>& items) {
  absl::flat_hash_set<Key> kept;
  for (const PackItem& item : items) kept.insert(KeyOf(item));
  absl::erase_if(states_, [&](const auto& held) {
    if (kept.contains(held.first)) return false;
    bytes_ -= static_cast<int64_t>(held.second.nbytes());
    return true;
  });
}

void FrozenStates::ComputePass(const std::vector<PackItem>& items, engine::ComputeShare* share) {
  const engine::TrainingTurn turn(share);
  const at::NoGradGuard no_grad;
  const PackedBatch packed = Pack(items);
  model::LayerHook yield;
  if (share != nullptr) yield = [share] { share->Yield(); };
  const at::Tensor states =
      model::Network::LowerStates(base_, packed.tokens, packed.segments, layers_, yield);
  for (size_t i = 0; i < items.size(); ++i) {
    Key key = KeyOf(items[i]);
    const auto tokens = static_cast<int64_t>(key.size());
    const at::Tensor own = at::empty({tokens, states.size(1)}, states.options());
    VisitSegments(packed, i, tokens, [&](size_t segment, int64_t position, int64_t length) {
      const int64_t begin = packed.segments[segment].begin;
      own.narrow(0, position, length).copy_(states.narrow(0, begin, length));
    });
    bytes_ += static_cast<int64_t>(own.nbytes());
    states_.emplace(std::move(key), own);
  }
}

at::Tensor FrozenStates::Of(const std::vector<PackItem>& items, const PackedBatch& packed,
                            const model::LayerHook& layer_hook) const {
  const at::NoGradGuard no_grad;
  std::vector<const at::Tensor*> held;
  for (const PackItem& item : items) {
    const auto found = states_.find(KeyOf(item));
    if (found == states_.end()) {
      return model::Network::LowerStates(base_, packed.tokens, packed.segments, layers_,
                                         layer_hook);
    }
    held.push_back(&found->second);
  }
  const at::Tensor states =
      at::empty({static_cast<int64_t>(packed.tokens.size()), base_.config.hidden_size},
                held.front()->options());
  std::vector<bool> is_filled(packed.segments.size(), false);
  for (size_t i = 0; i < items.size(); ++i) {
    const int64_t tokens = held[i]->size(0);
    VisitSegments(packed, i, tokens, [&](size_t segment, int64_t position, int64_t length) {
      if (is_filled[segment]) return;  // by another item that has the same prefix
      is_filled[segment] = true;
      const model::Segment& run = packed.segments[segment];
      states.narrow(0, run.begin, length).copy_(held[i]->narrow(0, position, length));
      if (length < run.length) states.narrow(0, run.begin + length, run.length - length).zero_();
    });
  }
  return states;
}

}  // namespace imprint::update
