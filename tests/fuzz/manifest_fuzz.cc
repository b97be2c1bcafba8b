// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// manifest.json of a version's folder. What is read can be written and read again, names a file
// within its folder, and has numbers as the text has them.

#include "nlohmann/json.hpp"
#include "server/version/manifest.h"
#include "tests/fuzz/fuzz.h"

namespace imprint::fuzz {
namespace {

using version::Manifest;
using version::ManifestDelta;

void CheckEqual(const Manifest& one, const Manifest& other) {
  FUZZ_CHECK(one.number == other.number);
  FUZZ_CHECK(one.parent == other.parent);
  FUZZ_CHECK(one.model_fingerprint == other.model_fingerprint);
  FUZZ_CHECK(one.deltas.size() == other.deltas.size());
  for (size_t i = 0; i < one.deltas.size(); ++i) {
    FUZZ_CHECK(one.deltas[i].file == other.deltas[i].file);
    FUZZ_CHECK(one.deltas[i].rank == other.deltas[i].rank);
    FUZZ_CHECK(one.deltas[i].scale == other.deltas[i].scale);
    FUZZ_CHECK(one.deltas[i].tensors == other.deltas[i].tensors);
  }
}

void CheckDelta(const ManifestDelta& delta) {
  FUZZ_CHECK(!delta.tensors.empty());
  // A plain name: nothing of another folder, and no folder.
  const std::filesystem::path path = std::filesystem::path("versions") / "1" / delta.file;
  FUZZ_CHECK(path.lexically_normal().parent_path() == "versions/1");
  FUZZ_CHECK(path.lexically_normal().has_filename());
}

}  // namespace
}  // namespace imprint::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using imprint::fuzz::CheckDelta;
  using imprint::fuzz::CheckEqual;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto manifest = imprint::version::ParseManifest(text, "manifest.json");
  if (!manifest.ok()) return 0;
  for (const auto& delta : manifest->deltas) CheckDelta(delta);
  const auto again =
      imprint::version::ParseManifest(imprint::version::FormatManifest(*manifest), "again");
  FUZZ_CHECK(again.ok());
  CheckEqual(*manifest, *again);
  // No number is taken for another one.
  const nlohmann::json document = nlohmann::json::parse(text);
  FUZZ_CHECK(document.at("number") == manifest->number);
  FUZZ_CHECK(document.at("parent") == manifest->parent);
  FUZZ_CHECK(document.at("format_version") <= imprint::version::kManifestFormatVersion);
  return 0;
}
