// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Where a list goes on: opaque to clients, checked when it comes back. And how much a page holds.

#ifndef IMPRINT_SERVER_RPC_PAGE_TOKEN_H_
#define IMPRINT_SERVER_RPC_PAGE_TOKEN_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace imprint::rpc {

inline constexpr int kDefaultPageSize = 50;
inline constexpr int kMaxPageSize = 1000;
// A page ends early rather than grow beyond what clients receive by default (4 MiB).
inline constexpr size_t kMaxPageBytes = size_t{2} << 20;

// `list` names the list and its filter: a token of another one is refused.
std::string MakePageToken(absl::string_view list, int64_t position);

struct Page {
  int size = kDefaultPageSize;
  std::optional<int64_t> position;  // nullopt: from the beginning
};
// INVALID_ARGUMENT about page_size or page_token.
absl::StatusOr<Page> ParsePage(absl::string_view list, int page_size, const std::string& token);

// What a page still takes: one item at least, else no more than its size and kMaxPageBytes.
class PageRoom {
 public:
  explicit PageRoom(int size) : items_(size) {}

  // Takes an item of so many bytes; false: it belongs to the next page.
  bool Take(size_t bytes);

 private:
  int items_;
  size_t bytes_ = kMaxPageBytes;
  bool empty_ = true;
};

}  // namespace imprint::rpc

#endif  // IMPRINT_SERVER_RPC_PAGE_TOKEN_H_
