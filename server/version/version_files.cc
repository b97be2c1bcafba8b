// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/version/version_files.h"

#include <optional>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/data_folder.h"
#include "common/failpoint.h"
#include "common/file_util.h"
#include "common/list_directory.h"
#include "common/status_macros.h"
#include "server/version/manifest.h"
#include "spdlog/spdlog.h"

namespace imprint::version {
namespace {

constexpr char kUnfinishedSuffix[] = ".tmp";

std::string DeltaFile(size_t index) { return absl::StrCat("delta-", index, ".safetensors"); }

// A disk that does not answer may do so later: UNAVAILABLE.
absl::StatusOr<std::vector<std::filesystem::path>> Children(
    const std::filesystem::path& directory) {
  absl::StatusOr<std::vector<std::filesystem::path>> children = ListDirectory(directory);
  if (!children.ok()) return absl::UnavailableError(children.status().message());
  return children;
}

absl::StatusOr<Manifest> ReadManifest(const std::filesystem::path& directory) {
  const std::filesystem::path path = directory / kManifestFile;
  IMPRINT_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  return ParseManifest(text, path);
}

absl::Status OfVersion(int64_t number, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat("versions/", number, ": ", status.message()));
}

// A missing file of a version that should be there is lost data, not a wrong question.
absl::Status ReadError(int64_t number, const absl::Status& status) {
  const bool lost = absl::IsNotFound(status) || absl::IsInvalidArgument(status);
  return OfVersion(number, lost ? absl::DataLossError(status.message()) : status);
}

// On a full disk what was written so far takes room that others need.
void RemoveUnfinished(const std::filesystem::path& directory) {
  if (const absl::Status removed = RemoveTree(directory); !removed.ok()) {
    spdlog::warn("an unfinished version stays until the next start: {}", removed.ToString());
  }
}

}  // namespace

VersionFiles::VersionFiles(std::filesystem::path directory, std::string model_fingerprint)
    : directory_(std::move(directory)), model_fingerprint_(std::move(model_fingerprint)) {}

std::filesystem::path VersionFiles::PathOf(int64_t number) const {
  return directory_ / VersionFolderName(number);
}

absl::Status VersionFiles::Prepare(absl::FunctionRef<bool(int64_t number)> wanted) const {
  IMPRINT_RETURN_IF_ERROR(MakePrivateDirectories(directory_));
  IMPRINT_ASSIGN_OR_RETURN(const std::vector<std::filesystem::path> children, Children(directory_));
  bool removed = false;
  for (const std::filesystem::path& child : children) {
    const std::string name = child.filename().string();
    const std::optional<int64_t> number = ParseVersionFolderName(name);
    if (number.has_value() ? wanted(*number) : !absl::EndsWith(name, kUnfinishedSuffix)) continue;
    spdlog::info("removing {}: it belongs to no version", child.string());
    IMPRINT_FAILPOINT_OR_RETURN("orphan.remove.before");
    IMPRINT_RETURN_IF_ERROR(RemoveTree(child));
    IMPRINT_FAILPOINT_OR_RETURN("orphan.remove.after");
    removed = true;
  }
  return removed ? SyncDirectory(directory_) : absl::OkStatus();
}

absl::StatusOr<int64_t> VersionFiles::Write(const Version& version, const Version* parent) const {
  IMPRINT_FAILPOINT_OR_RETURN("version.write.before");
  const std::filesystem::path finished = PathOf(version.number);
  const std::filesystem::path unfinished = finished.string() + kUnfinishedSuffix;
  const absl::Status written = WriteInto(unfinished, version, parent);
  if (!written.ok()) {
    RemoveUnfinished(unfinished);
    return OfVersion(version.number, written);
  }
  IMPRINT_RETURN_IF_ERROR(RemoveTree(finished));
  IMPRINT_FAILPOINT("version.rename.before");
  std::error_code error;
  std::filesystem::rename(unfinished, finished, error);
  if (error) {
    const absl::Status failed = absl::UnavailableError(absl::StrCat(
        "renaming ", unfinished.string(), " to ", finished.string(), ": ", error.message()));
    RemoveUnfinished(unfinished);
    return failed;
  }
  IMPRINT_FAILPOINT_OR_RETURN("version.rename.after");
  IMPRINT_RETURN_IF_ERROR(SyncDirectory(directory_));
  IMPRINT_FAILPOINT_OR_RETURN("version.fsync.after");
  IMPRINT_ASSIGN_OR_RETURN(const std::vector<std::filesystem::path> files, Children(finished));
  int64_t size_bytes = 0;
  for (const std::filesystem::path& file : files) {
    const auto size = std::filesystem::file_size(file, error);
    if (error) {
      return absl::UnavailableError(absl::StrCat(file.string(), ": ", error.message()));
    }
    size_bytes += static_cast<int64_t>(size);
  }
  return size_bytes;
}

absl::Status VersionFiles::WriteInto(const std::filesystem::path& directory, const Version& version,
                                     const Version* parent) const {
  IMPRINT_RETURN_IF_ERROR(RemoveTree(directory));
  IMPRINT_RETURN_IF_ERROR(MakePrivateDirectories(directory));

  // The parent's files can be shared where they are there and say what they hold.
  absl::StatusOr<Manifest> shared = absl::NotFoundError("no parent");
  if (parent != nullptr && parent->number != 0) shared = ReadManifest(PathOf(parent->number));

  Manifest manifest{.number = version.number,
                    .parent = version.parent,
                    .model_fingerprint = model_fingerprint_,
                    .deltas = {}};
  for (size_t i = 0; i < version.deltas.size(); ++i) {
    const model::Adapter& adapter = *version.deltas[i];
    ManifestDelta& delta = manifest.deltas.emplace_back();
    delta = {.file = DeltaFile(i), .rank = adapter.rank, .scale = adapter.scale, .tensors = {}};
    const bool unchanged = shared.ok() && i < parent->deltas.size() && i < shared->deltas.size() &&
                           parent->deltas[i] == version.deltas[i];
    if (unchanged) {
      std::error_code error;
      std::filesystem::create_hard_link(PathOf(parent->number) / shared->deltas[i].file,
                                        directory / delta.file, error);
      if (!error) {
        delta.tensors = shared->deltas[i].tensors;
        continue;
      }
    }
    IMPRINT_ASSIGN_OR_RETURN(delta.tensors, model::SaveAdapter(adapter, directory / delta.file));
  }
  IMPRINT_RETURN_IF_ERROR(SyncDirectory(directory));
  IMPRINT_RETURN_IF_ERROR(WriteFileAtomically(directory / kManifestFile, FormatManifest(manifest)));
  IMPRINT_FAILPOINT_OR_RETURN("version.write.after");
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::shared_ptr<const model::Adapter>>> VersionFiles::Read(
    int64_t number, const model::ModelConfig& config, const model::Placement& placement) const {
  const std::filesystem::path directory = PathOf(number);
  absl::StatusOr<Manifest> manifest = ReadManifest(directory);
  if (!manifest.ok()) return ReadError(number, manifest.status());
  if (manifest->number != number) {
    return OfVersion(number, absl::DataLossError(absl::StrCat((directory / kManifestFile).string(),
                                                              ": it is the manifest of versions/",
                                                              manifest->number)));
  }
  if (manifest->model_fingerprint != model_fingerprint_) {
    return OfVersion(
        number, absl::FailedPreconditionError(absl::StrCat(
                    (directory / kManifestFile).string(), ": made with another model (fingerprint ",
                    manifest->model_fingerprint, ", loaded is ", model_fingerprint_,
                    "); start with the model that it was made with (--model), or "
                    "with another --data_dir")));
  }
  std::vector<std::shared_ptr<const model::Adapter>> deltas;
  for (const ManifestDelta& delta : manifest->deltas) {
    const std::filesystem::path path = directory / delta.file;
    absl::StatusOr<model::Adapter> adapter =
        model::LoadAdapter(path, config, placement, delta.tensors);
    if (!adapter.ok()) return ReadError(number, adapter.status());
    if (adapter->rank != delta.rank || adapter->scale != delta.scale) {
      return OfVersion(number,
                       absl::DataLossError(absl::StrCat(
                           path.string(), ": rank ", adapter->rank, " and scale ", adapter->scale,
                           ", but the manifest says ", delta.rank, " and ", delta.scale)));
    }
    deltas.push_back(std::make_shared<const model::Adapter>(*std::move(adapter)));
  }
  return deltas;
}

absl::Status VersionFiles::Remove(int64_t number) const {
  std::error_code unknown;  // then removing says what is wrong
  if (!std::filesystem::exists(PathOf(number), unknown) && !unknown) return absl::OkStatus();
  IMPRINT_RETURN_IF_ERROR(RemoveTree(PathOf(number)));
  IMPRINT_FAILPOINT_OR_RETURN("version.remove.after");
  return SyncDirectory(directory_);
}

}  // namespace imprint::version
