// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// What the blocks below the first one that is trained make of a sentence. It is the same in every
// pass of a job: computed once, in batches larger than a step's, it spares each later step a
// third of its forward pass where a third of the blocks stays as it is.

#ifndef IMPRINT_SERVER_UPDATE_FROZEN_STATES_H_
#define IMPRINT_SERVER_UPDATE_FROZEN_STATES_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "ATen/core/TensorBody.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "server/engine/compute_share.h"
#include "server/model/weights.h"
#include "server/update/packer.h"

namespace imprint::update {

// Of one job. While one thread is in Prepare or KeepOnly, nobody calls Of.
class FrozenStates {
 public:
  // The first `layers` blocks of `base`, which outlives it, stay as they are. At most `max_bytes`
  // are held: what there is no room for is computed whenever it is wanted.
  FrozenStates(const model::Weights& base, int64_t layers, int64_t max_bytes);

  int64_t layers() const { return layers_; }
  // Held now.
  int64_t bytes() const { return bytes_; }
  // Of so many tokens.
  static int64_t BytesOf(const model::ModelConfig& config, int64_t tokens);

  // Computes what is not held of `items`, one after another as long as there is room. `share` may
  // be null; each pass yields between the blocks. CANCELLED when `cancelled` says so between
  // passes.
  absl::Status Prepare(const std::vector<PackItem>& items, engine::ComputeShare* share,
                       const std::function<bool()>& cancelled);

  // Drops what is of none of `items`.
  void KeepOnly(const std::vector<PackItem>& items);

  // The states [packed tokens, hidden] that go into block `layers()`: `packed` is Pack(items),
  // padded or not. A copy; what is not held is computed here.
  at::Tensor Of(const std::vector<PackItem>& items, const PackedBatch& packed,
                const model::LayerHook& layer_hook) const;

 private:
  using Key = std::vector<int32_t>;  // the tokens that are computed of an item

  static Key KeyOf(const PackItem& item);
  // Of each item, [tokens, hidden].
  std::vector<at::Tensor> Compute(const std::vector<PackItem>& items,
                                  const model::LayerHook& layer_hook) const;

  const model::Weights& base_;
  const int64_t layers_;
  const int64_t max_bytes_;
  absl::flat_hash_map<Key, at::Tensor> states_;  // [tokens, hidden] f32
  int64_t bytes_ = 0;
};

}  // namespace imprint::update

#endif  // IMPRINT_SERVER_UPDATE_FROZEN_STATES_H_
