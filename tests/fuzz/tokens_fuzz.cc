// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// The file of --auth.tokens_file. A line that is taken can be written and read again; an error
// never says what may be a token.

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "common/token_line.h"
#include "server/auth/tokens.h"
#include "spdlog/spdlog.h"
#include "tests/fuzz/fuzz.h"

namespace imprint::fuzz {
namespace {

void CheckLine(absl::string_view text) {
  const absl::StatusOr<TokenLine> line = ParseTokenLine(text);
  if (!line.ok()) return;
  FUZZ_CHECK(IsTokenName(line->name));
  FUZZ_CHECK(!line->scopes.empty());
  FUZZ_CHECK(line->sha256.size() == 32);
  FUZZ_CHECK(line->requests_per_minute >= 0 && line->inject_bytes_per_hour >= 0);
  const std::string written = FormatTokenLine(*line);
  const absl::StatusOr<TokenLine> again = ParseTokenLine(written);
  FUZZ_CHECK(again.ok());
  FUZZ_CHECK(FormatTokenLine(*again) == written);
  FUZZ_CHECK(again->name == line->name && again->scopes == line->scopes);
  FUZZ_CHECK(again->sha256 == line->sha256);
}

// No word of the file that may be a token is in what is said about it.
void CheckSaysNoToken(absl::string_view file, absl::string_view said) {
  for (absl::string_view word : absl::StrSplit(file, absl::ByAnyChar(" \t\r\n,"))) {
    if (word.size() >= 51 && absl::StartsWith(word, "imprint_")) {
      FUZZ_CHECK(!absl::StrContains(said, word.substr(0, 51)));
    }
  }
}

}  // namespace
}  // namespace imprint::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  spdlog::set_level(spdlog::level::off);
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  for (absl::string_view line : absl::StrSplit(text, '\n')) imprint::fuzz::CheckLine(line);
  const auto path =
      imprint::fuzz::WriteScratch("tokens", {reinterpret_cast<const char*>(data), size});
  const auto tokens = imprint::auth::Tokens::Open(path, nullptr, imprint::Clock::Real());
  if (tokens.ok()) {
    FUZZ_CHECK((*tokens)->Find(text) == nullptr || size <= 64);
    FUZZ_CHECK((*tokens)->Refresh().ok());
  } else {
    imprint::fuzz::CheckSaysNoToken(text, tokens.status().message());
  }
  return 0;
}
