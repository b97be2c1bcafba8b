// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// The weight files of a Hugging Face folder: one model.safetensors, or its shards.

#ifndef IMPRINT_SERVER_MODEL_CHECKPOINT_H_
#define IMPRINT_SERVER_MODEL_CHECKPOINT_H_

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "server/model/safetensors.h"

namespace imprint::model {

// Open files whose headers were checked. Thread-safe.
class Checkpoint {
 public:
  // NOT_FOUND: neither model.safetensors nor model.safetensors.index.json is there, or a
  // shard is missing. INVALID_ARGUMENT: a broken index. DATA_LOSS: a broken file.
  static absl::StatusOr<Checkpoint> Open(const std::filesystem::path& dir);

  struct Found {
    const SafetensorsFile* file;
    const StoredTensor* tensor;
  };
  // INVALID_ARGUMENT names the file and the tensor: it is missing, has another shape, or
  // is no f32, f16 or bf16.
  absl::StatusOr<Found> Find(const std::string& name, const std::vector<int64_t>& shape) const;

  // All files of weights, and the index where there is one, by name.
  static absl::StatusOr<std::vector<std::filesystem::path>> Files(const std::filesystem::path& dir);

 private:
  std::filesystem::path index_;                   // where a tensor that is missing was looked for
  std::map<std::string, SafetensorsFile> files_;  // by name
  std::map<std::string, std::string> file_of_tensor_;
};

}  // namespace imprint::model

#endif  // IMPRINT_SERVER_MODEL_CHECKPOINT_H_
