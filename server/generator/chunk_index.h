// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Which chunk of a context a question is about.

#ifndef IMPRINT_SERVER_GENERATOR_CHUNK_INDEX_H_
#define IMPRINT_SERVER_GENERATOR_CHUNK_INDEX_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"

namespace imprint::generator {

// Immutable; thread-safe. The chunks are read once, however much is asked.
class ChunkIndex {
 public:
  explicit ChunkIndex(const std::vector<std::string>& chunks);

  // The chunk that shares most words with `question`, the first of equals, as its index.
  size_t Best(absl::string_view question) const;

 private:
  const size_t chunks_;
  // The chunks that have the word, rising.
  absl::flat_hash_map<std::string, std::vector<size_t>> chunks_of_word_;
};

}  // namespace imprint::generator

#endif  // IMPRINT_SERVER_GENERATOR_CHUNK_INDEX_H_
