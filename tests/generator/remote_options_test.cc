// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/generator/remote_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "common/file_util.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace imprint::generator {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

RemoteOptions To(const std::string& endpoint) { return {.endpoint = endpoint, .model = "m"}; }

std::string ErrorOf(const RemoteOptions& options) {
  return std::string(CheckRemoteOptions(options).message());
}

TEST(RemoteOptionsTest, HttpsGoesAnywhereAndHttpOnlyHere) {
  IMPRINT_EXPECT_OK(CheckRemoteOptions({}));
  IMPRINT_EXPECT_OK(CheckRemoteOptions(To("https://models.example/v1")));
  IMPRINT_EXPECT_OK(CheckRemoteOptions(To("http://127.0.0.1:8000/v1")));
  IMPRINT_EXPECT_OK(CheckRemoteOptions(To("http://localhost/v1")));

  RemoteOptions in_the_clear = To("http://models.example/v1");
  EXPECT_THAT(ErrorOf(in_the_clear), HasSubstr("--generator.endpoint_insecure"));
  in_the_clear.insecure = true;
  IMPRINT_EXPECT_OK(CheckRemoteOptions(in_the_clear));
}

TEST(RemoteOptionsTest, ErrorsNameTheFlag) {
  EXPECT_THAT(ErrorOf(To("models.example")), HasSubstr("--generator.endpoint:"));
  EXPECT_THAT(ErrorOf({.endpoint = "https://models.example"}),
              HasSubstr("--generator.endpoint_model"));
  EXPECT_THAT(ErrorOf({.model = "m"}), HasSubstr("--generator.endpoint_model"));
  EXPECT_THAT(ErrorOf({.key_file = "k"}), HasSubstr("--generator.endpoint_key_file"));
  EXPECT_THAT(ErrorOf({.ca_file = "c"}), HasSubstr("--generator.endpoint_ca"));
  EXPECT_THAT(ErrorOf({.insecure = true}), HasSubstr("--generator.endpoint_insecure"));
  RemoteOptions at_once = To("https://models.example");
  at_once.timeout = absl::ZeroDuration();
  EXPECT_THAT(ErrorOf(at_once), HasSubstr("--generator.endpoint_timeout"));
}

class KeyFileTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::string> ReadFrom(const std::string& contents, mode_t mode) {
    RemoteOptions options = To("https://models.example");
    options.key_file = dir_ / "key";
    IMPRINT_EXPECT_OK(WriteFileAtomically(options.key_file, contents));
    std::filesystem::permissions(options.key_file, static_cast<std::filesystem::perms>(mode));
    return ReadKey(options);
  }

  imprint::testing::TempDir dir_;
};

TEST_F(KeyFileTest, KeyIsReadWithoutItsLineEnd) {
  const auto key = ReadFrom("sk-123\n", 0600);

  IMPRINT_ASSERT_OK(key);
  EXPECT_EQ(*key, "sk-123");
}

TEST_F(KeyFileTest, AGroupMayReadItAndEverybodyMayNot) {
  IMPRINT_EXPECT_OK(ReadFrom("sk-123", 0440));

  const auto open = ReadFrom("sk-123", 0644);
  EXPECT_EQ(open.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(open.status().ToString(), HasSubstr((dir_ / "key").string()));
}

TEST_F(KeyFileTest, OnlyOneWordIsAKeyAndItIsNotRepeated) {
  for (const char* contents : {"", "\n", "sk-123 sk-456", "sk-123\r\nX-Evil: 1", "sk-\x01"}) {
    const auto refused = ReadFrom(contents, 0600);
    EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument) << contents;
    EXPECT_THAT(refused.status().ToString(), Not(HasSubstr("sk-")));
  }
}

TEST_F(KeyFileTest, AFileThatIsNotThereIsNamed) {
  RemoteOptions options = To("https://models.example");
  options.key_file = dir_ / "none";

  const auto key = ReadKey(options);
  EXPECT_EQ(key.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(key.status().ToString(), HasSubstr("--generator.endpoint_key_file"));
}

}  // namespace
}  // namespace imprint::generator
