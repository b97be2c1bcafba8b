// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Bearer tokens, and the lines by which a server knows them: a name, scopes, a hash, quotas.
//
//   agent  query,inject  sha256:5994471a...  requests_per_minute=600 inject_bytes_per_hour=10000000
//
// A token has 256 random bits, so that its plain SHA-256 gives nothing away.

#ifndef IMPRINT_COMMON_TOKEN_LINE_H_
#define IMPRINT_COMMON_TOKEN_LINE_H_

#include <cstdint>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace imprint {

// What a token lets its bearer do. None contains another.
enum class Scope { kQuery, kInject, kAdmin };
using Scopes = std::set<Scope>;

struct TokenLine {
  std::string name = {};
  Scopes scopes = {};
  std::string sha256 = {};            // 32 bytes
  int64_t requests_per_minute = 0;    // 0: as many as come
  int64_t inject_bytes_per_hour = 0;  // 0: as many as come
};

absl::string_view ScopeName(Scope scope);
// "query,inject"
std::string FormatScopes(const Scopes& scopes);
// INVALID_ARGUMENT names the word, and those that there are.
absl::StatusOr<Scopes> ParseScopes(absl::string_view text);

// 1 to 64 letters, digits or any of "-_.", but nothing that looks like a token: it stands in log
// lines.
bool IsTokenName(absl::string_view name);

// From the system's random numbers: "imprint_" and 43 letters, digits, "-" or "_".
std::string NewToken();
// 32 bytes.
std::string TokenDigest(absl::string_view token);

std::string FormatTokenLine(const TokenLine& line);
// INVALID_ARGUMENT says which word is wrong, and never repeats one that may be a token.
absl::StatusOr<TokenLine> ParseTokenLine(absl::string_view text);

}  // namespace imprint

#endif  // IMPRINT_COMMON_TOKEN_LINE_H_
