// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/generator/retention_cache.h"

#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/util/delimited_message_util.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/file_util.h"
#include "common/json.h"
#include "common/sha256.h"
#include "common/status_macros.h"

namespace imprint::generator {
namespace {

constexpr int kFormat = 1;

absl::Status Broken(const std::filesystem::path& path, const char* what) {
  return absl::DataLossError(absl::StrCat(path.string(), " is broken: ", what));
}

}  // namespace

absl::StatusOr<RetentionText> ReadRetentionCache(const std::filesystem::path& path,
                                                 const std::string& key) {
  IMPRINT_ASSIGN_OR_RETURN(const std::string contents, ReadFile(path));
  const size_t line_end = contents.find('\n');
  if (line_end == std::string::npos) return Broken(path, "its first line has no end");
  const nlohmann::json header = ParseJson(std::string_view(contents).substr(0, line_end));
  if (!header.is_object()) return Broken(path, "its first line is not JSON");
  const auto number = [&header](const char* name) {
    const auto found = header.find(name);
    return found != header.end() && found->is_number_integer() ? found->get<int64_t>() : -1;
  };
  const auto text = [&header](const char* name) {
    const auto found = header.find(name);
    return found != header.end() && found->is_string() ? found->get<std::string>() : "";
  };
  if (number("format") != kFormat || text("key") != key) {
    return absl::NotFoundError(absl::StrCat(path.string(), " was made from something else"));
  }
  const std::string_view payload = std::string_view(contents).substr(line_end + 1);
  if (Sha256Hex(payload) != text("sha256")) return Broken(path, "its checksum does not match");

  google::protobuf::io::ArrayInputStream stream(payload.data(), static_cast<int>(payload.size()));
  RetentionText retention;
  const auto read = [&stream](int64_t count, std::vector<store::TargetRecord>& records) {
    for (int64_t i = 0; i < count; ++i) {
      store::TargetRecord record;
      if (!google::protobuf::util::ParseDelimitedFromZeroCopyStream(&record, &stream, nullptr)) {
        return false;
      }
      records.push_back(std::move(record));
    }
    return true;
  };
  if (!read(number("train"), retention.train) || !read(number("heldout"), retention.heldout)) {
    return Broken(path, "a record cannot be read");
  }
  return retention;
}

absl::Status WriteRetentionCache(const std::filesystem::path& path, const std::string& key,
                                 const RetentionText& text) {
  std::string payload;
  {
    google::protobuf::io::StringOutputStream stream(&payload);
    for (const auto* records : {&text.train, &text.heldout}) {
      for (const store::TargetRecord& record : *records) {
        google::protobuf::util::SerializeDelimitedToZeroCopyStream(record, &stream);
      }
    }
  }
  const nlohmann::json header = {{"format", kFormat},
                                 {"key", key},
                                 {"train", text.train.size()},
                                 {"heldout", text.heldout.size()},
                                 {"sha256", Sha256Hex(payload)}};
  return WriteFileAtomically(path, absl::StrCat(header.dump(), "\n", payload));
}

}  // namespace imprint::generator
