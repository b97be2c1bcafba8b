// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Between std::string_view and RocksDB's Slice.

#ifndef IMPRINT_SERVER_STORE_SLICE_H_
#define IMPRINT_SERVER_STORE_SLICE_H_

#include <string_view>

#include "rocksdb/slice.h"

namespace imprint::store {

inline rocksdb::Slice ToSlice(std::string_view text) {
  return rocksdb::Slice(text.data(), text.size());
}

inline std::string_view FromSlice(const rocksdb::Slice& slice) {
  return std::string_view(slice.data(), slice.size());
}

}  // namespace imprint::store

#endif  // IMPRINT_SERVER_STORE_SLICE_H_
