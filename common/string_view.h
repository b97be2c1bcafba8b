// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Between the two string_views: where abseil was built with its own, neither converts to
// the other by itself.

#ifndef IMPRINT_COMMON_STRING_VIEW_H_
#define IMPRINT_COMMON_STRING_VIEW_H_

#include <string_view>

#include "absl/strings/string_view.h"

namespace imprint {

inline absl::string_view ToAbsl(std::string_view text) {
  return absl::string_view(text.data(), text.size());
}

inline std::string_view ToStd(absl::string_view text) {
  return std::string_view(text.data(), text.size());
}

}  // namespace imprint

#endif  // IMPRINT_COMMON_STRING_VIEW_H_
