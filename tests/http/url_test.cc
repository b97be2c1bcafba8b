// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/http/url.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/testing/status_matchers.h"

namespace imprint::http {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(UrlTest, SchemeAndHostAreWhatTheClientConnectsTo) {
  const auto https = ParseUrl("https://models.example:8443/v1");
  const auto short_form = ParseUrl("HTTP://127.1/v1");
  const auto ipv6 = ParseUrl("http://[::1]:8000/v1");

  IMPRINT_ASSERT_OK(https);
  EXPECT_EQ(https->scheme, "https");
  EXPECT_EQ(https->host, "models.example");
  IMPRINT_ASSERT_OK(short_form);
  EXPECT_EQ(short_form->scheme, "http");
  EXPECT_EQ(short_form->host, "127.0.0.1");
  IMPRINT_ASSERT_OK(ipv6);
  EXPECT_EQ(ipv6->host, "[::1]");
}

TEST(UrlTest, OnlyAbsoluteHttpUrlsWithoutExtras) {
  for (const char* url : {"", "models.example/v1", "/v1", "ftp://models.example/v1",
                          "file:///etc/passwd", "https://", "https://models.example:x/v1",
                          "https://models.example/v1?key=1", "https://models.example/v1#a"}) {
    EXPECT_EQ(ParseUrl(url).status().code(), absl::StatusCode::kInvalidArgument) << url;
  }
}

TEST(UrlTest, APasswordIsRefusedAndNotRepeated) {
  for (const char* url :
       {"https://user:hunter2@models.example/v1", "https://user:hunter2@models.example:x/v1"}) {
    const auto refused = ParseUrl(url);
    ASSERT_FALSE(refused.ok()) << url;
    EXPECT_THAT(refused.status().ToString(), Not(HasSubstr("hunter2")));
  }
}

}  // namespace
}  // namespace imprint::http
