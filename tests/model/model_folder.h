// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Hugging Face folders of tiny random models, and ways to break them.

#ifndef IMPRINT_TESTS_MODEL_MODEL_FOLDER_H_
#define IMPRINT_TESTS_MODEL_MODEL_FOLDER_H_

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "ATen/core/TensorBody.h"
#include "nlohmann/json.hpp"
#include "server/model/weights.h"

namespace imprint::model {

using TensorMap = std::map<std::string, at::Tensor>;

// config.json of a small model: 3 blocks, 4 heads that share 2, everything of another size.
// `changes` are merged into it; a null takes a key away.
nlohmann::json TinyConfigJson(std::string_view architecture, const nlohmann::json& changes = {});

// The families with all that is special about them.
struct Variant {
  const char* name;
  nlohmann::json config;
};
std::vector<Variant> Variants();

// Random f32 tensors that the config asks for, by their name in a checkpoint.
TensorMap RandomTensors(const nlohmann::json& config, uint64_t seed);

void WriteText(const std::filesystem::path& path, std::string_view text);
std::string ReadText(const std::filesystem::path& path);
// Writes the tensors in their dtype (f32, f16, bf16 or i64) to a safetensors file.
void WriteTensors(const std::filesystem::path& path, const TensorMap& tensors);
void WriteModel(const std::filesystem::path& dir, const nlohmann::json& config,
                const TensorMap& tensors);

// Writes a random model to a folder and loads it; throws where that fails.
std::shared_ptr<const Weights> MakeRandomModel(const nlohmann::json& config,
                                               const Placement& placement, uint64_t seed = 1);

}  // namespace imprint::model

#endif  // IMPRINT_TESTS_MODEL_MODEL_FOLDER_H_
