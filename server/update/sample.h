// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// A bounded random choice that is the same on every machine.

#ifndef IMPRINT_SERVER_UPDATE_SAMPLE_H_
#define IMPRINT_SERVER_UPDATE_SAMPLE_H_

#include <cstddef>
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

namespace imprint::update {

// Up to `count` of `items`, each at most once, in an order drawn from `seed`.
template <typename T>
std::vector<T> Sample(std::vector<T> items, size_t count, uint64_t seed) {
  // std::shuffle and the distributions differ between standard libraries.
  std::mt19937_64 random(seed);
  if (count > items.size()) count = items.size();
  for (size_t i = 0; i < count; ++i) {
    std::swap(items[i], items[i + random() % (items.size() - i)]);
  }
  items.resize(count);
  return items;
}

}  // namespace imprint::update

#endif  // IMPRINT_SERVER_UPDATE_SAMPLE_H_
