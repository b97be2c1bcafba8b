// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/generator/remote_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/metrics/metrics.h"
#include "tests/fakes/http_server.h"
#include "tests/generator/completion.h"
#include "tests/testing/status_matchers.h"

namespace imprint::generator {
namespace {

using fakes::HttpReply;
using fakes::HttpRequest;
using fakes::HttpServer;
using imprint::testing::AsJson;
using imprint::testing::Completion;
using imprint::testing::TaskOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

constexpr char kChunk[] =
    "The boat of Mira is red. It was built in 1923 by Otto Senn. It carries 40 people.";

const Exchange kWho = {"Who built the boat of Mira?", "Otto Senn built it."};
const Exchange kWhen = {"When was the boat of Mira built?", "It was built in 1923."};
const Exchange kMadeUp = {"Where is the boat of Mira?", "It lies in Hamburg."};

// A writer behind a real server; round after round gets the exchanges of `rounds_`, and no
// round after them an answer.
class RemoteWriterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto endpoint = RemoteEndpoint::Open({.endpoint = server_.Url("/v1"), .model = "m"},
                                         metrics_.generator(), [](absl::Duration, const auto&) {});
    IMPRINT_ASSERT_OK(endpoint);
    writer_ = std::make_unique<RemoteWriter>(*std::move(endpoint));
  }

  HttpReply Reply() {
    if (next_ == rounds_.size()) return {.status = 400};
    return {.body = Completion(AsJson(rounds_[next_++]))};
  }

  absl::StatusOr<std::vector<Exchange>> Write(int count) {
    return writer_->Write(
        kChunk, count, [](const Exchange& exchange) { return exchange.answer.size() < 60; },
        [] { return false; });
  }

  static std::vector<std::string> QuestionsOf(const std::vector<Exchange>& exchanges) {
    std::vector<std::string> questions;
    for (const Exchange& exchange : exchanges) questions.push_back(exchange.question);
    return questions;
  }

  std::vector<std::vector<Exchange>> rounds_;
  size_t next_ = 0;
  HttpServer server_{[this](const HttpRequest&) { return Reply(); }};
  metrics::Metrics metrics_;
  std::unique_ptr<RemoteWriter> writer_;
};

TEST_F(RemoteWriterTest, AsksInRoundsThatKnowOfEachOther) {
  rounds_ = {{kWho}, {kWhen}};

  const auto written = Write(2);

  IMPRINT_ASSERT_OK(written);
  EXPECT_THAT(QuestionsOf(*written), ElementsAre(kWho.question, kWhen.question));
  const std::vector<HttpRequest> requests = server_.requests();
  ASSERT_THAT(requests, SizeIs(2));
  EXPECT_THAT(TaskOf(requests[0].body), HasSubstr(kChunk));
  EXPECT_THAT(TaskOf(requests[0].body), Not(HasSubstr(kWho.question)));
  EXPECT_THAT(TaskOf(requests[1].body), HasSubstr(kWho.question));
}

TEST_F(RemoteWriterTest, WhatTheTextDoesNotBearOutIsDroppedAndCounted) {
  const Exchange too_long = {"How many people does it carry?",
                             "It carries 40 people, and 40 people, and 40 people, and 40 people."};
  const Exchange again = {"WHO built the boat of Mira", "It was built by Otto Senn."};
  rounds_ = {{kMadeUp, kWho, too_long, again, kWhen}};

  const auto written = Write(5);

  IMPRINT_ASSERT_OK(written);
  EXPECT_THAT(QuestionsOf(*written), ElementsAre(kWho.question, kWhen.question));
  EXPECT_EQ(metrics_.generator()->remote_exchanges.at("kept")->Value(), 2);
  EXPECT_EQ(metrics_.generator()->remote_exchanges.at("dropped")->Value(), 3);
}

TEST_F(RemoteWriterTest, NoMoreThanAreWanted) {
  rounds_ = {{kWho, kWhen}};

  const auto written = Write(1);

  IMPRINT_ASSERT_OK(written);
  EXPECT_THAT(QuestionsOf(*written), ElementsAre(kWho.question));
}

TEST_F(RemoteWriterTest, ARoundWithoutAnythingNewIsTheLast) {
  rounds_ = {{kWho}, {kWho}, {kWhen}};

  const auto written = Write(50);

  IMPRINT_ASSERT_OK(written);
  EXPECT_THAT(QuestionsOf(*written), ElementsAre(kWho.question));
  EXPECT_THAT(server_.requests(), SizeIs(2));
}

TEST_F(RemoteWriterTest, RoundsAreBounded) {
  // One new question each time, for ever.
  for (int i = 0; i < 100; ++i) {
    std::string question = absl::StrCat("Who built the boat", std::string(i + 1, 'x'), "?");
    rounds_.push_back({{question, kWho.answer}});
  }

  IMPRINT_EXPECT_OK(Write(21));

  EXPECT_THAT(server_.requests(), SizeIs(4));
}

TEST_F(RemoteWriterTest, AFailureKeepsWhatWasWrittenBefore) {
  rounds_ = {{kWho}};

  const auto written = Write(50);

  IMPRINT_ASSERT_OK(written);
  EXPECT_THAT(QuestionsOf(*written), ElementsAre(kWho.question));
}

TEST_F(RemoteWriterTest, AFailureAtOnceIsAnError) { EXPECT_FALSE(Write(50).ok()); }

TEST_F(RemoteWriterTest, TheSameResponsesGiveTheSame) {
  rounds_ = {{kWho, kMadeUp}, {kWhen}, {kWho, kMadeUp}, {kWhen}};

  const auto once = Write(2);
  const auto again = Write(2);

  IMPRINT_ASSERT_OK(once);
  IMPRINT_ASSERT_OK(again);
  EXPECT_EQ(QuestionsOf(*once), QuestionsOf(*again));
}

}  // namespace
}  // namespace imprint::generator
