// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Files of tensors in the safetensors format: an 8-byte little-endian length, a JSON
// header of that length, then the tensors' bytes without holes.
//
// Source: https://huggingface.co/docs/safetensors, "Format". A file is not trusted: every
// length, shape and offset is checked before it is used. Bytes are read, not mapped, so
// that a file cut short by someone else gives an error and not a signal.

#ifndef IMPRINT_SERVER_MODEL_SAFETENSORS_H_
#define IMPRINT_SERVER_MODEL_SAFETENSORS_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace imprint::model {

// Where a tensor lies in its file.
struct StoredTensor {
  std::string dtype;  // as in the header: "F32", "BF16", ...
  std::vector<int64_t> shape;
  uint64_t offset = 0;  // in the file
  uint64_t bytes = 0;
};

// An open file whose header was checked. Thread-safe; keeps the file open.
class SafetensorsFile {
 public:
  // NOT_FOUND: no such file. DATA_LOSS names the file, and the tensor where it is one,
  // for a header that is broken or does not fit the file.
  static absl::StatusOr<SafetensorsFile> Open(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  const std::map<std::string, StoredTensor>& tensors() const { return tensors_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

  // Fills `into`, which has exactly the tensor's bytes. DATA_LOSS: cannot be read.
  absl::Status Read(const StoredTensor& tensor, absl::Span<std::byte> into) const;

 private:
  SafetensorsFile() = default;
  absl::Status ParseHeader(const std::string& header, uint64_t file_bytes);

  std::filesystem::path path_;
  std::shared_ptr<const int> file_;  // a descriptor, closed with the last owner
  std::map<std::string, StoredTensor> tensors_;
  std::map<std::string, std::string> metadata_;
};

// A tensor to be written; the bytes outlive the call.
struct TensorToStore {
  std::string name;
  std::string dtype;
  std::vector<int64_t> shape;
  absl::Span<const std::byte> bytes;
};

// What comes before the tensors' bytes: the length and the header. Of a tensor `bytes` counts
// by its size alone.
std::string SafetensorsPreamble(const std::vector<TensorToStore>& tensors,
                                const std::map<std::string, std::string>& metadata);

// Writes and syncs a new file (an existing one is replaced); the folder is not synced.
// The same input gives the same bytes. RESOURCE_EXHAUSTED: the disk is full; INTERNAL:
// another failure of the disk. Both name the file; what was written is left behind.
absl::Status WriteSafetensors(const std::filesystem::path& path,
                              const std::vector<TensorToStore>& tensors,
                              const std::map<std::string, std::string>& metadata);

}  // namespace imprint::model

#endif  // IMPRINT_SERVER_MODEL_SAFETENSORS_H_
