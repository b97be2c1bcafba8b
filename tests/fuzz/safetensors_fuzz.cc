// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// A file of tensors. What is opened lies within the file without holes, can be read, and written
// again is the same.

#include <algorithm>
#include <vector>

#include "server/model/safetensors.h"
#include "tests/fuzz/fuzz.h"

namespace imprint::fuzz {
namespace {

using model::SafetensorsFile;
using model::StoredTensor;
using model::TensorToStore;

// In the order of their bytes.
std::vector<TensorToStore> ReadAll(const SafetensorsFile& file,
                                   std::vector<std::vector<std::byte>>& held, size_t file_bytes) {
  std::vector<std::pair<std::string, StoredTensor>> stored(file.tensors().begin(),
                                                           file.tensors().end());
  std::stable_sort(stored.begin(), stored.end(), [](const auto& one, const auto& other) {
    return std::pair(one.second.offset, one.second.bytes) <
           std::pair(other.second.offset, other.second.bytes);
  });
  std::vector<TensorToStore> tensors;
  held.reserve(stored.size());
  for (const auto& [name, tensor] : stored) {
    FUZZ_CHECK(tensor.bytes <= file_bytes && tensor.offset <= file_bytes - tensor.bytes);
    std::vector<std::byte>& bytes = held.emplace_back(tensor.bytes);
    FUZZ_CHECK(file.Read(tensor, absl::MakeSpan(bytes)).ok());
    tensors.push_back({name, tensor.dtype, tensor.shape, bytes});
  }
  return tensors;
}

}  // namespace
}  // namespace imprint::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using imprint::model::SafetensorsFile;
  const auto path =
      imprint::fuzz::WriteScratch("in.safetensors", {reinterpret_cast<const char*>(data), size});
  const auto file = SafetensorsFile::Open(path);
  if (!file.ok()) return 0;
  std::vector<std::vector<std::byte>> held;
  const auto tensors = imprint::fuzz::ReadAll(*file, held, size);
  size_t sum = 0;
  for (const auto& tensor : tensors) sum += tensor.bytes.size();
  FUZZ_CHECK(sum <= size);

  std::string copy = imprint::model::SafetensorsPreamble(tensors, file->metadata());
  for (const auto& tensor : tensors) {
    copy.append(reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size());
  }
  const auto again = SafetensorsFile::Open(imprint::fuzz::WriteScratch("out.safetensors", copy));
  FUZZ_CHECK(again.ok());
  FUZZ_CHECK(again->metadata() == file->metadata());
  FUZZ_CHECK(again->tensors().size() == tensors.size());
  for (const auto& tensor : tensors) {
    const auto found = again->tensors().find(tensor.name);
    FUZZ_CHECK(found != again->tensors().end());
    FUZZ_CHECK(found->second.dtype == tensor.dtype && found->second.shape == tensor.shape);
    std::vector<std::byte> bytes(found->second.bytes);
    FUZZ_CHECK(again->Read(found->second, absl::MakeSpan(bytes)).ok());
    FUZZ_CHECK(std::equal(bytes.begin(), bytes.end(), tensor.bytes.begin(), tensor.bytes.end()));
  }
  return 0;
}
