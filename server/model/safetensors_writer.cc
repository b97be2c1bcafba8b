// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "common/failpoint.h"
#include "common/status_macros.h"
#include "nlohmann/json.hpp"
#include "server/model/safetensors.h"

namespace imprint::model {
namespace {

absl::Status DiskError(int error, const std::filesystem::path& path) {
  const std::string message = absl::StrCat("writing ", path.string());
  if (error == ENOSPC || error == EDQUOT) {
    return absl::ResourceExhaustedError(absl::StrCat(message, ": the disk is full"));
  }
  return absl::InternalError(absl::ErrnoToStatus(error, message).message());
}

absl::Status WriteAll(int file, const std::filesystem::path& path, const void* bytes, size_t size) {
  const char* next = static_cast<const char*>(bytes);
  while (size > 0) {
    const ssize_t written = ::write(file, next, size);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return DiskError(errno, path);
    next += written;
    size -= static_cast<size_t>(written);
  }
  return absl::OkStatus();
}

}  // namespace

std::string SafetensorsPreamble(const std::vector<TensorToStore>& tensors,
                                const std::map<std::string, std::string>& metadata) {
  nlohmann::json root = nlohmann::json::object();
  if (!metadata.empty()) root["__metadata__"] = metadata;
  uint64_t offset = 0;
  for (const TensorToStore& tensor : tensors) {
    const uint64_t end = offset + tensor.bytes.size();
    root[tensor.name] = {
        {"dtype", tensor.dtype}, {"shape", tensor.shape}, {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string header = root.dump();
  // So that the tensors' bytes are aligned for whoever maps the file.
  while (header.size() % 8 != 0) header.push_back(' ');
  const uint64_t header_bytes = header.size();
  std::string preamble(sizeof header_bytes, '\0');
  std::memcpy(preamble.data(), &header_bytes, sizeof header_bytes);
  return preamble.append(header);
}

absl::Status WriteSafetensors(const std::filesystem::path& path,
                              const std::vector<TensorToStore>& tensors,
                              const std::map<std::string, std::string>& metadata) {
  const std::string preamble = SafetensorsPreamble(tensors, metadata);
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) return DiskError(errno, path);
  absl::Cleanup close_on_error = [file] { ::close(file); };
  IMPRINT_RETURN_IF_ERROR(WriteAll(file, path, preamble.data(), preamble.size()));
  for (const TensorToStore& tensor : tensors) {
    IMPRINT_RETURN_IF_ERROR(WriteAll(file, path, tensor.bytes.data(), tensor.bytes.size()));
  }
  IMPRINT_FAILPOINT_OR_RETURN("tensors.fsync.before");
  if (::fsync(file) != 0) return DiskError(errno, path);
  IMPRINT_FAILPOINT_OR_RETURN("tensors.fsync.after");
  std::move(close_on_error).Cancel();
  if (::close(file) != 0) return DiskError(errno, path);
  return absl::OkStatus();
}

}  // namespace imprint::model
