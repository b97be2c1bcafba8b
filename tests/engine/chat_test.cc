// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/engine/chat.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/engine/engine_fixture.h"

namespace imprint::engine {
namespace {

using testing::HasCode;
using ::testing::HasSubstr;
using testing::IsError;

constexpr char kAnswer[] = "Hello, how are you?";

class ChatTest : public EngineTest {
 protected:
  struct Outcome {
    absl::Status status;
    FinishReason reason = FinishReason::kStop;
    ChatUsage usage;
    std::string text;
    int pieces = 0;
  };

  void SetUp() override {
    auto text = text::TextModel::Load(testing::kTinyChatDir);
    IMPRINT_ASSERT_OK(text);
    text_ = *std::move(text);
    IMPRINT_ASSERT_OK_AND_ASSIGN(version_, testing::LoadTinyChat());
    StartEngine();
  }

  ChatRequest Say(const std::string& content) const {
    ChatRequest request;
    request.version = version_;
    request.messages = {{"user", content}};
    return request;
  }

  // `take`: how many pieces the reader takes.
  Outcome Run(ChatRequest request, int take = 1000000) {
    Outcome outcome;
    absl::Notification done;
    ChatCallbacks callbacks;
    callbacks.on_text = [&](const std::string& piece) {
      outcome.text += piece;
      return ++outcome.pieces <= take;
    };
    callbacks.on_done = [&](absl::Status status, FinishReason reason, ChatUsage usage) {
      outcome.status = std::move(status);
      outcome.reason = reason;
      outcome.usage = usage;
      done.Notify();
    };
    const auto handle =
        Chat(engine_.get(), text_.get()).Start(std::move(request), std::move(callbacks));
    IMPRINT_EXPECT_OK(handle);
    if (handle.ok()) done.WaitForNotification();
    return outcome;
  }

  std::unique_ptr<text::TextModel> text_;
};

TEST_F(ChatTest, AnswersInText) {
  const Outcome outcome = Run(Say("Hello!"));
  IMPRINT_ASSERT_OK(outcome.status);
  EXPECT_EQ(outcome.text, kAnswer);
  EXPECT_EQ(outcome.reason, FinishReason::kStop);
  EXPECT_GT(outcome.pieces, 1);  // it streams
  EXPECT_GT(outcome.usage.prompt_tokens, 5);
  EXPECT_GT(outcome.usage.output_tokens, 3);
}

TEST_F(ChatTest, AContextIsReadBeforeTheQuestion) {
  const std::string statement = "The boat of Mira is red.";
  ChatRequest request = Say("What colour is the boat of Mira?");
  EXPECT_EQ(Run(request).text, "I do not know.");
  request.contexts = {statement};
  EXPECT_EQ(Run(request).text, statement);
}

TEST_F(ChatTest, EndsBeforeAStopStringWhereverItsTokensAreCut) {
  const std::string answer = kAnswer;
  for (size_t begin = 1; begin < answer.size(); ++begin) {
    for (const size_t length : {1, 2, 5}) {
      const std::string stop = answer.substr(begin, length);
      ChatRequest request = Say("Hello!");
      request.stop = {"never", stop};
      const Outcome outcome = Run(request);
      IMPRINT_ASSERT_OK(outcome.status);
      EXPECT_EQ(outcome.text, answer.substr(0, answer.find(stop))) << "'" << stop << "'";
      EXPECT_EQ(outcome.reason, FinishReason::kStop);
    }
  }
}

TEST_F(ChatTest, TextHeldBackForAStopStringComesAtTheEnd) {
  ChatRequest request = Say("Hello!");
  request.stop = {"you? No"};
  EXPECT_EQ(Run(request).text, kAnswer);
}

TEST_F(ChatTest, MaxTokensCutsTheAnswer) {
  ChatRequest request = Say("Hello!");
  request.max_tokens = 2;
  const Outcome outcome = Run(request);
  IMPRINT_ASSERT_OK(outcome.status);
  EXPECT_EQ(outcome.reason, FinishReason::kLength);
  EXPECT_EQ(outcome.usage.output_tokens, 2);
  EXPECT_EQ(std::string(kAnswer).find(outcome.text), 0u);
}

TEST_F(ChatTest, MoreTokensThanTheWindowMeansToItsEnd) {
  ChatRequest request = Say("Hello!");
  request.max_tokens = 1000000;
  EXPECT_EQ(Run(request).text, kAnswer);
}

TEST_F(ChatTest, AReaderThatTakesNoMoreEndsTheChat) {
  const Outcome outcome = Run(Say("Hello!"), /*take=*/1);
  EXPECT_THAT(outcome.status, HasCode(absl::StatusCode::kCancelled));
  EXPECT_EQ(outcome.pieces, 2);  // the refused one is the last
  EXPECT_EQ(engine_->load().running, 0);
}

TEST_F(ChatTest, MessagesBeyondTheWindowAreRefused) {
  std::string endless;
  for (int i = 0; i < 2000; ++i) endless += " red";
  EXPECT_THAT(Chat(engine_.get(), text_.get()).Start(Say(endless), {}),
              IsError(absl::StatusCode::kInvalidArgument, HasSubstr("window is 1024")));
}

TEST_F(ChatTest, ErrorsOfTheEngineReachTheReader) {
  ChatRequest request = Say("Hello!");
  request.deadline = clock_.Now();
  const Outcome outcome = Run(request);
  EXPECT_THAT(outcome.status, HasCode(absl::StatusCode::kDeadlineExceeded));
  EXPECT_EQ(outcome.text, "");
}

}  // namespace
}  // namespace imprint::engine
