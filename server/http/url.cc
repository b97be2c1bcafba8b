// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/http/url.h"

#include <curl/curl.h>

#include <memory>
#include <optional>

#include "absl/status/status.h"

namespace imprint::http {
namespace {

struct FreeUrl {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
using UrlHandle = std::unique_ptr<CURLU, FreeUrl>;

// None where the URL has no such part.
std::optional<std::string> PartOf(const UrlHandle& url, CURLUPart part) {
  char* text = nullptr;
  if (curl_url_get(url.get(), part, &text, 0) != CURLUE_OK) return std::nullopt;
  std::string copy(text);
  curl_free(text);
  return copy;
}

}  // namespace

absl::StatusOr<Url> ParseUrl(const std::string& url) {
  const UrlHandle handle(curl_url());
  if (handle == nullptr || curl_url_set(handle.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) {
    return absl::InvalidArgumentError("this is no URL; give one such as https://HOST/v1");
  }
  for (const CURLUPart part : {CURLUPART_USER, CURLUPART_PASSWORD}) {
    if (!PartOf(handle, part).has_value()) continue;
    return absl::InvalidArgumentError("the URL must have no user and no password in it");
  }
  for (const CURLUPart part : {CURLUPART_QUERY, CURLUPART_FRAGMENT}) {
    if (!PartOf(handle, part).has_value()) continue;
    return absl::InvalidArgumentError("the URL must end with its path, without ? and #");
  }
  Url parsed = {.scheme = PartOf(handle, CURLUPART_SCHEME).value_or(""),
                .host = PartOf(handle, CURLUPART_HOST).value_or("")};
  if ((parsed.scheme != "http" && parsed.scheme != "https") || parsed.host.empty()) {
    return absl::InvalidArgumentError("the URL must begin with https:// or http:// and a host");
  }
  return parsed;
}

}  // namespace imprint::http
