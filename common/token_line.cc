// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "common/token_line.h"

#include <openssl/rand.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/sha256.h"
#include "common/status_macros.h"
#include "common/string_view.h"

namespace imprint {
namespace {

constexpr absl::string_view kTokenPrefix = "imprint_";
constexpr size_t kTokenBytes = 32;
constexpr size_t kTokenLength = kTokenPrefix.size() + 43;  // base64 without its "="
constexpr size_t kDigestDigits = 64;
constexpr size_t kMaxNameBytes = 64;
constexpr absl::string_view kHashPrefix = "sha256:";
constexpr absl::string_view kRequestsKey = "requests_per_minute=";
constexpr absl::string_view kBytesKey = "inject_bytes_per_hour=";
constexpr std::pair<Scope, absl::string_view> kScopes[] = {
    {Scope::kQuery, "query"}, {Scope::kInject, "inject"}, {Scope::kAdmin, "admin"}};

absl::StatusOr<std::string> ParseHash(absl::string_view word) {
  const bool good = absl::ConsumePrefix(&word, kHashPrefix) && word.size() == kDigestDigits &&
                    std::all_of(word.begin(), word.end(), [](char c) {
                      return absl::ascii_isxdigit(static_cast<unsigned char>(c));
                    });
  if (good) return absl::HexStringToBytes(word);
  return absl::InvalidArgumentError(
      "the third word must be sha256: and 64 hexadecimal digits, as `imprint tokens new` prints "
      "it; never the token itself");
}

absl::Status ParseQuota(absl::string_view word, TokenLine* line) {
  int64_t* quota = nullptr;
  if (absl::ConsumePrefix(&word, kRequestsKey)) {
    quota = &line->requests_per_minute;
  } else if (absl::ConsumePrefix(&word, kBytesKey)) {
    quota = &line->inject_bytes_per_hour;
  }
  if (quota != nullptr && *quota != 0) {
    return absl::InvalidArgumentError("a quota is there twice");
  }
  if (quota != nullptr && absl::SimpleAtoi(word, quota) && *quota > 0) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("what follows the hash must be ", kRequestsKey,
                                                 "N or ", kBytesKey, "N with an N of at least 1"));
}

}  // namespace

absl::string_view ScopeName(Scope scope) {
  for (const auto& [known, name] : kScopes) {
    if (known == scope) return name;
  }
  return "";
}

std::string FormatScopes(const Scopes& scopes) {
  return absl::StrJoin(
      scopes, ",", [](std::string* out, Scope scope) { absl::StrAppend(out, ScopeName(scope)); });
}

absl::StatusOr<Scopes> ParseScopes(absl::string_view text) {
  Scopes scopes;
  for (absl::string_view word : absl::StrSplit(text, ',')) {
    const auto* found = std::find_if(std::begin(kScopes), std::end(kScopes),
                                     [word](const auto& scope) { return scope.second == word; });
    if (found == std::end(kScopes)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "\"", absl::CEscape(word.substr(0, kMaxNameBytes)),
          "\" is no scope; give some of query, inject, admin, with commas between them"));
    }
    scopes.insert(found->first);
  }
  return scopes;
}

bool IsTokenName(absl::string_view name) {
  const bool may_be_token = absl::StartsWith(name, kTokenPrefix) && name.size() == kTokenLength;
  return !may_be_token && !name.empty() && name.size() <= kMaxNameBytes &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' ||
                  c == '.';
         });
}

std::string NewToken() {
  std::string bytes(kTokenBytes, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(bytes.size())) !=
      1) {
    // No caller could do better than not to make a token.
    spdlog::critical("OpenSSL has no random numbers");
    std::abort();
  }
  std::string text = absl::WebSafeBase64Escape(bytes);
  while (!text.empty() && text.back() == '=') text.pop_back();
  return absl::StrCat(kTokenPrefix, text);
}

std::string TokenDigest(absl::string_view token) {
  Sha256 sha256;
  sha256.Update(ToStd(token));
  return sha256.Digest();
}

std::string FormatTokenLine(const TokenLine& line) {
  std::string text = absl::StrCat(line.name, " ", FormatScopes(line.scopes), " ", kHashPrefix,
                                  absl::BytesToHexString(line.sha256));
  if (line.requests_per_minute > 0) {
    absl::StrAppend(&text, " ", kRequestsKey, line.requests_per_minute);
  }
  if (line.inject_bytes_per_hour > 0) {
    absl::StrAppend(&text, " ", kBytesKey, line.inject_bytes_per_hour);
  }
  return text;
}

absl::StatusOr<TokenLine> ParseTokenLine(absl::string_view text) {
  const std::vector<absl::string_view> words =
      absl::StrSplit(text, absl::ByAnyChar(" \t\r"), absl::SkipEmpty());
  if (words.size() < 3) {
    return absl::InvalidArgumentError("a line is NAME SCOPES sha256:HASH, and quotas after it");
  }
  TokenLine line;
  // It may be a token in the wrong place.
  if (!IsTokenName(words[0])) {
    return absl::InvalidArgumentError(
        "the name must be 1 to 64 letters, digits or any of \"-_.\", and no token");
  }
  line.name = std::string(words[0]);
  if (absl::StatusOr<Scopes> scopes = ParseScopes(words[1]); scopes.ok()) {
    line.scopes = *std::move(scopes);
  } else {
    return absl::InvalidArgumentError(
        "the second word must be some of query, inject, admin, with commas between them");
  }
  IMPRINT_ASSIGN_OR_RETURN(line.sha256, ParseHash(words[2]));
  for (size_t i = 3; i < words.size(); ++i) IMPRINT_RETURN_IF_ERROR(ParseQuota(words[i], &line));
  return line;
}

}  // namespace imprint
