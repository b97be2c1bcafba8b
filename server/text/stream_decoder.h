// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Text out of tokens one by one. A token is not a piece of text: a character may take
// several, and a space may depend on the token before.

#ifndef IMPRINT_SERVER_TEXT_STREAM_DECODER_H_
#define IMPRINT_SERVER_TEXT_STREAM_DECODER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/text/tokenizer.h"

namespace imprint::text {

// The pieces of all calls together are what Tokenizer::Decode gives for all ids together,
// special tokens left out. (Two exceptions: a byte-fallback decoder takes back a character
// when a stray byte follows it; what was given out stays. And after 64 tokens in a row that are no
// characters no more are held back: a character that begins just there becomes U+FFFD.) One
// stream, one owner; `tokenizer` outlives it.
class StreamDecoder {
 public:
  explicit StreamDecoder(const Tokenizer* tokenizer) : tokenizer_(tokenizer) {}

  // The text that `id` completes: whole characters, often none.
  absl::StatusOr<std::string> Push(int32_t id);

  // What is left: bytes that became no character, as U+FFFD. Nothing may follow.
  absl::StatusOr<std::string> Finish();

 private:
  absl::StatusOr<std::string> Advance(bool finish);

  const Tokenizer* const tokenizer_;
  // The last tokens: those before boundary_ have been given out whole and stay as the left
  // context that decides about spaces.
  std::vector<int32_t> ids_;
  size_t boundary_ = 0;
  // How many bytes of the text of ids_ have been given out.
  size_t given_ = 0;
};

}  // namespace imprint::text

#endif  // IMPRINT_SERVER_TEXT_STREAM_DECODER_H_
