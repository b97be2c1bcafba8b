// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include <exception>
#include <utility>

#include "ATen/ATen.h"
#include "ATen/core/grad_mode.h"
#include "absl/strings/str_cat.h"
#include "common/file_util.h"
#include "common/sha256.h"
#include "common/status_macros.h"
#include "server/model/checkpoint.h"
#include "server/model/rope.h"
#include "server/model/weights.h"

namespace imprint::model {
namespace {

// A tensor that the config asks for, and where it is stored.
struct Wanted : CheckpointTensor {
  Checkpoint::Found found = {};
};

at::ScalarType TorchDtype(const std::string& stored) {
  if (stored == "BF16") return at::kBFloat16;
  return stored == "F16" ? at::kHalf : at::kFloat;
}

// Reads the tensor, rounds it to the weights' precision and puts it where it belongs.
absl::Status Fill(const Wanted& wanted, const Placement& placement) {
  const StoredTensor& stored = *wanted.found.tensor;
  const at::Tensor raw =
      at::empty(wanted.shape, at::TensorOptions().device(at::kCPU).dtype(TorchDtype(stored.dtype)));
  const absl::Status read = wanted.found.file->Read(
      stored, {static_cast<std::byte*>(raw.data_ptr()), static_cast<size_t>(raw.nbytes())});
  if (!read.ok()) {
    return absl::Status(read.code(), absl::StrCat(read.message(), ": tensor ", wanted.name));
  }
  if (!wanted.tensor->defined()) *wanted.tensor = at::empty(wanted.shape, placement.activations());
  wanted.tensor->copy_(raw.to(placement.weights));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::shared_ptr<const Weights>> LoadWeights(const std::filesystem::path& dir,
                                                           const Placement& placement) {
  auto weights = std::make_shared<Weights>();
  IMPRINT_ASSIGN_OR_RETURN(weights->config, ModelConfig::Load(dir));
  weights->placement = placement;
  weights->layers.resize(static_cast<size_t>(weights->config.layers));
  IMPRINT_ASSIGN_OR_RETURN(const Checkpoint checkpoint, Checkpoint::Open(dir));
  std::vector<Wanted> all_wanted;
  for (CheckpointTensor& tensor : CheckpointTensors(weights.get())) {
    Wanted& wanted = all_wanted.emplace_back(Wanted{std::move(tensor), {}});
    IMPRINT_ASSIGN_OR_RETURN(wanted.found, checkpoint.Find(wanted.name, wanted.shape));
  }
  try {
    const at::NoGradGuard no_grad;
    for (LayerWeights& layer : weights->layers) {
      AllocateLinears(weights->config, placement, &layer);
    }
    for (const Wanted& wanted : all_wanted) {
      IMPRINT_RETURN_IF_ERROR(Fill(wanted, placement));
    }
    if (weights->config.tie_word_embeddings) weights->head = weights->embedding;
    FillRopeTables(weights.get());
  } catch (const std::exception& error) {
    // Shapes are known to be right by now; what is left to fail is memory.
    return absl::ResourceExhaustedError(absl::StrCat("loading ", dir.string(), " onto ",
                                                     placement.device.str(), ": ", error.what()));
  }
  return std::shared_ptr<const Weights>(std::move(weights));
}

absl::StatusOr<std::string> ModelFingerprint(const std::filesystem::path& dir) {
  IMPRINT_ASSIGN_OR_RETURN(std::vector<std::filesystem::path> files, Checkpoint::Files(dir));
  files.insert(files.begin(), dir / "config.json");
  Sha256 hash;
  for (const std::filesystem::path& file : files) {
    std::error_code error;
    const uintmax_t size = std::filesystem::file_size(file, error);
    if (error) {
      return absl::NotFoundError(
          absl::StrCat("cannot read ", file.string(), ": ", error.message()));
    }
    hash.UpdateField(file.filename().string());
    hash.UpdateField(absl::StrCat(size));
    IMPRINT_RETURN_IF_ERROR(hash.UpdateFromFile(file));
  }
  return hash.HexDigest();
}

}  // namespace imprint::model
