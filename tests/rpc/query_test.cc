// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include <chrono>
#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/rpc/errors.h"
#include "tests/rpc/details.h"
#include "tests/rpc/rpc_test_base.h"

namespace imprint::rpc {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class QueryTest : public RpcTest {
 protected:
  std::unique_ptr<grpc::ClientReader<v1::QueryResponse>> Start(const v1::QueryRequest& request) {
    return imprint_->Query(&context_, request);
  }
  // The prompt of the request that the engine took, as text.
  std::string TakenPrompt() { return text_->Decode(engine_.AwaitRequest().prompt).value(); }

  // Reads what is left and gives how it ended.
  static grpc::Status ReadToEnd(grpc::ClientReader<v1::QueryResponse>* reader) {
    v1::QueryResponse response;
    while (reader->Read(&response)) {
    }
    return reader->Finish();
  }

  grpc::ClientContext context_;
};

TEST_F(QueryTest, StreamsTextWithItsVersionAndEndsWithUsage) {
  auto reader = Start(Ask("When does it open?"));
  const engine::GenerateRequest request = engine_.AwaitRequest();
  EXPECT_EQ(request.max_tokens, deps_.limits.window - static_cast<int>(request.prompt.size()));
  EXPECT_TRUE(engine_.Emit(LetterToken()));
  EXPECT_TRUE(engine_.Emit(LetterToken()));
  engine_.End(engine::GenerateResult{});

  std::string text;
  v1::QueryResponse response;
  v1::QueryResponse last;
  while (reader->Read(&response)) {
    text += response.text();
    last = response;
  }
  EXPECT_TRUE(reader->Finish().ok());
  EXPECT_EQ(text, "aa");
  EXPECT_EQ(last.version(), 0);
  EXPECT_EQ(last.finish_reason(), v1::FINISH_REASON_STOP);
  EXPECT_EQ(last.usage().output_tokens(), 2);
  EXPECT_EQ(last.usage().prompt_tokens(), static_cast<int>(request.prompt.size()));
}

TEST_F(QueryTest, SamplingIsHandedOn) {
  v1::QueryRequest ask = Ask("When?");
  ask.set_temperature(0.7F);
  ask.set_top_k(5);
  ask.set_seed(99);
  ask.set_max_tokens(3);
  auto reader = Start(ask);
  const engine::GenerateRequest request = engine_.AwaitRequest();
  EXPECT_FLOAT_EQ(request.sampling.temperature, 0.7F);
  EXPECT_FLOAT_EQ(request.sampling.top_p, 1);
  EXPECT_EQ(request.sampling.top_k, 5);
  EXPECT_EQ(request.sampling.seed, 99u);
  EXPECT_EQ(request.max_tokens, 3);
  engine_.End(absl::AbortedError("version 1 was drained"));
  const grpc::Status status = reader->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::ABORTED);
  EXPECT_TRUE(DetailOf<google::rpc::RetryInfo>(status).has_value());
}

TEST_F(QueryTest, RefusalOfTheEngineReachesTheClient) {
  engine_.Refuse(absl::ResourceExhaustedError("256 queries wait (--serve.max_waiting)"));
  auto reader = Start(Ask("When?"));
  v1::QueryResponse response;
  EXPECT_FALSE(reader->Read(&response));
  const grpc::Status status = reader->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(status.error_message(), HasSubstr("--serve.max_waiting"));
  EXPECT_TRUE(DetailOf<google::rpc::RetryInfo>(status).has_value());
}

TEST_F(QueryTest, BadRequestNeverReachesTheEngine) {
  v1::QueryRequest ask = Ask("When?");
  ask.set_max_tokens(-5);
  const grpc::Status status = Start(ask)->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(BadFields(status), ElementsAre("max_tokens"));
}

// The details did not fit what a client takes, and it was told RESOURCE_EXHAUSTED.
TEST_F(QueryTest, ManyBadMessagesAreAnInvalidArgumentToo) {
  v1::QueryRequest ask = Ask("When?");
  for (int i = 0; i < 900; ++i) ask.add_messages()->set_role("tool");
  const grpc::Status status = Start(ask)->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << status.error_message();
  EXPECT_THAT(status.error_message(), HasSubstr("more, of which"));
  EXPECT_EQ(BadFields(status).size(), static_cast<size_t>(kMaxViolations));
}

TEST_F(QueryTest, UnknownVersionIsNotFound) {
  v1::QueryRequest ask = Ask("When?");
  ask.mutable_version()->set_number(12);
  const grpc::Status status = Start(ask)->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(ReasonOf(status), kReasonVersionNotFound);
}

TEST_F(QueryTest, CancelReachesTheEngine) {
  auto reader = Start(Ask("When?"));
  engine_.AwaitRequest();
  context_.TryCancel();
  engine_.AwaitCancelled();
  engine_.End(absl::CancelledError("cancelled"));
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(QueryTest, DeadlineReachesTheEngine) {
  context_.set_deadline(std::chrono::system_clock::now() + std::chrono::hours(1));
  auto reader = Start(Ask("When?"));
  const absl::Time deadline = engine_.AwaitRequest().deadline;
  EXPECT_GT(deadline, absl::Now() + absl::Minutes(50));
  EXPECT_LT(deadline, absl::Now() + absl::Minutes(61));
  engine_.End(absl::DeadlineExceededError("the deadline passed"));
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
}

TEST_F(QueryTest, NoDeadlineIsInfinite) {
  auto reader = Start(Ask("When?"));
  EXPECT_EQ(engine_.AwaitRequest().deadline, absl::InfiniteFuture());
  engine_.End(engine::GenerateResult{});
  EXPECT_TRUE(ReadToEnd(reader.get()).ok());
}

TEST_F(QueryTest, SlowReaderIsEndedWithBoundedMemory) {
  auto reader = Start(Ask("When?"));
  engine_.AwaitRequest();
  // Nobody reads: what the transport takes is bounded, and so is the outbox.
  int written = 1;  // the last one finds no room
  while (written < 1000000 && engine_.Emit(LetterToken())) ++written;
  ASSERT_LT(written, 1000000);
  engine_.End(engine::GenerateResult{});

  int read = 0;
  v1::QueryResponse response;
  while (reader->Read(&response)) ++read;
  const grpc::Status status = reader->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(ReasonOf(status), kReasonReaderTooSlow);
  EXPECT_THAT(status.error_message(), HasSubstr("--serve.max_outbox"));
  // Never the end: a client must not take a part for the whole.
  EXPECT_LT(read, written);
  EXPECT_EQ(response.finish_reason(), v1::FINISH_REASON_UNSPECIFIED);
}

TEST_F(QueryTest, PendingContextIsOffByDefault) {
  ASSERT_TRUE(InjectText("The harbour opens at six.").ok());
  auto reader = Start(Ask("When does it open?"));
  EXPECT_THAT(TakenPrompt(), Not(HasSubstr("harbour")));
  engine_.End(engine::GenerateResult{});
  EXPECT_TRUE(ReadToEnd(reader.get()).ok());
}

TEST_F(QueryTest, PendingContextGoesOldestFirst) {
  ASSERT_TRUE(InjectText("First fact.").ok());
  ASSERT_TRUE(InjectText("Second fact.").ok());
  v1::QueryRequest ask = Ask("What is known?");
  ask.mutable_pending_context()->set_enabled(true);
  auto reader = Start(ask);
  const std::string prompt = TakenPrompt();
  ASSERT_THAT(prompt, HasSubstr("First fact."));
  ASSERT_THAT(prompt, HasSubstr("Second fact."));
  EXPECT_LT(prompt.find("First fact."), prompt.find("Second fact."));
  EXPECT_LT(prompt.find("Second fact."), prompt.find("What is known?"));
  engine_.End(engine::GenerateResult{});
  v1::QueryResponse last;
  for (v1::QueryResponse response; reader->Read(&response);) last = response;
  EXPECT_THAT(last.usage().pending_experiences(), ElementsAre("experiences/1", "experiences/2"));
}

TEST_F(QueryTest, PendingContextPrefersTheNewestWithinItsBudget) {
  ASSERT_TRUE(InjectText("First fact.").ok());
  ASSERT_TRUE(InjectText("Second fact.").ok());
  const auto tokens = static_cast<int>(text_->EncodeContinuation("Second fact.")->size());
  v1::QueryRequest ask = Ask("What is known?");
  ask.mutable_pending_context()->set_enabled(true);
  ask.mutable_pending_context()->set_max_tokens(tokens + 2);
  auto reader = Start(ask);
  EXPECT_THAT(TakenPrompt(), AllOf(HasSubstr("Second fact."), Not(HasSubstr("First fact."))));
  engine_.End(engine::GenerateResult{});
  EXPECT_TRUE(ReadToEnd(reader.get()).ok());
}

TEST_F(QueryTest, PendingContextIsFilteredByLabels) {
  v1::InjectContextRequest labelled;
  labelled.mutable_content()->set_text("For the docks.");
  (*labelled.mutable_labels())["team"] = "docks";
  v1::InjectContextResponse response;
  ASSERT_TRUE(Inject(labelled, &response).ok());
  ASSERT_TRUE(InjectText("For all.").ok());
  v1::QueryRequest ask = Ask("What is known?");
  ask.mutable_pending_context()->set_enabled(true);
  (*ask.mutable_pending_context()->mutable_labels())["team"] = "docks";
  auto reader = Start(ask);
  EXPECT_THAT(TakenPrompt(), AllOf(HasSubstr("For the docks."), Not(HasSubstr("For all."))));
  engine_.End(engine::GenerateResult{});
  EXPECT_TRUE(ReadToEnd(reader.get()).ok());
}

TEST_F(QueryTest, StoppedPoolSaysThatTheServerDrains) {
  quick_.Stop();
  const grpc::Status status = Start(Ask("When?"))->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(ReasonOf(status), kReasonDraining);
  EXPECT_TRUE(DetailOf<google::rpc::RetryInfo>(status).has_value());
}

}  // namespace
}  // namespace imprint::rpc
