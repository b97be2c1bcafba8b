// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/auth/tokens.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <memory>
#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/file_util.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "spdlog/sinks/ostream_sink.h"
#include "spdlog/spdlog.h"
#include "tests/fakes/fake_clock.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace imprint::auth {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// While it lives, no file can be opened (EMFILE).
class NoDescriptors {
 public:
  NoDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit none = {0, before_.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &none);
  }
  ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  NoDescriptors(const NoDescriptors&) = delete;
  NoDescriptors& operator=(const NoDescriptors&) = delete;

 private:
  rlimit before_ = {};
};

class TokensTest : public ::testing::Test {
 protected:
  void Write(const std::string& text, mode_t mode = 0600) {
    IMPRINT_ASSERT_OK(WriteFileAtomically(file_, text, mode));
    ASSERT_EQ(::chmod(file_.c_str(), mode), 0);
  }
  absl::StatusOr<std::unique_ptr<Tokens>> Open() {
    return Tokens::Open(file_, metrics_.auth(), &clock_);
  }
  static std::string LineOf(const std::string& name, const std::string& token) {
    return absl::StrCat(
        FormatTokenLine({.name = name, .scopes = {Scope::kQuery}, .sha256 = TokenDigest(token)}),
        "\n");
  }

  testing::TempDir folder_;
  const std::filesystem::path file_ = folder_ / "tokens";
  fakes::FakeClock clock_;
  metrics::Metrics metrics_;
};

TEST_F(TokensTest, FindsATokenByItsHash) {
  const std::string token = NewToken();
  Write(absl::StrCat("# ours\n\n", LineOf("a", NewToken()), LineOf("b", token)));
  IMPRINT_ASSERT_OK_AND_ASSIGN(const auto tokens, Open());
  ASSERT_NE(tokens->Find(token), nullptr);
  EXPECT_EQ(tokens->Find(token)->line.name, "b");
  EXPECT_EQ(tokens->Find(NewToken()), nullptr);
  EXPECT_EQ(tokens->Find(""), nullptr);
}

TEST_F(TokensTest, AFileThatOthersMayReadIsRefused) {
  Write(LineOf("a", NewToken()), 0604);
  EXPECT_THAT(Open().status(),
              imprint::testing::IsError(absl::StatusCode::kFailedPrecondition,
                                        AllOf(HasSubstr(file_.string()), HasSubstr("chmod o="))));
  Write(LineOf("a", NewToken()), 0660);
  EXPECT_THAT(Open().status(), imprint::testing::IsError(absl::StatusCode::kFailedPrecondition,
                                                         HasSubstr("chmod g-w")));
  Write(LineOf("a", NewToken()), 0640);
  EXPECT_TRUE(Open().ok());
}

TEST_F(TokensTest, ABadFileNamesTheLineAndNotWhatMayBeAToken) {
  const std::string token = NewToken();
  for (const std::string& line :
       {absl::StrCat("a query ", token), absl::StrCat("a ", token, " query"),
        absl::StrCat("!", token, " query sha256:x"), token}) {
    Write(absl::StrCat(LineOf("b", NewToken()), line, "\n"));
    const absl::Status status = Open().status();
    EXPECT_THAT(status, imprint::testing::IsError(absl::StatusCode::kInvalidArgument,
                                                  HasSubstr("line 2: ")));
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr(token)));
  }
}

TEST_F(TokensTest, TwoOfOneNameAreRefused) {
  Write(LineOf("a", NewToken()) + LineOf("a", NewToken()));
  EXPECT_THAT(Open().status(), imprint::testing::IsError(absl::StatusCode::kInvalidArgument,
                                                         HasSubstr("a is there already")));
}

TEST_F(TokensTest, TwoOfOneHashAreNamed) {
  const std::string token = NewToken();
  Write(absl::StrCat(LineOf("a", token), "\n", LineOf("b", NewToken()), LineOf("c", token)));
  EXPECT_THAT(Open().status(), imprint::testing::IsError(absl::StatusCode::kInvalidArgument,
                                                         HasSubstr("lines 1 and 4 have one hash")));
}

TEST_F(TokensTest, ABadFileLaterLeavesTheTokensOfBefore) {
  const std::string token = NewToken();
  Write(LineOf("a", token));
  IMPRINT_ASSERT_OK_AND_ASSIGN(const auto tokens, Open());
  EXPECT_THAT(metrics_.Text(), HasSubstr("imprint_auth_tokens_file_bad 0"));

  Write("rubbish\n");
  EXPECT_FALSE(tokens->Refresh().ok());
  EXPECT_NE(tokens->Find(token), nullptr);
  EXPECT_THAT(metrics_.Text(), HasSubstr("imprint_auth_tokens_file_bad 1"));
  // Said once.
  IMPRINT_EXPECT_OK(tokens->Refresh());

  ASSERT_TRUE(std::filesystem::remove(file_));
  EXPECT_FALSE(tokens->Refresh().ok());
  EXPECT_NE(tokens->Find(token), nullptr);

  const std::string other = NewToken();
  Write(LineOf("a", other));
  IMPRINT_EXPECT_OK(tokens->Refresh());
  EXPECT_EQ(tokens->Find(token), nullptr);
  EXPECT_NE(tokens->Find(other), nullptr);
  EXPECT_THAT(metrics_.Text(), HasSubstr("imprint_auth_tokens_file_bad 0"));
}

// A revocation was lost until the file was touched again.
TEST_F(TokensTest, AFileThatCouldNotBeReadIsTriedAgain) {
  const std::string token = NewToken();
  Write(LineOf("a", token));
  std::ostringstream log;
  const std::shared_ptr<spdlog::logger> before = spdlog::default_logger();
  spdlog::set_default_logger(std::make_shared<spdlog::logger>(
      "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(log)));
  IMPRINT_ASSERT_OK_AND_ASSIGN(auto tokens, Open());
  IMPRINT_ASSERT_OK(WriteFileAtomically(folder_ / "next", LineOf("a", NewToken())));
  {
    const NoDescriptors none;
    std::filesystem::rename(folder_ / "next", file_);
    EXPECT_FALSE(tokens->Refresh().ok());
    EXPECT_FALSE(tokens->Refresh().ok());
  }
  EXPECT_NE(tokens->Find(token), nullptr);
  EXPECT_THAT(metrics_.Text(), HasSubstr("imprint_auth_tokens_file_bad 1"));
  IMPRINT_EXPECT_OK(tokens->Refresh());
  EXPECT_EQ(tokens->Find(token), nullptr);
  EXPECT_THAT(metrics_.Text(), HasSubstr("imprint_auth_tokens_file_bad 0"));
  tokens.reset();
  spdlog::set_default_logger(before);
  const std::string said = log.str();
  EXPECT_NE(said.find("stay in force"), std::string::npos);
  EXPECT_EQ(said.find("stay in force"), said.rfind("stay in force"));
}

TEST_F(TokensTest, AnEmptyFileLetsNobodyIn) {
  Write("");
  IMPRINT_ASSERT_OK_AND_ASSIGN(const auto tokens, Open());
  EXPECT_EQ(tokens->Find(""), nullptr);
}

}  // namespace
}  // namespace imprint::auth
