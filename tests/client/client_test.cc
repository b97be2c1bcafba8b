// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "imprint/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <string>

#include "client/poll.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "tests/client/fake_server.h"

namespace imprint::client {
namespace {

using ::testing::HasSubstr;

TEST(Client, ReceivesAnExperienceLargerThanTheDefaultLimit) {
  constexpr size_t kBytes = size_t{5} << 20;
  FakeServer server;
  server.world().Put(1, v1::EXPERIENCE_STATE_READY);
  server.world().experiences[1].mutable_content()->set_text(std::string(kBytes, 'x'));

  grpc::ClientContext context;
  v1::GetExperienceRequest request;
  request.set_name("experiences/1");
  v1::GetExperienceResponse response;
  const grpc::Status status = server.client().imprint().GetExperience(&context, request, &response);

  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.experience().content().text().size(), kBytes);
}

TEST(ClientMake, KeepsATokenOnThisMachineWithoutTls) {
  ClientOptions options;
  options.token = "abc";
  for (const char* server : {"127.0.0.1:1", "localhost:1", "[::1]:1", "unix:/run/imprint"}) {
    options.server = server;
    EXPECT_TRUE(Client::Make(options).ok()) << server;
  }
  for (const char* server : {"10.0.0.1:1", "imprint:1", "127.0.0.1.example.org:1"}) {
    options.server = server;
    options.allow_insecure_token = false;
    const absl::Status status = Client::Make(options).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << server;
    EXPECT_THAT(std::string(status.message()), HasSubstr("--tls_ca"));
    options.allow_insecure_token = true;
    EXPECT_TRUE(Client::Make(options).ok());
  }
}

TEST(ClientMake, GoesThroughNoProxyToThisMachine) {
  ASSERT_EQ(::setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
  FakeServer server;
  grpc::ClientContext context;
  server.client().Prepare(context);
  v1::GetStatusResponse response;
  const grpc::Status status = server.client().admin().GetStatus(&context, {}, &response);
  ::unsetenv("http_proxy");
  EXPECT_TRUE(status.ok()) << status.error_message();
}

TEST(ClientMake, RefusesWhatDoesNotGoTogether) {
  const auto is_made = [](const std::function<void(ClientOptions&)>& change) {
    ClientOptions options;
    change(options);
    return Client::Make(options).ok();
  };
  EXPECT_FALSE(is_made([](ClientOptions& options) { options.tls_ca = "/nowhere.pem"; }));
  EXPECT_FALSE(is_made([](ClientOptions& options) { options.tls_cert = "a.pem"; }));
  EXPECT_FALSE(is_made([](ClientOptions& options) {
    options.tls_cert = "a.pem";
    options.tls_key = "b.pem";
  }));
  EXPECT_FALSE(is_made([](ClientOptions& options) { options.token = "two words"; }));
  EXPECT_FALSE(is_made([](ClientOptions& options) { options.token_file = "/nowhere"; }));
}

TEST(AwaitIntegrated, ReturnsWhatArrived) {
  FakeServer server;
  server.world().Put(1, v1::EXPERIENCE_STATE_READY);
  int looks = 0;
  server.world().on_get = [&looks](FakeWorld& world) {
    if (++looks == 2) world.Put(1, v1::EXPERIENCE_STATE_INTEGRATED);
  };
  v1::Experience experience;
  experience.set_name("experiences/1");

  const grpc::Status status = AwaitIntegrated(server.client(), absl::Minutes(1), experience);

  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(experience.state(), v1::EXPERIENCE_STATE_INTEGRATED);
  EXPECT_EQ(server.world().last_view, v1::EXPERIENCE_VIEW_STATE);
}

TEST(AwaitIntegrated, EndsWhereItWillNotArrive) {
  FakeServer server;
  server.world().Put(1, v1::EXPERIENCE_STATE_QUARANTINED, "the gate said no");
  server.world().Put(2, v1::EXPERIENCE_STATE_READY);
  const auto wait = [&server](const std::string& name, absl::Duration timeout) {
    v1::Experience experience;
    experience.set_name(name);
    return AwaitIntegrated(server.client(), timeout, experience);
  };

  const grpc::Status aside = wait("experiences/1", absl::Minutes(1));
  EXPECT_EQ(aside.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(aside.error_message(), HasSubstr("the gate said no"));
  EXPECT_EQ(wait("experiences/2", absl::ZeroDuration()).error_code(),
            grpc::StatusCode::DEADLINE_EXCEEDED);
  server.world().status.set_job_awaiting_approval("jobs/3");
  const grpc::Status awaits = wait("experiences/2", absl::Minutes(1));
  EXPECT_EQ(awaits.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(awaits.error_message(), HasSubstr("jobs/3 awaits approval"));
  server.world().status.set_updates_paused(true);
  EXPECT_THAT(wait("experiences/2", absl::Minutes(1)).error_message(), HasSubstr("paused"));
}

TEST(AwaitIntegrated, GoesOnWhereAQuotaIsUsedUpAndAsksNotForWhatItMayNotSee) {
  FakeServer server;
  server.world().Put(1, v1::EXPERIENCE_STATE_READY);
  server.world().refusals = {QuotaUsedUp(absl::Milliseconds(1)),
                             QuotaUsedUp(absl::Milliseconds(1))};
  server.world().status_refusal = grpc::Status(grpc::StatusCode::PERMISSION_DENIED, "admin");
  server.world().on_get = [looks = 0](FakeWorld& world) mutable {
    if (++looks == 2) world.Put(1, v1::EXPERIENCE_STATE_INTEGRATED);
  };
  v1::Experience experience;
  experience.set_name("experiences/1");

  const grpc::Status status = AwaitIntegrated(server.client(), absl::Minutes(1), experience);

  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(server.world().status_looks, 1);
}

TEST(Poll, AsksLessOftenThenEveryTwoSeconds) {
  Poll poll;
  EXPECT_EQ(poll.Next(), absl::Milliseconds(200));
  EXPECT_EQ(poll.Next(), absl::Milliseconds(300));
  for (int i = 0; i < 10; ++i) poll.Next();
  EXPECT_EQ(poll.Next(), absl::Seconds(2));
}

TEST(DescribeError, NamesTheServerThatDoesNotAnswer) {
  EXPECT_THAT(DescribeError(grpc::Status(grpc::StatusCode::UNAVAILABLE, "refused"), "host:1"),
              HasSubstr("host:1 (--server)"));
  EXPECT_THAT(DescribeError(grpc::Status(grpc::StatusCode::DEADLINE_EXCEEDED, "x"), "host:1"),
              HasSubstr("no answer in time"));
}

TEST(DescribeError, SaysAFieldsErrorOnce) {
  google::rpc::BadRequest bad;
  auto& violation = *bad.add_field_violations();
  violation.set_field("max_tokens");
  violation.set_description("is -1");
  google::rpc::Status details;
  details.add_details()->PackFrom(bad);

  const auto describe = [&details](const std::string& message) {
    return DescribeError(
        grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, message, details.SerializeAsString()),
        "host:1");
  };

  EXPECT_EQ(describe("max_tokens: is -1"), "max_tokens: is -1");
  EXPECT_EQ(describe("two fields are wrong"), "two fields are wrong\n  max_tokens: is -1");
}

// As when a stream is removed at its deadline: "Stream removed (Deadline Exceeded)".
TEST(DescribeError, KeepsTheServersWordsWhereGrpcLostItsOwnCopy) {
  google::rpc::Status details;
  details.set_message("the request's deadline passed");
  EXPECT_EQ(DescribeError(grpc::Status(grpc::StatusCode::DEADLINE_EXCEEDED, "Stream removed",
                                       details.SerializeAsString()),
                          "host:1"),
            "the request's deadline passed");
}

}  // namespace
}  // namespace imprint::client
