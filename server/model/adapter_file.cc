// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include <cmath>
#include <cstdio>
#include <exception>
#include <utility>

#include "ATen/ATen.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/sha256.h"
#include "common/status_macros.h"
#include "server/model/adapter.h"
#include "server/model/safetensors.h"

namespace imprint::model {
namespace {

constexpr char kRank[] = "rank";
constexpr char kScale[] = "scale";
constexpr char kFirstLayer[] = "first_layer";  // absent: 0

// As PEFT names them; `side` is "A" or "B".
std::string TensorName(size_t layer, int linear, const char* side) {
  return absl::StrCat("base_model.model.model.layers.", layer, ".",
                      LinearName(static_cast<Linear>(linear)), ".lora_", side, ".weight");
}

std::string_view BytesOf(const at::Tensor& tensor) {
  return {static_cast<const char*>(tensor.const_data_ptr()), tensor.nbytes()};
}

// Reads one tensor after checking all that can be wrong with it.
absl::StatusOr<at::Tensor> ReadTensor(const SafetensorsFile& file, const std::string& name,
                                      const std::vector<int64_t>& shape, const Placement& placement,
                                      const std::map<std::string, std::string>& digests) {
  const auto broken = [&](const auto&... what) {
    return absl::DataLossError(absl::StrCat(file.path().string(), ": tensor ", name, what...));
  };
  const auto found = file.tensors().find(name);
  if (found == file.tensors().end()) return broken(" is missing");
  const StoredTensor& stored = found->second;
  if (stored.dtype != "F32") return broken(" has dtype ", stored.dtype, ", not F32");
  if (stored.shape != shape) {
    return broken(" has shape [", absl::StrJoin(stored.shape, ", "), "], not [",
                  absl::StrJoin(shape, ", "), "]");
  }
  at::Tensor tensor = at::empty(shape, at::TensorOptions().device(at::kCPU).dtype(at::kFloat));
  IMPRINT_RETURN_IF_ERROR(file.Read(
      stored, {static_cast<std::byte*>(tensor.data_ptr()), static_cast<size_t>(tensor.nbytes())}));
  if (!digests.empty()) {
    const auto digest = digests.find(name);
    if (digest == digests.end()) return broken(" is not listed with a digest");
    const std::string actual = Sha256Hex(BytesOf(tensor));
    if (actual != digest->second) {
      return broken(" is damaged: its SHA-256 is ", actual, ", not ", digest->second);
    }
  }
  return tensor.to(placement.device);
}

}  // namespace

absl::StatusOr<std::map<std::string, std::string>> SaveAdapter(const Adapter& adapter,
                                                               const std::filesystem::path& path) {
  std::vector<at::Tensor> held;  // on the CPU, until all is written
  std::vector<TensorToStore> tensors;
  std::map<std::string, std::string> digests;
  try {
    for (size_t layer = static_cast<size_t>(adapter.first_layer); layer < adapter.layers.size();
         ++layer) {
      for (int i = 0; i < kLinearsPerLayer; ++i) {
        const LowRankPair& pair = adapter.layers[layer][static_cast<size_t>(i)];
        for (const auto& [side, tensor] : {std::pair("A", pair.a), std::pair("B", pair.b)}) {
          held.push_back(tensor.detach().to(at::kCPU, at::kFloat).contiguous());
          const std::string_view bytes = BytesOf(held.back());
          tensors.push_back({TensorName(layer, i, side),
                             "F32",
                             held.back().sizes().vec(),
                             {reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()}});
          digests[tensors.back().name] = Sha256Hex(bytes);
        }
      }
    }
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat("saving ", path.string(), ": ", error.what()));
  }
  char scale[32];
  std::snprintf(scale, sizeof scale, "%.17g", adapter.scale);
  IMPRINT_RETURN_IF_ERROR(WriteSafetensors(path, tensors,
                                           {{kRank, absl::StrCat(adapter.rank)},
                                            {kScale, scale},
                                            {kFirstLayer, absl::StrCat(adapter.first_layer)},
                                            {"format", "pt"}}));
  return digests;
}

absl::StatusOr<Adapter> LoadAdapter(const std::filesystem::path& path, const ModelConfig& config,
                                    const Placement& placement,
                                    const std::map<std::string, std::string>& digests) {
  IMPRINT_ASSIGN_OR_RETURN(const SafetensorsFile file, SafetensorsFile::Open(path));
  const auto metadata = [&](const char* key) {
    const auto found = file.metadata().find(key);
    return found == file.metadata().end() ? std::string() : found->second;
  };
  Adapter adapter;
  if (!absl::SimpleAtoi(metadata(kRank), &adapter.rank) || adapter.rank < 1 ||
      !absl::SimpleAtod(metadata(kScale), &adapter.scale) || !std::isfinite(adapter.scale)) {
    return absl::DataLossError(
        absl::StrCat(path.string(), ": its metadata name no rank and scale of an adapter"));
  }
  const std::string first_layer = metadata(kFirstLayer);
  if (!first_layer.empty() && (!absl::SimpleAtoi(first_layer, &adapter.first_layer) ||
                               adapter.first_layer < 0 || adapter.first_layer >= config.layers)) {
    return absl::DataLossError(absl::StrCat(path.string(), ": its first_layer ", first_layer,
                                            " is none of the model's ", config.layers));
  }
  adapter.layers.resize(static_cast<size_t>(config.layers));
  const auto first = static_cast<size_t>(adapter.first_layer);
  const size_t expected = (adapter.layers.size() - first) * kLinearsPerLayer * 2;
  if (file.tensors().size() != expected) {
    return absl::DataLossError(absl::StrCat(path.string(), ": ", file.tensors().size(),
                                            " tensors; an adapter of this model has ", expected));
  }
  try {
    for (size_t layer = first; layer < adapter.layers.size(); ++layer) {
      for (int i = 0; i < kLinearsPerLayer; ++i) {
        const auto [out, in] = LinearShape(config, static_cast<Linear>(i));
        LowRankPair& pair = adapter.layers[layer][static_cast<size_t>(i)];
        IMPRINT_ASSIGN_OR_RETURN(pair.a, ReadTensor(file, TensorName(layer, i, "A"),
                                                    {adapter.rank, in}, placement, digests));
        IMPRINT_ASSIGN_OR_RETURN(pair.b, ReadTensor(file, TensorName(layer, i, "B"),
                                                    {out, adapter.rank}, placement, digests));
      }
    }
  } catch (const std::exception& error) {
    return absl::ResourceExhaustedError(
        absl::StrCat("loading ", path.string(), ": ", error.what()));
  }
  return adapter;
}

}  // namespace imprint::model
