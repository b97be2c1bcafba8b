// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/version/version_export.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <system_error>

#include "ATen/ATen.h"
#include "absl/functional/function_ref.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/json.h"
#include "common/list_directory.h"
#include "common/status_macros.h"
#include "nlohmann/json.hpp"
#include "server/model/guard.h"
#include "server/model/safetensors.h"

namespace imprint::version {
namespace {

constexpr size_t kPieceBytes = size_t{1} << 20;
constexpr char kWeightsFile[] = "model.safetensors";
constexpr char kConfigFile[] = "config.json";

absl::StatusOr<std::string> ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string bytes(std::istreambuf_iterator<char>(file), {});
  if (!file) return absl::InternalError(absl::StrCat("cannot read ", path.string()));
  return bytes;
}

// What a folder has beside weights and that others need: tokenizer, templates, settings.
absl::StatusOr<std::vector<std::filesystem::path>> SmallFiles(const std::filesystem::path& folder) {
  const auto all = ListDirectory(folder);
  if (!all.ok()) return absl::NotFoundError(all.status().message());
  std::vector<std::filesystem::path> files;
  for (const std::filesystem::path& path : *all) {
    const std::string extension = path.extension().string();
    const bool kind = extension == ".json" || extension == ".txt" || extension == ".jinja" ||
                      extension == ".model" ||
                      absl::StartsWith(path.filename().string(), "LICENSE");
    if (kind && std::filesystem::is_regular_file(path) &&
        !absl::EndsWith(path.string(), ".index.json")) {
      files.push_back(path);
    }
  }
  return files;
}

const char* StoredDtype(at::ScalarType dtype) { return dtype == at::kBFloat16 ? "BF16" : "F32"; }

// config.json, saying the precision of the weights beside it.
absl::StatusOr<std::string> ReadConfig(const std::filesystem::path& path, at::ScalarType dtype) {
  IMPRINT_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  auto config = ParseJson<nlohmann::ordered_json>(text);
  if (!config.is_object()) {
    return absl::InternalError(absl::StrCat(path.string(), " is not JSON any more"));
  }
  config["torch_dtype"] = dtype == at::kBFloat16 ? "bfloat16" : "float32";
  return config.dump(2) + "\n";
}

absl::StatusOr<std::string> BytesOf(const std::string& name, at::ScalarType dtype,
                                    absl::FunctionRef<at::Tensor()> make) {
  std::string bytes;
  IMPRINT_RETURN_IF_ERROR(model::Guarded(absl::StrCat("exporting ", name), [&] {
    const at::Tensor stored = make().detach().to(at::kCPU, dtype).contiguous();
    bytes.assign(static_cast<const char*>(stored.const_data_ptr()), stored.nbytes());
  }));
  return bytes;
}

// What the header says of a tensor whose bytes come later.
model::TensorToStore Announce(const std::string& name, at::ScalarType dtype,
                              std::vector<int64_t> shape) {
  size_t bytes = at::elementSize(dtype);
  for (const int64_t size : shape) bytes *= static_cast<size_t>(size);
  return {name, StoredDtype(dtype), std::move(shape), {static_cast<std::byte*>(nullptr), bytes}};
}

// One side of a map's change in all deltas, along the rank. The scales go into B, so that the
// change is B A.
at::Tensor JoinDeltas(const Deltas& deltas, size_t layer, int linear, bool side_a) {
  std::vector<at::Tensor> parts;
  for (const auto& delta : deltas) {
    const bool changes = static_cast<int64_t>(layer) >= delta->first_layer;
    const model::LowRankPair& pair =
        delta->layers[changes ? layer : static_cast<size_t>(delta->first_layer)]
                     [static_cast<size_t>(linear)];
    at::Tensor part = side_a ? pair.a : pair.b * delta->scale;
    // A lower block that this delta leaves alone.
    parts.push_back(changes ? part : at::zeros_like(part));
  }
  return at::cat(parts, side_a ? 0 : 1);
}

std::string PeftConfig(const std::string& base_model, int64_t rank, int64_t first_layer,
                       int64_t layers) {
  nlohmann::ordered_json config;
  config["peft_type"] = "LORA";
  config["task_type"] = "CAUSAL_LM";
  config["base_model_name_or_path"] = base_model;
  config["r"] = rank;
  config["lora_alpha"] = rank;  // the scale is in B
  config["lora_dropout"] = 0.0;
  config["bias"] = "none";
  config["fan_in_fan_out"] = false;
  config["inference_mode"] = true;
  for (int i = 0; i < model::kLinearsPerLayer; ++i) {
    const std::string name = model::LinearName(static_cast<model::Linear>(i));
    config["target_modules"].push_back(name.substr(name.find('.') + 1));
  }
  for (int64_t layer = first_layer; layer < layers; ++layer) {
    config["layers_to_transform"].push_back(layer);
  }
  config["layers_pattern"] = "layers";
  return config.dump(2) + "\n";
}

}  // namespace

absl::StatusOr<std::unique_ptr<VersionExport>> VersionExport::HuggingFace(
    std::shared_ptr<const Version> version, const std::filesystem::path& model_folder) {
  auto result = std::unique_ptr<VersionExport>(new VersionExport);
  const at::ScalarType dtype = version->weights->placement.weights;
  IMPRINT_ASSIGN_OR_RETURN(const auto files, SmallFiles(model_folder));
  for (const std::filesystem::path& path : files) {
    const std::string name = path.filename().string();
    result->Add(name, [path, name, dtype] {
      return name == kConfigFile ? ReadConfig(path, dtype) : ReadFile(path);
    });
  }
  // The tensors are the version's; only the list of them is a copy.
  model::Weights weights = *version->weights;
  std::vector<model::TensorToStore> announced;
  const std::vector<model::CheckpointTensor> tensors = model::CheckpointTensors(&weights);
  for (const model::CheckpointTensor& tensor : tensors) {
    announced.push_back(Announce(tensor.name, dtype, tensor.shape));
  }
  result->Add(kWeightsFile, [preamble = model::SafetensorsPreamble(announced, {{"format", "pt"}})] {
    return preamble;
  });
  for (const model::CheckpointTensor& tensor : tensors) {
    result->Add(kWeightsFile, [name = tensor.name, stored = *tensor.tensor, dtype] {
      return BytesOf(name, dtype, [&stored] { return stored; });
    });
  }
  return result;
}

absl::StatusOr<std::unique_ptr<VersionExport>> VersionExport::Peft(Deltas deltas,
                                                                   const std::string& base_model) {
  if (deltas.empty()) {
    return absl::FailedPreconditionError("the base model has no adapter; give another version");
  }
  auto result = std::unique_ptr<VersionExport>(new VersionExport);
  int64_t rank = 0;
  int64_t first_layer = deltas.front()->first_layer;
  for (const auto& delta : deltas) {
    rank += delta->rank;
    first_layer = std::min(first_layer, delta->first_layer);
  }
  const size_t layers = deltas.front()->layers.size();
  result->Add("adapter_config.json",
              [config = PeftConfig(base_model, rank, first_layer, static_cast<int64_t>(layers))] {
                return config;
              });
  std::vector<model::TensorToStore> announced;
  std::vector<Part> parts;
  for (size_t layer = static_cast<size_t>(first_layer); layer < layers; ++layer) {
    for (int i = 0; i < model::kLinearsPerLayer; ++i) {
      for (const bool side_a : {true, false}) {
        const at::Tensor& first = side_a ? deltas.front()->layers.back()[static_cast<size_t>(i)].a
                                         : deltas.front()->layers.back()[static_cast<size_t>(i)].b;
        const std::string name = absl::StrCat("base_model.model.model.layers.", layer, ".",
                                              model::LinearName(static_cast<model::Linear>(i)),
                                              side_a ? ".lora_A" : ".lora_B", ".weight");
        std::vector<int64_t> shape = first.sizes().vec();
        shape[side_a ? 0 : 1] = rank;
        announced.push_back(Announce(name, at::kFloat, std::move(shape)));
        parts.push_back({"adapter_model.safetensors", [name, deltas, layer, i, side_a] {
                           return BytesOf(name, at::kFloat,
                                          [&] { return JoinDeltas(deltas, layer, i, side_a); });
                         }});
      }
    }
  }
  result->Add(
      "adapter_model.safetensors",
      [preamble = model::SafetensorsPreamble(announced, {{"format", "pt"}})] { return preamble; });
  std::move(parts.begin(), parts.end(), std::back_inserter(result->parts_));
  return result;
}

void VersionExport::Add(std::string file, std::function<absl::StatusOr<std::string>()> make) {
  parts_.push_back({std::move(file), std::move(make)});
}

absl::StatusOr<std::optional<ExportPiece>> VersionExport::Next() {
  while (given_ == bytes_.size()) {
    if (parts_.empty()) return std::nullopt;
    const Part part = std::move(parts_.front());
    parts_.pop_front();
    file_ = part.file;
    given_ = 0;
    absl::StatusOr<std::string> bytes = part.make();
    if (!bytes.ok()) {
      parts_.clear();
      bytes_.clear();
      return bytes.status();
    }
    bytes_ = *std::move(bytes);
  }
  const size_t size = std::min(kPieceBytes, bytes_.size() - given_);
  ExportPiece piece{file_, bytes_.substr(given_, size)};
  given_ += size;
  return piece;
}

}  // namespace imprint::version
