// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

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

}  // namespace
}  // namespace imprint::client
