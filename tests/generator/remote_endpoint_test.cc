// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/generator/remote_endpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/file_util.h"
#include "server/metrics/metrics.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/http_server.h"
#include "tests/generator/completion.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace imprint::generator {
namespace {

using fakes::HttpReply;
using fakes::HttpRequest;
using fakes::HttpServer;
using imprint::testing::AsJson;
using imprint::testing::Completion;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

bool Never() { return false; }

HttpReply Good() { return {.body = Completion(AsJson({{"Who built it?", "Otto Senn."}}))}; }
HttpReply Bad(int status, std::vector<std::string> headers = {}) {
  return {.status = status, .body = "sk-123 was not taken", .headers = std::move(headers)};
}

// An endpoint behind a real server, which gives the replies of `script_` in order, the last
// one again and again. Pauses are noted and take no time.
class RemoteEndpointTest : public ::testing::Test {
 protected:
  void Open(RemoteOptions options = {}) {
    if (options.endpoint.empty()) options.endpoint = server_.Url("/v1");
    options.model = "big-model";
    auto endpoint = RemoteEndpoint::Open(
        options, metrics_.generator(),
        [this](absl::Duration pause, const auto&) { pauses_.push_back(pause); }, &clock_);
    IMPRINT_ASSERT_OK(endpoint);
    endpoint_ = *std::move(endpoint);
  }

  absl::StatusOr<std::vector<Exchange>> Ask() { return endpoint_->Ask("{}", 10, Never); }

  double Counted(const std::string& result) {
    return metrics_.generator()->remote_requests.at(result)->Value();
  }

  std::vector<HttpReply> script_;
  size_t next_ = 0;
  HttpServer server_{[this](const HttpRequest&) {
    return script_[next_ + 1 < script_.size() ? next_++ : script_.size() - 1];
  }};
  metrics::Metrics metrics_;
  fakes::FakeClock clock_;
  std::vector<absl::Duration> pauses_;
  std::unique_ptr<RemoteEndpoint> endpoint_;
};

TEST_F(RemoteEndpointTest, AsksForCompletionsWithTheKey) {
  script_ = {Good()};
  imprint::testing::TempDir dir;
  IMPRINT_ASSERT_OK(WriteFileAtomically(dir / "key", "sk-123\n"));
  Open({.endpoint = server_.Url("/v1/"), .key_file = dir / "key"});

  const auto exchanges = Ask();

  IMPRINT_ASSERT_OK(exchanges);
  ASSERT_THAT(*exchanges, SizeIs(1));
  EXPECT_EQ(exchanges->front().answer, "Otto Senn.");
  ASSERT_THAT(server_.requests(), SizeIs(1));
  EXPECT_EQ(server_.requests().front().line, "POST /v1/chat/completions HTTP/1.1");
  EXPECT_EQ(server_.requests().front().headers.at("authorization"), "Bearer sk-123");
  EXPECT_EQ(Counted("ok"), 1);
}

TEST_F(RemoteEndpointTest, TriesAgainAfterLongerAndLongerPauses) {
  script_ = {Bad(500), Bad(503), {.body = "nonsense"}, Good()};
  Open({.first_pause = absl::Seconds(1), .max_pause = absl::Seconds(3)});

  IMPRINT_EXPECT_OK(Ask());

  EXPECT_THAT(pauses_, ElementsAre(absl::Seconds(1), absl::Seconds(2), absl::Seconds(3)));
  EXPECT_EQ(Counted("server_error"), 2);
  EXPECT_EQ(Counted("unusable"), 1);
  EXPECT_EQ(Counted("ok"), 1);
}

TEST_F(RemoteEndpointTest, WaitsAsLongAsItIsAskedToUpToABound) {
  script_ = {Bad(429, {"Retry-After: 7"}), Bad(503, {"Retry-After: 86400"}), Good()};
  Open({.first_pause = absl::Seconds(1), .max_pause = absl::Seconds(30)});

  IMPRINT_EXPECT_OK(Ask());

  EXPECT_THAT(pauses_, ElementsAre(absl::Seconds(7), absl::Seconds(30)));
  EXPECT_EQ(Counted("busy"), 1);
}

TEST_F(RemoteEndpointTest, GivesUpAfterAFewAttemptsAndLeavesItAloneForLongerAndLonger) {
  script_ = {Bad(500)};
  Open();

  EXPECT_FALSE(Ask().ok());
  EXPECT_THAT(server_.requests(), SizeIs(4));
  EXPECT_EQ(Ask().status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(server_.requests(), SizeIs(4))
      << "a hundred chunks do not wait for a hundred timeouts";
  clock_.Advance(RemoteEndpoint::kFirstRest);
  EXPECT_FALSE(Ask().ok());
  EXPECT_THAT(server_.requests(), SizeIs(5));
  clock_.Advance(RemoteEndpoint::kFirstRest);
  EXPECT_FALSE(Ask().ok());
  EXPECT_THAT(server_.requests(), SizeIs(5)) << "the second rest is longer";
  clock_.Advance(RemoteEndpoint::kFirstRest);

  script_ = {Good()};
  IMPRINT_EXPECT_OK(Ask());
  script_ = {Bad(500)};
  EXPECT_FALSE(Ask().ok());
  EXPECT_THAT(server_.requests(), SizeIs(10)) << "it is trusted again";
}

TEST_F(RemoteEndpointTest, ARequestThatItDoesNotTakeSaysNothingOfTheNext) {
  script_ = {Bad(400), Bad(413), Bad(422), Good()};
  Open();

  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(Ask().status().code(), absl::StatusCode::kInvalidArgument);
  }

  IMPRINT_EXPECT_OK(Ask());
}

TEST_F(RemoteEndpointTest, NothingToAskIsNoFailure) {
  script_ = {{.body = Completion("[]")}};
  Open();

  const auto exchanges = Ask();

  IMPRINT_ASSERT_OK(exchanges);
  EXPECT_THAT(*exchanges, IsEmpty());
  EXPECT_EQ(Counted("ok"), 1);
}

TEST_F(RemoteEndpointTest, ARefusalIsNotTriedAgain) {
  for (const auto& [status, hint] :
       std::vector<std::pair<int, std::string>>{{401, "--generator.endpoint_key_file"},
                                                {404, "--generator.endpoint_model"},
                                                {400, "400"},
                                                {302, "redirects are not followed"}}) {
    script_ = {Bad(status)};
    Open();
    const size_t before = server_.requests().size();

    const auto refused = Ask();

    EXPECT_EQ(server_.requests().size(), before + 1) << status;
    EXPECT_THAT(refused.status().ToString(), HasSubstr(hint));
    EXPECT_THAT(refused.status().ToString(), ::testing::Not(HasSubstr("sk-123")));
  }
  EXPECT_EQ(Counted("refused"), 4);
}

TEST_F(RemoteEndpointTest, NobodyThereIsTriedAgain) {
  std::string url;
  {
    HttpServer gone([](const HttpRequest&) { return HttpReply(); });
    url = gone.Url("/v1");
  }
  Open({.endpoint = url});

  EXPECT_FALSE(Ask().ok());
  EXPECT_EQ(Counted("unreachable"), 4);
}

TEST_F(RemoteEndpointTest, SilenceIsNotTriedAgain) {
  script_ = {{.never = true}};
  Open({.timeout = absl::Milliseconds(50)});

  EXPECT_FALSE(Ask().ok());
  EXPECT_EQ(Counted("timeout"), 1);
  EXPECT_THAT(pauses_, IsEmpty());
}

TEST_F(RemoteEndpointTest, AnEndlessResponseIsNotTriedAgain) {
  script_ = {{.body = std::string(2 << 20, 'x')}};
  Open();

  EXPECT_FALSE(Ask().ok());
  EXPECT_EQ(Counted("unusable"), 1);
  EXPECT_THAT(pauses_, IsEmpty());
}

TEST_F(RemoteEndpointTest, CancelEndsTheAttempts) {
  script_ = {Bad(500)};
  Open();

  const auto cancelled = [this] { return !pauses_.empty(); };
  EXPECT_EQ(endpoint_->Ask("{}", 10, cancelled).status().code(), absl::StatusCode::kCancelled);
  EXPECT_THAT(server_.requests(), SizeIs(1));
}

TEST_F(RemoteEndpointTest, CancelEndsAWait) {
  int asked = 0;
  // Would take an hour otherwise.
  RemoteEndpoint::WaitInSteps(absl::Hours(1), [&asked] { return ++asked > 2; });
  EXPECT_EQ(asked, 3);
}

TEST_F(RemoteEndpointTest, WhatIsWrongIsSaidAtTheStart) {
  RemoteOptions options = {.endpoint = server_.Url("/v1"), .model = "m", .ca_file = "no/such.pem"};
  EXPECT_THAT(RemoteEndpoint::Open(options, metrics_.generator()).status().ToString(),
              HasSubstr("--generator.endpoint_ca"));
  options = {.endpoint = server_.Url("/v1"), .model = "m", .key_file = "no/such.key"};
  EXPECT_THAT(RemoteEndpoint::Open(options, metrics_.generator()).status().ToString(),
              HasSubstr("--generator.endpoint_key_file"));
}

}  // namespace
}  // namespace imprint::generator
