// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/text/stream_decoder.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/status_macros.h"

namespace imprint::text {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

// Bytes that became no character within so many tokens never will.
constexpr size_t kMaxHeldTokens = 64;

bool IsContinuation(char byte) { return (static_cast<uint8_t>(byte) & 0xC0) == 0x80; }

}  // namespace

absl::StatusOr<std::string> StreamDecoder::Push(int32_t id) {
  ids_.push_back(id);
  return Advance(/*finish=*/false);
}

absl::StatusOr<std::string> StreamDecoder::Finish() { return Advance(/*finish=*/true); }

absl::StatusOr<std::string> StreamDecoder::Advance(bool finish) {
  IMPRINT_ASSIGN_OR_RETURN(const std::string text, tokenizer_->Decode(ids_, /*skip_special=*/true));
  // A U+FFFD at the end may be the beginning of a character.
  size_t settled = text.size();
  if (!finish && ids_.size() - boundary_ < kMaxHeldTokens) {
    while (std::string_view(text).substr(0, settled).ends_with(kReplacement)) {
      settled -= kReplacement.size();
    }
  }
  if (settled <= given_) return std::string();

  // Only after a character was taken back does this not stand at a character's beginning.
  size_t begin = given_;
  while (begin < settled && IsContinuation(text[begin])) ++begin;
  std::string piece = text.substr(begin, settled - begin);
  given_ = settled;
  if (settled == text.size()) {
    ids_.erase(ids_.begin(), ids_.begin() + static_cast<std::ptrdiff_t>(boundary_));
    boundary_ = ids_.size();
    IMPRINT_ASSIGN_OR_RETURN(const std::string context,
                             tokenizer_->Decode(ids_, /*skip_special=*/true));
    given_ = context.size();
  }
  return piece;
}

}  // namespace imprint::text
