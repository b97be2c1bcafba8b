// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/rpc/validate.h"

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/rpc/errors.h"
#include "tests/rpc/details.h"

namespace imprint::rpc {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr Limits kLimits = {
    .max_inject_bytes = 1000, .max_pending_tokens = 100, .vocab_size = 50, .window = 64};

v1::InjectContextRequest GoodInject() {
  v1::InjectContextRequest request;
  request.mutable_content()->set_text("The harbour of Velmora opens at six.");
  request.set_request_id("a-1");
  (*request.mutable_labels())["team.name"] = "docks";
  v1::TargetSentence& target = *request.add_targets();
  target.mutable_question_answer()->set_question("When does the harbour open?");
  target.mutable_question_answer()->set_answer("At six.");
  request.add_probes()->set_question("What opens at six?");
  return request;
}

v1::QueryRequest GoodQuery() {
  v1::QueryRequest request;
  v1::ChatMessage& message = *request.add_messages();
  message.set_role("user");
  message.set_content("When does the harbour open?");
  return request;
}

v1::ScoreRequest GoodScore() {
  v1::ScoreRequest request;
  *request.mutable_messages() = GoodQuery().messages();
  request.set_answer("At six.");
  return request;
}

v1::ChatMessage Message(const std::string& role, const std::string& content) {
  v1::ChatMessage message;
  message.set_role(role);
  message.set_content(content);
  return message;
}

// One way to spoil a good request: what it does, and the first field that must be named
// with a part of what is said about it.
template <typename Request>
struct Spoiled {
  std::function<void(Request&)> spoil;
  std::string field;
  std::string says;
};

template <typename Request, typename Validate>
void ExpectRefused(const Request& good, const std::vector<Spoiled<Request>>& cases,
                   Validate validate) {
  ASSERT_TRUE(validate(good).ok()) << validate(good);
  for (const Spoiled<Request>& spoiled : cases) {
    Request request = good;
    spoiled.spoil(request);
    const grpc::Status status = ToGrpcStatus(validate(request));
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << spoiled.field;
    EXPECT_THAT(BadFields(status), ElementsAre(spoiled.field)) << status.error_message();
    EXPECT_THAT(status.error_message(), HasSubstr(spoiled.says));
  }
}

TEST(ValidateTest, InjectNamesWhatIsWrong) {
  using Request = v1::InjectContextRequest;
  ExpectRefused<Request>(
      GoodInject(),
      {
          {[](Request& r) { r.clear_content(); }, "content", "is empty"},
          {[](Request& r) { r.mutable_content()->set_text(" \n\t"); }, "content.text", "is empty"},
          {[](Request& r) { r.mutable_content()->set_text(std::string(1001, 'x')); },
           "content.text", "experience is 1,001 bytes; the limit is 1,000 (--inject.max_bytes)"},
          {[](Request& r) { r.mutable_content()->mutable_conversation(); },
           "content.conversation.messages", "is empty"},
          {[](Request& r) {
             *r.mutable_content()->mutable_conversation()->add_messages() = Message("robot", "hi");
           },
           "content.conversation.messages[0].role", "\"robot\""},
          {[](Request& r) {
             *r.mutable_content()->mutable_conversation()->add_messages() = Message("user", "");
           },
           "content.conversation.messages[0].content", "is empty"},
          {[](Request& r) { r.set_request_id(std::string(129, 'i')); }, "request_id",
           "is 129 bytes; the limit is 128"},
          {[](Request& r) { (*r.mutable_labels())["two words"] = "x"; }, "labels", "two words"},
          {[](Request& r) { (*r.mutable_labels())[""] = "x"; }, "labels", "1 to 63"},
          {[](Request& r) { (*r.mutable_labels())["k"] = std::string(257, 'v'); }, "labels[\"k\"]",
           "257 bytes; the limit is 256"},
          {[](Request& r) {
             for (int i = 0; i < 33; ++i) (*r.mutable_labels())[absl::StrCat("k", i)] = "v";
           },
           "labels", "34 entries; the limit is 32"},
          {[](Request& r) { r.add_targets(); }, "targets[1]", "question_answer or text"},
          {[](Request& r) { r.mutable_targets(0)->mutable_question_answer()->clear_answer(); },
           "targets[0].question_answer.answer", "is empty"},
          {[](Request& r) { r.mutable_targets(0)->set_text(""); }, "targets[0].text", "is empty"},
          {[](Request& r) { r.mutable_targets(0)->set_text(std::string(1001, 'x')); }, "targets",
           "(--inject.max_bytes)"},
          {[](Request& r) { r.add_probes(); }, "probes[1].question", "is empty"},
          {[](Request& r) {
             for (int i = 0; i < 100; ++i) r.add_probes()->set_question("?");
           },
           "probes", "101 entries; the limit is 100"},
      },
      [](const Request& request) { return ValidateInject(request, kLimits); });
}

TEST(ValidateTest, QueryNamesWhatIsWrong) {
  using Request = v1::QueryRequest;
  ExpectRefused<Request>(
      GoodQuery(),
      {
          {[](Request& r) { r.clear_messages(); }, "messages", "is empty"},
          {[](Request& r) { r.mutable_messages(0)->set_role("tool"); }, "messages[0].role",
           "\"tool\""},
          // What is shown of it is cut, but not within a character: that would be no answer.
          {[](Request& r) {
             std::string role = "r";
             for (int i = 0; i < 20; ++i) role += "\u00e9";
             r.mutable_messages(0)->set_role(role);
           },
           "messages[0].role", "give \"system\""},
          {[](Request& r) { r.mutable_messages(0)->set_content(""); }, "messages[0].content",
           "is empty"},
          {[](Request& r) { r.mutable_messages(0)->set_content(std::string(2000, 'x')); },
           "messages", "(--inject.max_bytes)"},
          {[](Request& r) { *r.add_messages() = Message("assistant", "At six."); },
           "messages[1].role", "must not be the assistant's"},
          {[](Request& r) { *r.add_messages() = Message("system", "Be brief."); },
           "messages[1].role", "must be the first"},
          {[](Request& r) { r.set_max_tokens(-1); }, "max_tokens", "is -1"},
          {[](Request& r) { r.set_temperature(-0.5F); }, "temperature", "is -0.5"},
          {[](Request& r) { r.set_temperature(2.5F); }, "temperature", "is 2.5"},
          {[](Request& r) { r.set_temperature(std::nanf("")); }, "temperature", "is nan"},
          {[](Request& r) { r.set_top_p(1.5F); }, "top_p", "is 1.5"},
          {[](Request& r) { r.set_top_k(-3); }, "top_k", "is -3"},
          {[](Request& r) {
             for (int i = 0; i < 9; ++i) r.add_stop("x");
           },
           "stop", "9 entries; the limit is 8"},
          {[](Request& r) { r.add_stop(""); }, "stop[0]", "is 0 bytes"},
          {[](Request& r) { r.mutable_version()->set_number(-2); }, "version.number", "is -2"},
          {[](Request& r) { r.mutable_pending_context()->set_max_tokens(-1); },
           "pending_context.max_tokens", "is -1"},
          {[](Request& r) { r.mutable_pending_context()->set_max_tokens(101); },
           "pending_context.max_tokens", "the limit is 100 (--pending.max_tokens)"},
          {[](Request& r) {
             r.mutable_pending_context()->set_enabled(true);
             r.mutable_version()->set_base(true);
           },
           "pending_context", "latest version only"},
      },
      [](const Request& request) { return ValidateQuery(request, kLimits); });
}

TEST(ValidateTest, ScoreNamesWhatIsWrong) {
  using Request = v1::ScoreRequest;
  ExpectRefused<Request>(
      GoodScore(),
      {
          {[](Request& r) { r.clear_answer(); }, "target", "give answer, text or token_ids"},
          {[](Request& r) { r.clear_messages(); }, "messages", "is empty"},
          {[](Request& r) { r.set_text("Plain text."); }, "messages", "must be empty with text"},
          {[](Request& r) { r.mutable_token_ids(); }, "token_ids", "is empty"},
          {[](Request& r) { r.mutable_token_ids()->add_ids(50); }, "token_ids", "0 to 49"},
          {[](Request& r) { r.mutable_token_ids()->add_ids(-1); }, "token_ids", "token id -1"},
          {[](Request& r) { r.set_top_k(257); }, "top_k", "give 0 (none) to 256"},
          {[](Request& r) { r.set_top_k(-1); }, "top_k", "is -1"},
          {[](Request& r) { r.add_requested_ids()->add_ids(77); }, "requested_ids[0]",
           "token id 77"},
          {[](Request& r) { r.mutable_version()->set_number(-1); }, "version.number", "is -1"},
      },
      [](const Request& request) { return ValidateScore(request, kLimits); });
}

// A megabyte was tokenized to find that it does not fit a window of some tokens.
TEST(ValidateTest, PromptFarBeyondTheWindowIsRefusedByItsBytes) {
  constexpr Limits kSmall = {.max_inject_bytes = 1000, .vocab_size = 50, .window = 10};
  const std::string fits(160, 'x');
  const std::string beyond(161, 'x');
  v1::QueryRequest query = GoodQuery();
  query.mutable_messages(0)->set_content(beyond);
  const grpc::Status refused = ToGrpcStatus(ValidateQuery(query, kSmall));
  EXPECT_THAT(BadFields(refused), ElementsAre("messages"));
  EXPECT_THAT(refused.error_message(), HasSubstr("165 bytes; the model's window is 10 tokens"));
  v1::ScoreRequest text;
  text.set_text(fits);
  EXPECT_TRUE(ValidateScore(text, kSmall).ok());
  text.set_text(beyond);
  EXPECT_THAT(BadFields(ToGrpcStatus(ValidateScore(text, kSmall))), ElementsAre("text"));
  v1::ScoreRequest answer = GoodScore();
  answer.set_answer(beyond);
  answer.set_context(beyond);
  EXPECT_THAT(BadFields(ToGrpcStatus(ValidateScore(answer, kSmall))),
              ElementsAre("context", "answer"));
}

TEST(ValidateTest, AllWrongFieldsAreToldAtOnce) {
  v1::QueryRequest request = GoodQuery();
  request.set_max_tokens(-1);
  request.set_top_k(-1);
  EXPECT_THAT(BadFields(ToGrpcStatus(ValidateQuery(request, kLimits))),
              ElementsAre("max_tokens", "top_k"));
}

TEST(ValidateTest, LimitsThemselvesAreAllowed) {
  v1::InjectContextRequest inject = GoodInject();
  inject.mutable_content()->set_text(std::string(1000, 'x'));
  inject.set_request_id(std::string(128, 'i'));
  EXPECT_TRUE(ValidateInject(inject, kLimits).ok());
  v1::QueryRequest query = GoodQuery();
  query.set_temperature(2);
  query.set_top_p(1);
  query.mutable_pending_context()->set_max_tokens(100);
  EXPECT_TRUE(ValidateQuery(query, kLimits).ok());
}

TEST(ValidateTest, ListRefusesAnUnknownState) {
  v1::ListExperiencesRequest request;
  request.set_state(static_cast<v1::ExperienceState>(99));
  EXPECT_THAT(BadFields(ToGrpcStatus(ValidateListExperiences(request))), ElementsAre("state"));
}

TEST(ValidateTest, TimeToLiveIsPositiveAndBounded) {
  using Request = v1::InjectContextRequest;
  ExpectRefused<Request>(
      GoodInject(),
      {
          {[](Request& r) { r.mutable_ttl(); }, "ttl", "must be more than"},
          {[](Request& r) { r.mutable_ttl()->set_seconds(-5); }, "ttl", "must be more than"},
          {[](Request& r) { r.mutable_ttl()->set_seconds(kMaxTtlSeconds + 1); }, "ttl", "at most"},
          {[](Request& r) { r.set_supersedes(std::string(129, 'x')); }, "supersedes", "129 bytes"},
      },
      [](const Request& request) { return ValidateInject(request, kLimits); });
}

TEST(ValidateTest, ForgettingNeedsASelector) {
  using Request = v1::ForgetExperienceRequest;
  Request by_name;
  by_name.set_name("experiences/3");
  ExpectRefused<Request>(
      by_name,
      {
          {[](Request& r) { r.clear_name(); }, "name", "give a name, a request_id or labels"},
          {[](Request& r) { r.set_name("jobs/3"); }, "name", "experiences"},
          // No experience has one so long, and the error would repeat it.
          {[](Request& r) { r.set_request_id(std::string(129, 'i')); }, "request_id",
           "is 129 bytes; the limit is 128"},
          {[](Request& r) { (*r.mutable_labels())["a b"] = "c"; }, "labels", "key"},
      },
      ValidateForget);
}

TEST(ValidateTest, ProbeNeedsAQuestion) {
  EXPECT_THAT(BadFields(ToGrpcStatus(ValidateCreateProbe(v1::CreateProbeRequest(), kLimits))),
              ElementsAre("question"));
}

TEST(ValidateTest, NamesMustBeOfTheirCollection) {
  EXPECT_EQ(*ParseNameField("name", "jobs", "jobs/12"), 12);
  for (const std::string name : {"", "jobs", "jobs/", "jobs/x", "jobs/0", "jobs/-1", "jobs/01",
                                 "versions/12", "jobs/99999999999999999999"}) {
    const grpc::Status status = ToGrpcStatus(ParseNameField("name", "jobs", name).status());
    EXPECT_THAT(BadFields(status), ElementsAre("name")) << name;
  }
}

}  // namespace
}  // namespace imprint::rpc
