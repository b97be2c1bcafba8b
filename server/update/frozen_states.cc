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

// Tokens of a pass over the blocks: as many as make products fast, few enough that who cancels does
// not wait long.
constexpr int64_t kPassTokens = 512;

// Calls `visit(run, position)` for the item's segment and its prefixes, the first one first:
// the tokens of the batch `run` are the item's from `position` on.
template <typename Visit>
void VisitRuns(const PackedBatch& packed, size_t item, int64_t tokens, const Visit& visit) {
  std::vector<model::Segment> chain;
  for (int i = packed.item_segments[item]; i >= 0; i = chain.back().prefix) {
    chain.push_back(packed.segments[static_cast<size_t>(i)]);
  }
  int64_t position = 0;
  for (auto run = chain.rbegin(); run != chain.rend(); ++run) {
    run->length = std::min(run->length, tokens - position);  // without padding
    visit(*run, position);
    position += run->length;
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
    model::LayerHook yield;
    if (share != nullptr) yield = [share] { share->Yield(); };
    const std::vector<at::Tensor> computed = Compute(pass, yield);
    for (size_t j = 0; j < pass.size(); ++j) {
      bytes_ += static_cast<int64_t>(computed[j].nbytes());
      states_.emplace(KeyOf(pass[j]), computed[j]);
    }
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

std::vector<at::Tensor> FrozenStates::Compute(const std::vector<PackItem>& items,
                                              const model::LayerHook& layer_hook) const {
  const at::NoGradGuard no_grad;
  PackedBatch packed = Pack(items);
  PadForDevice(base_.placement.device, packed);
  const at::Tensor states =
      model::Network::LowerStates(base_, packed.tokens, packed.segments, layers_, layer_hook);
  std::vector<at::Tensor> computed;
  for (size_t i = 0; i < items.size(); ++i) {
    const auto tokens = static_cast<int64_t>(KeyOf(items[i]).size());
    computed.push_back(at::empty({tokens, states.size(1)}, states.options()));
    VisitRuns(packed, i, tokens, [&](const model::Segment& run, int64_t position) {
      computed[i].narrow(0, position, run.length).copy_(states.narrow(0, run.begin, run.length));
    });
  }
  return computed;
}

at::Tensor FrozenStates::Of(const std::vector<PackItem>& items, const PackedBatch& packed,
                            const model::LayerHook& layer_hook) const {
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> of_items(items.size());
  std::vector<PackItem> missing;
  std::vector<size_t> places;
  for (size_t i = 0; i < items.size(); ++i) {
    const auto held = states_.find(KeyOf(items[i]));
    if (held != states_.end()) {
      of_items[i] = held->second;
    } else {
      missing.push_back(items[i]);
      places.push_back(i);
    }
  }
  if (!missing.empty()) {
    const std::vector<at::Tensor> computed = Compute(missing, layer_hook);
    for (size_t i = 0; i < places.size(); ++i) of_items[places[i]] = computed[i];
  }

  const at::Tensor states =
      at::zeros({static_cast<int64_t>(packed.tokens.size()), base_.config.hidden_size},
                of_items.front().options());
  for (size_t i = 0; i < items.size(); ++i) {
    // A prefix that several items have is the same of each.
    VisitRuns(packed, i, of_items[i].size(0), [&](const model::Segment& run, int64_t position) {
      states.narrow(0, run.begin, run.length).copy_(of_items[i].narrow(0, position, run.length));
    });
  }
  return states;
}

}  // namespace imprint::update
