// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Takes what the Rust crate gives: its buffers become C++ values and are freed.
// Included by the .cc files of this room only.

#ifndef IMPRINT_SERVER_TEXT_RUST_HANDLE_H_
#define IMPRINT_SERVER_TEXT_RUST_HANDLE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "server/text/rust/imprint_text.h"

namespace imprint::text {

inline std::string TakeBytes(ImprintTextBytes bytes) {
  std::string text(reinterpret_cast<const char*>(bytes.data), bytes.size);
  imprint_text_bytes_free(bytes);
  return text;
}

// The crate's ids fit: a vocabulary has fewer than 2^31 tokens (checked when it is loaded).
inline std::vector<int32_t> TakeIds(ImprintTextIds ids) {
  std::vector<int32_t> values(ids.data, ids.data + ids.size);
  imprint_text_ids_free(ids);
  return values;
}

}  // namespace imprint::text

#endif  // IMPRINT_SERVER_TEXT_RUST_HANDLE_H_
