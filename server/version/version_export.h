// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// A version as files that other programs load, given out in pieces.

#ifndef IMPRINT_SERVER_VERSION_VERSION_EXPORT_H_
#define IMPRINT_SERVER_VERSION_VERSION_EXPORT_H_

#include <cstddef>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "server/version/version.h"

namespace imprint::version {

// Of a file; pieces of a file follow one another.
struct ExportPiece {
  std::string file;  // its name within the folder
  std::string bytes;
};

// Not thread-safe. Holds at most one tensor beside the version's own.
class VersionExport {
 public:
  // A Hugging Face folder with merged weights in the precision that they were rounded to:
  // model.safetensors, config.json, and the tokenizer's and other small files of
  // `model_folder`, which the base was loaded from. What it answers is what this server
  // answers. NOT_FOUND, INTERNAL: `model_folder` cannot be read.
  static absl::StatusOr<std::unique_ptr<VersionExport>> HuggingFace(
      std::shared_ptr<const Version> version, const std::filesystem::path& model_folder);

  // A PEFT adapter over the base model: several deltas become one of their ranks' sum.
  // FAILED_PRECONDITION: the base has none.
  //
  // Source: Hugging Face PEFT, LoraConfig.
  static absl::StatusOr<std::unique_ptr<VersionExport>> Peft(
      std::vector<std::shared_ptr<const model::Adapter>> deltas, const std::string& base_model);

  // The next piece, at most 1 MiB; nullopt after the last one. After an error it is over.
  absl::StatusOr<std::optional<ExportPiece>> Next();

 private:
  // A part of a file that is made when its turn comes.
  struct Part {
    std::string file;
    std::function<absl::StatusOr<std::string>()> make;
  };

  VersionExport() = default;
  void Add(std::string file, std::function<absl::StatusOr<std::string>()> make);

  std::deque<Part> parts_;
  std::string file_;  // that `bytes_` belong to
  std::string bytes_;
  size_t given_ = 0;  // of `bytes_`
};

}  // namespace imprint::version

#endif  // IMPRINT_SERVER_VERSION_VERSION_EXPORT_H_
