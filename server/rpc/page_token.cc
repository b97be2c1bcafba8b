// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/rpc/page_token.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/sha256.h"
#include "common/string_view.h"
#include "server/rpc/errors.h"

namespace imprint::rpc {
namespace {

// Enough to notice a token of another list; it keeps no secret.
std::string ListDigest(absl::string_view list) { return Sha256Hex(ToStd(list)).substr(0, 12); }

}  // namespace

std::string MakePageToken(absl::string_view list, int64_t position) {
  return absl::WebSafeBase64Escape(absl::StrCat(ListDigest(list), ":", position));
}

absl::StatusOr<Page> ParsePage(absl::string_view list, int page_size, const std::string& token) {
  if (page_size < 0) {
    return FieldError("page_size", absl::StrCat("is ", page_size, "; give 1 to ", kMaxPageSize,
                                                ", or 0 for ", kDefaultPageSize));
  }
  Page page;
  if (page_size > 0) page.size = std::min(page_size, kMaxPageSize);
  if (token.empty()) return page;

  std::string text;
  if (absl::WebSafeBase64Unescape(token, &text)) {
    const std::pair<std::string, std::string> parts = absl::StrSplit(text, absl::MaxSplits(':', 1));
    int64_t position = 0;
    if (parts.first == ListDigest(list) && absl::SimpleAtoi(parts.second, &position)) {
      page.position = position;
      return page;
    }
  }
  return FieldError("page_token",
                    "is not a next_page_token of this list with these filters; begin without one");
}

bool PageRoom::Take(size_t bytes) {
  if (items_ == 0 || (!empty_ && bytes > bytes_)) return false;
  --items_;
  bytes_ -= std::min(bytes, bytes_);
  empty_ = false;
  return true;
}

}  // namespace imprint::rpc
