// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/rpc/errors.h"

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/rpc/details.h"

namespace imprint::rpc {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;

TEST(ErrorsTest, OkStaysOk) {
  EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).ok());
  EXPECT_TRUE(WithReason(absl::OkStatus(), kReasonDraining).ok());
}

TEST(ErrorsTest, EveryErrorCarriesErrorInfo) {
  const grpc::Status status = ToGrpcStatus(absl::InternalError("the disk said no"));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INTERNAL);
  EXPECT_EQ(status.error_message(), "the disk said no");
  const auto info = DetailOf<google::rpc::ErrorInfo>(status);
  ASSERT_TRUE(info.has_value());
  EXPECT_EQ(info->domain(), "imprint");
  EXPECT_EQ(info->reason(), "INTERNAL");
}

TEST(ErrorsTest, ReasonAndMetadataReachTheClient) {
  const grpc::Status status = ToGrpcStatus(WithReason(absl::NotFoundError("there is no versions/9"),
                                                      kReasonVersionNotFound, {{"version", "9"}}));
  const auto info = DetailOf<google::rpc::ErrorInfo>(status);
  ASSERT_TRUE(info.has_value());
  EXPECT_EQ(info->reason(), "VERSION_NOT_FOUND");
  EXPECT_EQ(info->metadata().at("version"), "9");
}

TEST(ErrorsTest, FieldErrorsNameEveryField) {
  FieldErrors errors;
  errors.Add("content.text", "is empty");
  errors.AddIfError("name", absl::InvalidArgumentError("is not a name"));
  errors.AddIfError("labels", absl::OkStatus());
  const grpc::Status status = ToGrpcStatus(errors.ToStatus());
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(), "content.text: is empty (and 1 more)");
  EXPECT_EQ(ReasonOf(status), "INVALID_FIELD");
  EXPECT_THAT(BadFields(status), ElementsAre("content.text", "name"));
}

// A client takes 8 KiB of trailing metadata; with more it was told RESOURCE_EXHAUSTED.
TEST(ErrorsTest, LongListOfViolationsIsCutToWhatAClientTakes) {
  FieldErrors errors;
  for (int i = 0; i < 2000; ++i) {
    errors.Add(absl::StrCat("messages[", i, "].content"), std::string(1000, 'x'));
  }

  const grpc::Status status = ToGrpcStatus(errors.ToStatus());

  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), EndsWith("... (and 1999 more, of which 19 are listed)"));
  EXPECT_EQ(BadFields(status).size(), static_cast<size_t>(kMaxViolations));
  EXPECT_EQ(BadFields(status).back(), "messages[19].content");
  EXPECT_LT(status.error_details().size() + status.error_message().size(), 8000u);
}

TEST(ErrorsTest, LongMessageIsCut) {
  const grpc::Status status = ToGrpcStatus(absl::InternalError(std::string(100'000, 'x')));
  EXPECT_EQ(status.error_message().size(), kMaxMessageBytes);
  EXPECT_THAT(status.error_message(), EndsWith("x..."));
  EXPECT_LT(status.error_details().size(), 2000u);
}

TEST(ErrorsTest, CutsFallBetweenCharacters) {
  EXPECT_EQ(Shortened("a\u00e9", 3), "a\u00e9");
  EXPECT_EQ(Shortened("a\u00e9", 2), "a");
  EXPECT_EQ(Shortened("\u6771", 2), "");
  EXPECT_EQ(Shortened("", 0), "");
}

TEST(ErrorsTest, NoFieldErrorsAreOk) { EXPECT_TRUE(FieldErrors().ToStatus().ok()); }

TEST(ErrorsTest, RetryInfoOnlyWhereRetryingHelps) {
  for (const absl::Status& status :
       {absl::ResourceExhaustedError("full"), absl::UnavailableError("draining"),
        absl::AbortedError("its version was drained")}) {
    const auto retry = DetailOf<google::rpc::RetryInfo>(ToGrpcStatus(status));
    ASSERT_TRUE(retry.has_value()) << status;
    EXPECT_GT(retry->retry_delay().seconds() * 1e9 + retry->retry_delay().nanos(), 0) << status;
  }
  for (const absl::Status& status :
       {absl::InvalidArgumentError("bad"), absl::NotFoundError("none"),
        absl::FailedPreconditionError("paused"), absl::InternalError("broken")}) {
    EXPECT_FALSE(DetailOf<google::rpc::RetryInfo>(ToGrpcStatus(status)).has_value()) << status;
  }
}

TEST(ErrorsTest, ReasonCanBeChangedWithoutLosingFields) {
  const grpc::Status status =
      ToGrpcStatus(WithReason(FieldError("content.text", "is not UTF-8"), kReasonInvalidUtf8));
  EXPECT_EQ(ReasonOf(status), "INVALID_UTF8");
  EXPECT_THAT(BadFields(status), ElementsAre("content.text"));
}

}  // namespace
}  // namespace imprint::rpc
