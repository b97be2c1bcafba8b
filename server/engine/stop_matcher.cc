// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/engine/stop_matcher.h"

#include <algorithm>
#include <utility>

namespace imprint::engine {
namespace {

// Length of the longest end of `text` that is a proper beginning of `stop`.
size_t PossibleBeginning(std::string_view text, std::string_view stop) {
  for (size_t length = std::min(text.size(), stop.size() - 1); length > 0; --length) {
    if (text.substr(text.size() - length) == stop.substr(0, length)) return length;
  }
  return 0;
}

}  // namespace

StopMatcher::StopMatcher(std::vector<std::string> stop) : stop_(std::move(stop)) {
  std::erase_if(stop_, [](const std::string& s) { return s.empty(); });
}

std::string StopMatcher::Push(std::string_view piece) {
  if (stopped_) return "";
  if (stop_.empty()) return std::string(piece);
  held_ += piece;
  // The match that ends first, as if the text had come byte by byte: so the answer does not
  // depend on how it was cut into pieces.
  size_t first_begin = 0;
  size_t first_end = std::string::npos;
  for (const std::string& stop : stop_) {
    const size_t begin = held_.find(stop);
    if (begin == std::string::npos) continue;
    const size_t end = begin + stop.size();
    if (end < first_end || (end == first_end && begin < first_begin)) {
      first_begin = begin;
      first_end = end;
    }
  }
  size_t keep = 0;
  if (first_end != std::string::npos) {
    stopped_ = true;
    keep = held_.size() - first_begin;
  } else {
    for (const std::string& stop : stop_) keep = std::max(keep, PossibleBeginning(held_, stop));
  }
  std::string certain = held_.substr(0, held_.size() - keep);
  held_.erase(0, stopped_ ? std::string::npos : certain.size());
  return certain;
}

std::string StopMatcher::Flush() { return std::exchange(held_, std::string()); }

}  // namespace imprint::engine
