// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Keys and values of tokens that are likely to come again: a context that many questions
// begin with, a chat that goes on.

#ifndef IMPRINT_SERVER_ENGINE_PREFIX_CACHE_H_
#define IMPRINT_SERVER_ENGINE_PREFIX_CACHE_H_

#include <cstdint>
#include <list>
#include <memory>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/types/span.h"
#include "server/engine/request.h"
#include "server/model/kv_cache.h"

namespace imprint::engine {

// An entry belongs to one set of weights and is found by its tokens alone, so a stale hit
// is impossible: a new version has other weights. Weights are held weakly: an entry does
// not keep a version alive, and one whose weights are gone is never found. Least recently
// used entries go first. Not thread-safe; the engine's thread owns it.
class PrefixCache {
 public:
  struct Hit {
    const model::KvCache* kv_cache = nullptr;  // valid until the cache changes
    int64_t length = 0;                        // tokens in common
  };

  // The longest beginning that `tokens` has in common with an entry of `version`'s
  // weights; length 0: none. The entry becomes the most recently used.
  Hit Find(const version::Version& version, absl::Span<const int32_t> tokens);

  // Keeps the keys and values of `tokens`, all of them in `kv_cache`. Entries that are a
  // beginning of it go.
  void Insert(const version::Version& version, absl::Span<const int32_t> tokens,
              model::KvCache kv_cache);

  // Drops the least recently used entry; false: there is none.
  bool EvictOne();
  // Drops entries whose weights are gone, and those of versions for whose number `keep` is
  // false.
  void Purge(absl::FunctionRef<bool(int64_t version)> keep);

  // Tokens of all entries.
  int64_t tokens() const { return tokens_; }
  size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    int64_t version = 0;
    std::weak_ptr<const model::Weights> weights;
    std::vector<int32_t> tokens;
    model::KvCache kv_cache;
  };
  using Entries = std::list<Entry>;

  Entries::iterator Erase(Entries::iterator entry);

  Entries entries_;  // most recently used first
  int64_t tokens_ = 0;
};

}  // namespace imprint::engine

#endif  // IMPRINT_SERVER_ENGINE_PREFIX_CACHE_H_
