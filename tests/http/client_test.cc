// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/http/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/fakes/http_server.h"
#include "tests/testing/status_matchers.h"

namespace imprint::http {
namespace {

using fakes::HttpReply;
using fakes::HttpRequest;
using fakes::HttpServer;

bool Never() { return false; }

TEST(HttpClientTest, PostsTheBodyWithTheKey) {
  HttpServer server([](const HttpRequest&) { return HttpReply{.body = "[1]"}; });
  const Client client({.bearer_key = "s3cret"});

  const auto response = client.PostJson(server.Url("/v1/x"), "{\"a\":1}", Never);

  IMPRINT_ASSERT_OK(response);
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->body, "[1]");
  EXPECT_EQ(response->retry_after, absl::ZeroDuration());
  ASSERT_EQ(server.requests().size(), 1U);
  const HttpRequest request = server.requests().front();
  EXPECT_EQ(request.line, "POST /v1/x HTTP/1.1");
  EXPECT_EQ(request.body, "{\"a\":1}");
  EXPECT_EQ(request.headers.at("content-type"), "application/json");
  EXPECT_EQ(request.headers.at("authorization"), "Bearer s3cret");
}

TEST(HttpClientTest, WithoutAKeyNoneIsSent) {
  HttpServer server([](const HttpRequest&) { return HttpReply{}; });

  IMPRINT_ASSERT_OK(Client({}).PostJson(server.Url("/"), "{}", Never));

  EXPECT_EQ(server.requests().front().headers.count("authorization"), 0U);
}

TEST(HttpClientTest, ABodyAsLargeAsABookGoesThrough) {
  HttpServer server([](const HttpRequest&) { return HttpReply{}; });
  const std::string book(3 << 20, 'x');

  IMPRINT_ASSERT_OK(Client({}).PostJson(server.Url("/"), book, Never));

  EXPECT_EQ(server.requests().front().body, book);
}

TEST(HttpClientTest, EveryStatusIsAResponse) {
  HttpServer server([](const HttpRequest&) {
    return HttpReply{.status = 429, .body = "slowly", .headers = {"Retry-After: 7"}};
  });

  const auto response = Client({}).PostJson(server.Url("/"), "{}", Never);

  IMPRINT_ASSERT_OK(response);
  EXPECT_EQ(response->status, 429);
  EXPECT_EQ(response->body, "slowly");
  EXPECT_EQ(response->retry_after, absl::Seconds(7));
}

TEST(HttpClientTest, RedirectsAreNotFollowed) {
  HttpServer elsewhere([](const HttpRequest&) { return HttpReply{}; });
  HttpServer server([&](const HttpRequest&) {
    return HttpReply{.status = 307,
                     .headers = {absl::StrCat("Location: ", elsewhere.Url("/taken"))}};
  });

  const auto response = Client({}).PostJson(server.Url("/"), "{}", Never);

  IMPRINT_ASSERT_OK(response);
  EXPECT_EQ(response->status, 307);
  EXPECT_TRUE(elsewhere.requests().empty());
}

TEST(HttpClientTest, TheBodyIsBounded) {
  HttpServer server([](const HttpRequest&) { return HttpReply{.body = std::string(1000, 'x')}; });

  const Client enough({.max_response_bytes = 1000});
  const Client less({.max_response_bytes = 999});

  IMPRINT_EXPECT_OK(enough.PostJson(server.Url("/"), "{}", Never));
  EXPECT_EQ(less.PostJson(server.Url("/"), "{}", Never).status().code(),
            absl::StatusCode::kResourceExhausted);
}

TEST(HttpClientTest, NobodyThereIsUnavailable) {
  std::string url;
  {
    HttpServer gone([](const HttpRequest&) { return HttpReply{}; });
    url = gone.Url("/");
  }

  EXPECT_EQ(Client({}).PostJson(url, "{}", Never).status().code(), absl::StatusCode::kUnavailable);
}

TEST(HttpClientTest, SilenceEndsAtTheTimeout) {
  HttpServer server([](const HttpRequest&) { return HttpReply{.never = true}; });
  const Client client({.timeout = absl::Milliseconds(50)});

  EXPECT_EQ(client.PostJson(server.Url("/"), "{}", Never).status().code(),
            absl::StatusCode::kDeadlineExceeded);
}

TEST(HttpClientTest, CancelEndsAWait) {
  HttpServer server([](const HttpRequest&) { return HttpReply{.never = true}; });
  const Client client({.timeout = absl::Hours(1)});

  const auto response =
      client.PostJson(server.Url("/"), "{}", [&] { return !server.requests().empty(); });

  EXPECT_EQ(response.status().code(), absl::StatusCode::kCancelled);
}

TEST(HttpClientTest, HttpsIsNotSpokenInTheClear) {
  HttpServer server([](const HttpRequest&) { return HttpReply{}; });
  const std::string url = absl::StrCat("https://127.0.0.1:", server.port(), "/");

  // The server takes the first bytes of TLS for a request that does not end.
  EXPECT_FALSE(Client({.timeout = absl::Milliseconds(200)}).PostJson(url, "{}", Never).ok());
  EXPECT_TRUE(server.requests().empty());
}

TEST(HttpClientTest, OtherSchemesAreNotSpoken) {
  EXPECT_EQ(Client({}).PostJson("file:///etc/hostname", "{}", Never).status().code(),
            absl::StatusCode::kUnavailable);
}

TEST(HttpClientTest, AProxyDoesNotGetPlainHttp) {
  HttpServer proxy([](const HttpRequest&) { return HttpReply{.body = "proxy"}; });
  HttpServer server([](const HttpRequest&) { return HttpReply{.body = "server"}; });
  ::setenv("http_proxy", proxy.Url("").c_str(), 1);

  const auto response = Client({}).PostJson(server.Url("/"), "{}", Never);
  ::unsetenv("http_proxy");

  IMPRINT_ASSERT_OK(response);
  EXPECT_EQ(response->body, "server");
}

}  // namespace
}  // namespace imprint::http
