// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/model/safetensors.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/json.h"
#include "common/status_macros.h"
#include "nlohmann/json.hpp"

namespace imprint::model {
namespace {

using nlohmann::json;

static_assert(std::endian::native == std::endian::little, "the format is little-endian");

constexpr uint64_t kLengthBytes = 8;
// As the reference implementation limits it.
constexpr uint64_t kMaxHeaderBytes = 100'000'000;

std::optional<uint64_t> ElementBytes(std::string_view dtype) {
  for (std::string_view one : {"BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2"}) {
    if (dtype == one) return 1;
  }
  for (std::string_view two : {"F16", "BF16", "I16", "U16"}) {
    if (dtype == two) return 2;
  }
  for (std::string_view four : {"F32", "I32", "U32"}) {
    if (dtype == four) return 4;
  }
  for (std::string_view eight : {"F64", "I64", "U64"}) {
    if (dtype == eight) return 8;
  }
  return std::nullopt;
}

absl::Status ReadAt(int file, const std::filesystem::path& path, uint64_t offset,
                    absl::Span<std::byte> into) {
  size_t done = 0;
  while (done < into.size()) {
    const ssize_t got =
        ::pread(file, into.data() + done, into.size() - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return absl::ErrnoToStatus(errno, absl::StrCat("reading ", path.string()));
    if (got == 0)
      return absl::DataLossError(absl::StrCat(path.string(), ": the file is cut short"));
    done += static_cast<size_t>(got);
  }
  return absl::OkStatus();
}

// A list of integers that are >= 0 and fit int64.
std::optional<std::vector<int64_t>> Sizes(const json& value) {
  if (!value.is_array()) return std::nullopt;
  std::vector<int64_t> sizes;
  for (const json& size : value) {
    if (!size.is_number_unsigned()) return std::nullopt;
    const auto number = size.get<uint64_t>();
    if (number > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return std::nullopt;
    sizes.push_back(static_cast<int64_t>(number));
  }
  return sizes;
}

// Bytes of a tensor of this shape, unless they overflow.
std::optional<uint64_t> ShapeBytes(const std::vector<int64_t>& shape, uint64_t element_bytes) {
  uint64_t bytes = element_bytes;
  for (const int64_t size : shape) {
    if (__builtin_mul_overflow(bytes, static_cast<uint64_t>(size), &bytes)) return std::nullopt;
  }
  return bytes;
}

}  // namespace

absl::StatusOr<SafetensorsFile> SafetensorsFile::Open(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("opening ", path.string()));
  }
  SafetensorsFile file;
  file.path_ = path;
  file.file_ = std::shared_ptr<const int>(new int(descriptor), [](const int* open_descriptor) {
    ::close(*open_descriptor);
    delete open_descriptor;
  });
  struct stat stat_buffer = {};
  if (::fstat(descriptor, &stat_buffer) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("reading ", path.string()));
  }
  if (!S_ISREG(stat_buffer.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(path.string(), ": not a regular file"));
  }
  const auto file_bytes = static_cast<uint64_t>(stat_buffer.st_size);
  if (file_bytes < kLengthBytes) {
    return absl::DataLossError(
        absl::StrCat(path.string(), ": ", file_bytes, " bytes are too few for a safetensors file"));
  }
  uint64_t header_bytes = 0;
  IMPRINT_RETURN_IF_ERROR(
      ReadAt(descriptor, path, 0, {reinterpret_cast<std::byte*>(&header_bytes), kLengthBytes}));
  if (header_bytes > kMaxHeaderBytes || header_bytes > file_bytes - kLengthBytes) {
    return absl::DataLossError(absl::StrCat(
        path.string(), ": the header claims ", header_bytes, " bytes; the file has ",
        file_bytes - kLengthBytes, " after the length, and the limit is ", kMaxHeaderBytes));
  }
  std::string header(header_bytes, '\0');
  IMPRINT_RETURN_IF_ERROR(ReadAt(descriptor, path, kLengthBytes,
                                 {reinterpret_cast<std::byte*>(header.data()), header.size()}));
  IMPRINT_RETURN_IF_ERROR(file.ParseHeader(header, file_bytes));
  return file;
}

absl::Status SafetensorsFile::ParseHeader(const std::string& header, uint64_t file_bytes) {
  const auto broken = [this](const auto&... what) {
    return absl::DataLossError(absl::StrCat(path_.string(), ": ", what...));
  };
  const json root = ParseJson(header);
  if (!root.is_object()) return broken("the header is not a JSON object");

  const uint64_t data_begin = kLengthBytes + header.size();
  const uint64_t data_bytes = file_bytes - data_begin;
  for (const auto& [name, value] : root.items()) {
    if (name == "__metadata__") {
      if (!value.is_object()) return broken("__metadata__ is not a JSON object");
      for (const auto& [key, text] : value.items()) {
        if (!text.is_string()) return broken("__metadata__ ", key, " is not a string");
        metadata_[key] = text.get<std::string>();
      }
      continue;
    }
    if (!value.is_object() || !value.contains("dtype") || !value["dtype"].is_string() ||
        !value.contains("shape") || !value.contains("data_offsets")) {
      return broken("tensor ", name, " has no dtype, shape and data_offsets");
    }
    StoredTensor tensor;
    tensor.dtype = value["dtype"].get<std::string>();
    const std::optional<uint64_t> element_bytes = ElementBytes(tensor.dtype);
    if (!element_bytes) return broken("tensor ", name, " has the unknown dtype ", tensor.dtype);
    const auto shape = Sizes(value["shape"]);
    if (!shape) return broken("tensor ", name, " has a shape that is no list of sizes");
    tensor.shape = *shape;
    const auto offsets = Sizes(value["data_offsets"]);
    if (!offsets || offsets->size() != 2 || (*offsets)[0] > (*offsets)[1]) {
      return broken("tensor ", name, " has data_offsets that are no range");
    }
    const auto begin = static_cast<uint64_t>((*offsets)[0]);
    const auto end = static_cast<uint64_t>((*offsets)[1]);
    if (end > data_bytes) {
      return broken("tensor ", name, " ends at byte ", end, " of ", data_bytes,
                    ": the file is cut short, or its header is wrong");
    }
    const auto shape_bytes = ShapeBytes(tensor.shape, *element_bytes);
    if (!shape_bytes || *shape_bytes != end - begin) {
      return broken("tensor ", name, " of shape [", absl::StrJoin(tensor.shape, ", "),
                    "] and dtype ", tensor.dtype, " does not fit its ", end - begin, " bytes");
    }
    tensor.offset = data_begin + begin;
    tensor.bytes = end - begin;
    tensors_[name] = std::move(tensor);
  }

  // The tensors lie behind one another and fill the file: nothing overlaps, nothing hides.
  std::vector<std::pair<const StoredTensor*, const std::string*>> in_order;
  for (const auto& [name, tensor] : tensors_) in_order.emplace_back(&tensor, &name);
  std::sort(in_order.begin(), in_order.end(), [](const auto& left, const auto& right) {
    return std::pair(left.first->offset, left.first->bytes) <
           std::pair(right.first->offset, right.first->bytes);
  });
  uint64_t expected = data_begin;
  for (const auto& [tensor, name] : in_order) {
    if (tensor->offset != expected) {
      return broken("tensor ", *name, " begins at byte ", tensor->offset, " of the file; ",
                    tensor->offset < expected ? "it overlaps another, which ends at "
                                              : "a hole lies before it from ",
                    expected);
    }
    expected += tensor->bytes;
  }
  if (expected != file_bytes) {
    return broken("the tensors end at byte ", expected, ", the file at ", file_bytes);
  }
  return absl::OkStatus();
}

absl::Status SafetensorsFile::Read(const StoredTensor& tensor, absl::Span<std::byte> into) const {
  if (into.size() != tensor.bytes) {
    return absl::InternalError(absl::StrCat(path_.string(), ": a tensor of ", tensor.bytes,
                                            " bytes was read into ", into.size()));
  }
  return ReadAt(*file_, path_, tensor.offset, into);
}

}  // namespace imprint::model
