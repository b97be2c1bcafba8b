// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "common/token_line.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/status_matchers.h"

namespace imprint {
namespace {

using ::testing::MatchesRegex;

const char kHash[] = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

TEST(TokenLine, IsReadAsItWasWritten) {
  const TokenLine line = {.name = "agent-1",
                          .scopes = {Scope::kInject, Scope::kQuery},
                          .sha256 = TokenDigest("abc"),
                          .requests_per_minute = 600,
                          .inject_bytes_per_hour = 1'000'000};
  const std::string text = FormatTokenLine(line);
  EXPECT_EQ(text, absl::StrCat("agent-1 query,inject ", kHash,
                               " requests_per_minute=600 inject_bytes_per_hour=1000000"));
  IMPRINT_ASSERT_OK_AND_ASSIGN(const TokenLine read, ParseTokenLine(text));
  EXPECT_EQ(FormatTokenLine(read), text);
}

TEST(TokenLine, WrongOnesAreRefused) {
  EXPECT_TRUE(ParseTokenLine(absl::StrCat("a\tadmin  ", kHash)).ok());
  for (const std::string& text :
       {std::string("a query"), absl::StrCat("a/b query ", kHash), absl::StrCat("a , ", kHash),
        absl::StrCat("a root ", kHash), absl::StrCat("a query ", kHash, "0"),
        absl::StrCat("a query ", kHash, " requests_per_minute=0"),
        absl::StrCat("a query ", kHash, " requests_per_minute=-1"),
        absl::StrCat("a query ", kHash, " requests_per_minute=2 requests_per_minute=3"),
        absl::StrCat(NewToken(), " query ", kHash),
        absl::StrCat("a query ", kHash, " requests=1")}) {
    EXPECT_FALSE(ParseTokenLine(text).ok()) << text;
  }
}

TEST(Token, IsOfItsOwnEachTime) {
  const std::string token = NewToken();
  EXPECT_THAT(token, MatchesRegex("imprint_[A-Za-z0-9_-]+"));
  EXPECT_EQ(token.size(), 8U + 43U);
  EXPECT_NE(NewToken(), token);
}

}  // namespace
}  // namespace imprint
