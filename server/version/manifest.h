// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// manifest.json of a version's directory: what belongs to the version, and the digest of
// every tensor. Written last, so a directory that has one is complete.

#ifndef IMPRINT_SERVER_VERSION_MANIFEST_H_
#define IMPRINT_SERVER_VERSION_MANIFEST_H_

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace imprint::version {

// Version of the manifest's meaning. A newer one is refused.
inline constexpr int64_t kManifestFormatVersion = 1;
inline constexpr char kManifestFile[] = "manifest.json";

// One low-rank change over the base.
struct ManifestDelta {
  std::string file;  // a plain name within the directory
  int64_t rank = 0;
  double scale = 0;
  // SHA-256 (hex) of each tensor's bytes, by the tensor's name; never empty.
  std::map<std::string, std::string> tensors;
};

struct Manifest {
  int64_t number = 0;
  int64_t parent = 0;
  std::string model_fingerprint;
  // In the order in which they are added to the base.
  std::vector<ManifestDelta> deltas;
};

std::string FormatManifest(const Manifest& manifest);

// `path` is only named in errors. DATA_LOSS: not a manifest, or a field is missing or of
// the wrong kind. FAILED_PRECONDITION: a newer format.
absl::StatusOr<Manifest> ParseManifest(std::string_view text, const std::filesystem::path& path);

}  // namespace imprint::version

#endif  // IMPRINT_SERVER_VERSION_MANIFEST_H_
