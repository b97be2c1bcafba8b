// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/model/checkpoint.h"

#include <set>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/file_util.h"
#include "common/json.h"
#include "common/status_macros.h"
#include "nlohmann/json.hpp"

namespace imprint::model {
namespace {

using nlohmann::json;

constexpr char kSingle[] = "model.safetensors";
constexpr char kIndex[] = "model.safetensors.index.json";

bool Exists(const std::filesystem::path& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

// Which file a tensor is in.
absl::StatusOr<std::map<std::string, std::string>> ReadIndex(const std::filesystem::path& path) {
  IMPRINT_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  const json root = ParseJson(text);
  if (!root.is_object() || !root.contains("weight_map") || !root["weight_map"].is_object()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path.string(), ": not a JSON object with a weight_map"));
  }
  std::map<std::string, std::string> file_of_tensor;
  for (const auto& [name, value] : root["weight_map"].items()) {
    // A plain name: an index must not reach out of its folder.
    if (!value.is_string() || value.get<std::string>().find('/') != std::string::npos ||
        !value.get<std::string>().ends_with(".safetensors")) {
      return absl::InvalidArgumentError(absl::StrCat(path.string(), ": tensor ", name,
                                                     " is in no file *.safetensors of the folder"));
    }
    file_of_tensor[name] = value.get<std::string>();
  }
  return file_of_tensor;
}

}  // namespace

absl::StatusOr<std::vector<std::filesystem::path>> Checkpoint::Files(
    const std::filesystem::path& dir) {
  if (Exists(dir / kSingle)) return std::vector<std::filesystem::path>{dir / kSingle};
  if (!Exists(dir / kIndex)) {
    return absl::NotFoundError(absl::StrCat(dir.string(), " holds neither ", kSingle, " nor ",
                                            kIndex,
                                            "; a model is a Hugging Face folder (--model)"));
  }
  IMPRINT_ASSIGN_OR_RETURN(const auto file_of_tensor, ReadIndex(dir / kIndex));
  std::set<std::filesystem::path> files = {dir / kIndex};
  for (const auto& [name, file] : file_of_tensor) files.insert(dir / file);
  return std::vector<std::filesystem::path>(files.begin(), files.end());
}

absl::StatusOr<Checkpoint> Checkpoint::Open(const std::filesystem::path& dir) {
  IMPRINT_ASSIGN_OR_RETURN(const std::vector<std::filesystem::path> paths, Files(dir));
  Checkpoint checkpoint;
  checkpoint.index_ = dir / kSingle;
  for (const std::filesystem::path& path : paths) {
    if (path.filename() == kIndex) {
      checkpoint.index_ = path;
      IMPRINT_ASSIGN_OR_RETURN(checkpoint.file_of_tensor_, ReadIndex(path));
      continue;
    }
    IMPRINT_ASSIGN_OR_RETURN(SafetensorsFile file, SafetensorsFile::Open(path));
    checkpoint.files_.emplace(path.filename().string(), std::move(file));
  }
  if (checkpoint.index_.filename() == kSingle) {
    for (const auto& [name, tensor] : checkpoint.files_.at(kSingle).tensors()) {
      checkpoint.file_of_tensor_[name] = kSingle;
    }
  }
  return checkpoint;
}

absl::StatusOr<Checkpoint::Found> Checkpoint::Find(const std::string& name,
                                                   const std::vector<int64_t>& shape) const {
  const auto missing = [&](const std::filesystem::path& where) {
    return absl::InvalidArgumentError(
        absl::StrCat(where.string(), ": tensor ", name, " is missing; config.json asks for it"));
  };
  const auto file_name = file_of_tensor_.find(name);
  if (file_name == file_of_tensor_.end()) return missing(index_);
  const SafetensorsFile& file = files_.at(file_name->second);
  const auto found = file.tensors().find(name);
  if (found == file.tensors().end()) return missing(file.path());
  const StoredTensor& tensor = found->second;
  if (tensor.dtype != "F32" && tensor.dtype != "F16" && tensor.dtype != "BF16") {
    return absl::InvalidArgumentError(absl::StrCat(file.path().string(), ": tensor ", name,
                                                   " has dtype ", tensor.dtype,
                                                   "; F32, F16 and BF16 are supported"));
  }
  if (tensor.shape != shape) {
    return absl::InvalidArgumentError(absl::StrCat(
        file.path().string(), ": tensor ", name, " has shape [", absl::StrJoin(tensor.shape, ", "),
        "]; config.json asks for [", absl::StrJoin(shape, ", "), "]"));
  }
  return Found{&file, &tensor};
}

}  // namespace imprint::model
