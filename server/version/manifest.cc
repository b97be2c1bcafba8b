// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/version/manifest.h"

#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/json.h"
#include "common/status_macros.h"
#include "nlohmann/json.hpp"

namespace imprint::version {
namespace {

using nlohmann::json;

// Reads fields of one object and says which one is wrong, and where.
class Fields {
 public:
  Fields(const json& object, const std::filesystem::path& path) : object_(object), path_(path) {}

  absl::StatusOr<int64_t> Integer(const char* name) const {
    const json* value = Find(name);
    if (value == nullptr || !value->is_number_integer()) return Wrong(name, "an integer");
    // The largest unsigned ones would come out as negative.
    if (value->is_number_unsigned() &&
        value->get<uint64_t>() > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
      return Wrong(name, "an integer of 64 bits");
    }
    return value->get<int64_t>();
  }

  absl::StatusOr<double> Number(const char* name) const {
    const json* value = Find(name);
    if (value == nullptr || !value->is_number()) return Wrong(name, "a number");
    return value->get<double>();
  }

  absl::StatusOr<std::string> Text(const char* name) const {
    const json* value = Find(name);
    if (value == nullptr || !value->is_string()) return Wrong(name, "a string");
    return value->get<std::string>();
  }

  absl::StatusOr<const json*> Array(const char* name) const {
    const json* value = Find(name);
    if (value == nullptr || !value->is_array()) return Wrong(name, "a list");
    return value;
  }

  absl::StatusOr<std::map<std::string, std::string>> Texts(const char* name) const {
    const json* value = Find(name);
    if (value == nullptr || !value->is_object() || value->empty()) {
      return Wrong(name, "an object that is not empty");
    }
    std::map<std::string, std::string> texts;
    for (const auto& [key, text] : value->items()) {
      if (!text.is_string()) return Wrong(name, "an object of strings");
      texts[key] = text.get<std::string>();
    }
    return texts;
  }

 private:
  const json* Find(const char* name) const {
    if (!object_.is_object()) return nullptr;
    const auto found = object_.find(name);
    return found == object_.end() ? nullptr : &*found;
  }

  absl::Status Wrong(const char* name, const char* wanted) const {
    return absl::DataLossError(absl::StrCat(path_.string(), ": \"", name, "\" is not ", wanted));
  }

  const json& object_;
  const std::filesystem::path& path_;
};

absl::StatusOr<ManifestDelta> ParseDelta(const json& object, const std::filesystem::path& path) {
  const Fields fields(object, path);
  ManifestDelta delta;
  IMPRINT_ASSIGN_OR_RETURN(delta.file, fields.Text("file"));
  if (delta.file.empty() || delta.file == "." || delta.file == ".." ||
      std::filesystem::path(delta.file).filename() != delta.file) {
    return absl::DataLossError(
        absl::StrCat(path.string(), ": \"", delta.file, "\" is not the name of a file beside it"));
  }
  IMPRINT_ASSIGN_OR_RETURN(delta.rank, fields.Integer("rank"));
  IMPRINT_ASSIGN_OR_RETURN(delta.scale, fields.Number("scale"));
  IMPRINT_ASSIGN_OR_RETURN(delta.tensors, fields.Texts("tensors"));
  return delta;
}

}  // namespace

std::string FormatManifest(const Manifest& manifest) {
  json deltas = json::array();
  for (const ManifestDelta& delta : manifest.deltas) {
    deltas.push_back({{"file", delta.file},
                      {"rank", delta.rank},
                      {"scale", delta.scale},
                      {"tensors", delta.tensors}});
  }
  const json document = {{"format_version", kManifestFormatVersion},
                         {"number", manifest.number},
                         {"parent", manifest.parent},
                         {"model_fingerprint", manifest.model_fingerprint},
                         {"deltas", std::move(deltas)}};
  return document.dump(2) + "\n";
}

absl::StatusOr<Manifest> ParseManifest(std::string_view text, const std::filesystem::path& path) {
  const json document = ParseJson(text);
  if (document.is_discarded()) {
    return absl::DataLossError(absl::StrCat(path.string(), ": not a JSON document"));
  }
  const Fields fields(document, path);
  IMPRINT_ASSIGN_OR_RETURN(const int64_t format_version, fields.Integer("format_version"));
  if (format_version > kManifestFormatVersion) {
    return absl::FailedPreconditionError(absl::StrCat(
        path.string(), ": format version ", format_version, " is newer than the ",
        kManifestFormatVersion, " that this server knows; run the server that wrote it"));
  }
  Manifest manifest;
  IMPRINT_ASSIGN_OR_RETURN(manifest.number, fields.Integer("number"));
  IMPRINT_ASSIGN_OR_RETURN(manifest.parent, fields.Integer("parent"));
  IMPRINT_ASSIGN_OR_RETURN(manifest.model_fingerprint, fields.Text("model_fingerprint"));
  IMPRINT_ASSIGN_OR_RETURN(const json* deltas, fields.Array("deltas"));
  for (const json& object : *deltas) {
    IMPRINT_ASSIGN_OR_RETURN(ManifestDelta delta, ParseDelta(object, path));
    manifest.deltas.push_back(std::move(delta));
  }
  return manifest;
}

}  // namespace imprint::version
