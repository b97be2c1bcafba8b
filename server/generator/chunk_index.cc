// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/generator/chunk_index.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_split.h"
#include "server/generator/facts.h"

namespace imprint::generator {
namespace {

// The words of a normal form, each once.
std::set<absl::string_view> DistinctWords(const std::string& form) {
  return absl::StrSplit(form, ' ', absl::SkipEmpty());
}

}  // namespace

ChunkIndex::ChunkIndex(const std::vector<std::string>& chunks) : chunks_(chunks.size()) {
  for (size_t i = 0; i < chunks.size(); ++i) {
    const std::string form = NormalForm(chunks[i]);
    for (const absl::string_view word : DistinctWords(form)) chunks_of_word_[word].push_back(i);
  }
}

size_t ChunkIndex::Best(absl::string_view question) const {
  const std::string form = NormalForm(question);
  std::vector<size_t> shared(chunks_);
  for (const absl::string_view word : DistinctWords(form)) {
    const auto found = chunks_of_word_.find(word);
    if (found == chunks_of_word_.end()) continue;
    for (const size_t chunk : found->second) ++shared[chunk];
  }
  return static_cast<size_t>(std::max_element(shared.begin(), shared.end()) - shared.begin());
}

}  // namespace imprint::generator
