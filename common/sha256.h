// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// SHA-256 (FIPS 180-4), at once or piece by piece.

#ifndef IMPRINT_COMMON_SHA256_H_
#define IMPRINT_COMMON_SHA256_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"

struct evp_md_ctx_st;

namespace imprint {

// Not thread-safe; one owner.
class Sha256 {
 public:
  Sha256();
  ~Sha256();

  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void Update(std::string_view bytes);
  // Adds the length as well, so that ("ab", "c") and ("a", "bc") differ.
  void UpdateField(std::string_view bytes);
  // Adds the bytes of a file, read in pieces. Errors name the file.
  absl::Status UpdateFromFile(const std::filesystem::path& path);

  // 32 bytes, or 64 lower-case hexadecimal digits. Call one of them, once; nothing after it.
  std::string Digest();
  std::string HexDigest();

 private:
  struct Deleter {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Deleter> context_;
};

std::string Sha256Hex(std::string_view bytes);

}  // namespace imprint

#endif  // IMPRINT_COMMON_SHA256_H_
