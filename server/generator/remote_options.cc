// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/generator/remote_options.h"

#include <algorithm>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/file_util.h"
#include "common/loopback.h"
#include "common/status_macros.h"
#include "server/http/url.h"

namespace imprint::generator {

absl::Status CheckRemoteOptions(const RemoteOptions& options) {
  if (options.endpoint.empty()) {
    for (const auto& [flag, given] : {std::pair("model", !options.model.empty()),
                                      {"key_file", !options.key_file.empty()},
                                      {"ca", !options.ca_file.empty()},
                                      {"insecure", options.insecure}}) {
      if (!given) continue;
      return absl::InvalidArgumentError(
          absl::StrCat("--generator.endpoint_", flag, ": is nothing without --generator.endpoint"));
    }
    return absl::OkStatus();
  }
  const absl::StatusOr<http::Url> url = http::ParseUrl(options.endpoint);
  if (!url.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--generator.endpoint: ", url.status().message()));
  }
  if (url->scheme == "http" && !IsLoopback(url->host) && !options.insecure) {
    return absl::InvalidArgumentError(
        absl::StrCat("--generator.endpoint: experiences would go to ", url->host,
                     " unencrypted; give an https:// URL, or --generator.endpoint_insecure"));
  }
  if (options.model.empty()) {
    return absl::InvalidArgumentError(
        "--generator.endpoint_model: must be given with --generator.endpoint");
  }
  if (options.timeout <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError("--generator.endpoint_timeout: must be longer than 0");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadKey(const RemoteOptions& options) {
  if (options.key_file.empty()) return std::string();
  const std::string name =
      absl::StrCat("--generator.endpoint_key_file: ", options.key_file.string());
  absl::StatusOr<std::string> contents = ReadSecret(options.key_file);
  if (!contents.ok()) {
    return absl::Status(contents.status().code(), absl::StrCat("--generator.endpoint_key_file: ",
                                                               contents.status().message()));
  }
  const std::string key(absl::StripAsciiWhitespace(*contents));
  // A line break would end the header that it is sent in.
  if (key.empty() || !std::all_of(key.begin(), key.end(), absl::ascii_isgraph)) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, " must hold a key and nothing else: one word, on one line"));
  }
  return key;
}

}  // namespace imprint::generator
