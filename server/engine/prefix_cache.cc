// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/engine/prefix_cache.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace imprint::engine {
namespace {

int64_t CommonLength(absl::Span<const int32_t> a, absl::Span<const int32_t> b) {
  const size_t shorter = std::min(a.size(), b.size());
  return std::mismatch(a.begin(), a.begin() + shorter, b.begin()).first - a.begin();
}

}  // namespace

PrefixCache::Hit PrefixCache::Find(const version::Version& version,
                                   absl::Span<const int32_t> tokens) {
  auto best = entries_.end();
  int64_t longest = 0;
  for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
    if (entry->weights.lock() != version.weights) continue;
    const int64_t common = CommonLength(entry->tokens, tokens);
    if (common <= longest) continue;
    longest = common;
    best = entry;
  }
  if (best == entries_.end()) return {};
  entries_.splice(entries_.begin(), entries_, best);
  return {&best->kv_cache, longest};
}

void PrefixCache::Insert(const version::Version& version, absl::Span<const int32_t> tokens,
                         model::KvCache kv_cache) {
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    const bool beginning =
        entry->weights.lock() == version.weights && entry->tokens.size() <= tokens.size() &&
        CommonLength(entry->tokens, tokens) == static_cast<int64_t>(entry->tokens.size());
    entry = beginning ? Erase(entry) : std::next(entry);
  }
  tokens_ += kv_cache.length();
  entries_.push_front({version.number, version.weights,
                       std::vector<int32_t>(tokens.begin(), tokens.end()), std::move(kv_cache)});
}

bool PrefixCache::EvictOne() {
  if (entries_.empty()) return false;
  Erase(std::prev(entries_.end()));
  return true;
}

void PrefixCache::Purge(absl::FunctionRef<bool(int64_t version)> keep) {
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    entry = entry->weights.expired() || !keep(entry->version) ? Erase(entry) : std::next(entry);
  }
}

PrefixCache::Entries::iterator PrefixCache::Erase(Entries::iterator entry) {
  tokens_ -= entry->kv_cache.length();
  return entries_.erase(entry);
}

}  // namespace imprint::engine
