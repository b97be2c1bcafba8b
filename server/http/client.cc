// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/http/client.h"

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace imprint::http {
namespace {

// A host that does not even take the connection is not waited for as long as an answer.
constexpr absl::Duration kConnectTimeout = absl::Seconds(10);

struct FreeHandle {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using Headers = std::unique_ptr<curl_slist, FreeList>;

// What the callbacks of one request need.
struct Transfer {
  const std::function<bool()>& cancelled;
  const size_t max_bytes;
  std::string body = {};
  bool too_large = false;
};

size_t TakeBody(char* data, size_t size, size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  const size_t bytes = size * count;
  if (bytes > transfer.max_bytes - transfer.body.size()) {
    transfer.too_large = true;
    return 0;  // ends the transfer
  }
  transfer.body.append(data, bytes);
  return bytes;
}

int AskCancelled(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  const std::function<bool()>& cancelled = static_cast<Transfer*>(user)->cancelled;
  return cancelled && cancelled() ? 1 : 0;
}

// Null: there is no memory for them.
Headers MakeHeaders(const std::string& bearer_key) {
  std::vector<std::string> lines = {"Content-Type: application/json", "Accept: application/json",
                                    "Expect:"};  // no round trip before a long body
  if (!bearer_key.empty()) lines.push_back(absl::StrCat("Authorization: Bearer ", bearer_key));
  curl_slist* list = nullptr;
  for (const std::string& line : lines) {
    curl_slist* const longer = curl_slist_append(list, line.c_str());
    if (longer == nullptr) {
      curl_slist_free_all(list);
      return nullptr;
    }
    list = longer;
  }
  return Headers(list);
}

long Milliseconds(absl::Duration duration) {
  // 0 would be without end.
  return static_cast<long>(std::clamp<int64_t>(absl::ToInt64Milliseconds(duration), 1,
                                               std::numeric_limits<int32_t>::max()));
}

absl::Status ErrorOf(CURLcode code, const Transfer& transfer, const char* message) {
  const std::string text =
      message[0] == '\0' ? std::string(curl_easy_strerror(code)) : std::string(message);
  if (transfer.too_large) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the response is larger than ", transfer.max_bytes, " bytes"));
  }
  if (code == CURLE_ABORTED_BY_CALLBACK) return absl::CancelledError("the server is stopping");
  if (code == CURLE_OPERATION_TIMEDOUT) return absl::DeadlineExceededError(text);
  return absl::UnavailableError(text);
}

}  // namespace

Client::Client(ClientOptions options) : options_(std::move(options)) {
  // Once, before the first handle of any client.
  static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  static_cast<void>(initialised);
}

absl::StatusOr<Response> Client::PostJson(const std::string& url, const std::string& body,
                                          const std::function<bool()>& cancelled) const {
  const std::unique_ptr<CURL, FreeHandle> handle(curl_easy_init());
  if (handle == nullptr) return absl::UnavailableError("libcurl gives no handle");
  CURL* const curl = handle.get();
  Transfer transfer = {.cancelled = cancelled, .max_bytes = options_.max_response_bytes};
  std::array<char, CURL_ERROR_SIZE> message = {};

  const Headers headers = MakeHeaders(options_.bearer_key);
  if (headers == nullptr) return absl::ResourceExhaustedError("no memory for a request");

  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "imprint");
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.data());
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, Milliseconds(options_.timeout));
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, Milliseconds(kConnectTimeout));
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
  if (!options_.ca_file.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, options_.ca_file.c_str());
  if (absl::StartsWithIgnoreCase(url, "http:")) curl_easy_setopt(curl, CURLOPT_PROXY, "");
  curl_easy_setopt(curl, CURLOPT_NOPROXY, "localhost,127.0.0.1,::1");
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, TakeBody);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, AskCancelled);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, message.data());

  const CURLcode code = curl_easy_perform(curl);
  if (code != CURLE_OK) return ErrorOf(code, transfer, message.data());
  long status = 0;
  curl_off_t retry_after_seconds = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &retry_after_seconds);
  return Response{.status = static_cast<int>(status),
                  .body = std::move(transfer.body),
                  .retry_after = absl::Seconds(retry_after_seconds)};
}

}  // namespace imprint::http
