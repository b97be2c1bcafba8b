// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// The tensors of a network, as they are computed with.

#ifndef IMPRINT_SERVER_MODEL_WEIGHTS_H_
#define IMPRINT_SERVER_MODEL_WEIGHTS_H_

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "ATen/core/TensorBody.h"
#include "absl/status/statusor.h"
#include "server/model/config.h"
#include "server/model/device.h"

namespace imprint::model {

// The linear maps inside a block: the ones that adapters may change.
enum class Linear : int { kQuery, kKey, kValue, kOutput, kGate, kUp, kDown };
inline constexpr int kLinearsPerLayer = 7;
// "self_attn.q_proj", as in a checkpoint.
const char* LinearName(Linear linear);

// One block. Weights are [out, in]; undefined tensors where the family has none.
struct LayerWeights {
  at::Tensor input_norm;  // [hidden]
  at::Tensor post_attention_norm;
  at::Tensor linear[kLinearsPerLayer];
  at::Tensor bias[kLinearsPerLayer];
  at::Tensor query_norm;  // [head_dim]
  at::Tensor key_norm;
  // Maps of the same input lie behind one another in one tensor, so that one product gives
  // them all: query, key and value are views of `query_key_value`, gate and up of
  // `gate_up`; their biases likewise.
  at::Tensor query_key_value;  // [(heads + 2 * kv_heads) * head_dim, hidden]
  at::Tensor query_key_value_bias;
  at::Tensor gate_up;  // [2 * intermediate, hidden]
  at::Tensor gate_up_bias;
};

// [out, in] of a map; whether it has a bias.
std::array<int64_t, 2> LinearShape(const ModelConfig& config, Linear linear);
bool LinearHasBias(const ModelConfig& config, Linear linear);

// Makes room, uninitialised, for the maps and biases of a block, and the views into it.
void AllocateLinears(const ModelConfig& config, const Placement& placement, LayerWeights* layer);

// All tensors of one network. Immutable once built and shared between threads;
// merged versions share with the base every tensor that no delta touches.
struct Weights {
  ModelConfig config;
  Placement placement;
  at::Tensor embedding;  // [vocab, hidden]
  at::Tensor final_norm;
  at::Tensor head;  // [vocab, hidden]; the embedding where tied
  std::vector<LayerWeights> layers;
  at::Tensor rope_cos;  // [max_positions, head_dim / 2], f32
  at::Tensor rope_sin;
};

// A tensor as a checkpoint names it, and its place in a network.
struct CheckpointTensor {
  std::string name;
  std::vector<int64_t> shape;
  at::Tensor* tensor;
};

// All that a checkpoint of `weights` (whose config and number of blocks are set) holds, in a
// fixed order; a tied head is not among them. The pointers are into `weights`.
std::vector<CheckpointTensor> CheckpointTensors(Weights* weights);

// Reads config.json and model.safetensors (or its shards by
// model.safetensors.index.json) of a Hugging Face folder. Every tensor is checked
// for presence, shape and dtype (f32, f16, bf16) before anything is copied; errors
// name file and tensor: NOT_FOUND (a file), INVALID_ARGUMENT, UNIMPLEMENTED (the
// architecture), DATA_LOSS (a broken file), RESOURCE_EXHAUSTED (no memory).
absl::StatusOr<std::shared_ptr<const Weights>> LoadWeights(const std::filesystem::path& dir,
                                                           const Placement& placement);

// SHA-256 (hex) over config.json and the weight files of the folder: sizes, headers
// and bytes. What a store and its versions belong to.
absl::StatusOr<std::string> ModelFingerprint(const std::filesystem::path& dir);

}  // namespace imprint::model

#endif  // IMPRINT_SERVER_MODEL_WEIGHTS_H_
