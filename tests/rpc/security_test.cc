// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Who may call what, with tokens.

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/file_util.h"
#include "common/token_line.h"
#include "gmock/gmock.h"
#include "google/protobuf/descriptor.h"
#include "grpcpp/generic/generic_stub.h"
#include "gtest/gtest.h"
#include "server/auth/tokens.h"
#include "server/rpc/access.h"
#include "server/rpc/audit.h"
#include "server/rpc/errors.h"
#include "spdlog/sinks/ostream_sink.h"
#include "spdlog/spdlog.h"
#include "tests/fakes/fake_clock.h"
#include "tests/rpc/details.h"
#include "tests/rpc/rpc_test_base.h"

namespace imprint::rpc {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::vector<const google::protobuf::ServiceDescriptor*> Services() {
  return {v1::QueryRequest::descriptor()->file()->service(0),
          v1::GetStatusRequest::descriptor()->file()->service(0)};
}

// What is logged while it lives.
class CapturedLog {
 public:
  CapturedLog() {
    spdlog::set_default_logger(std::make_shared<spdlog::logger>(
        "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(out_)));
  }
  ~CapturedLog() { spdlog::set_default_logger(before_); }
  CapturedLog(const CapturedLog&) = delete;
  CapturedLog& operator=(const CapturedLog&) = delete;

  // Ask once the server is down: its threads write.
  std::string Text() const { return out_.str(); }

 private:
  const std::shared_ptr<spdlog::logger> before_ = spdlog::default_logger();
  std::ostringstream out_;
};

// Does something once, when it is next looked at.
class HookedClock final : public Clock {
 public:
  absl::Time Now() const override {
    if (const auto hook = std::exchange(on_next_look, nullptr)) hook();
    return clock_.Now();
  }

  mutable std::function<void()> on_next_look;

 private:
  fakes::FakeClock clock_;
};

class SecurityTest : public RpcTest {
 protected:
  void SetUp() override {
    RpcTest::SetUp();
    server_->Shutdown(absl::Now());
    AddToken("asker", {Scope::kQuery});
    AddToken("teller", {Scope::kInject});
    AddToken("keeper", {Scope::kAdmin});
    AddToken("few", {Scope::kQuery, Scope::kInject}, {.requests_per_minute = 2});
    AddToken("small", {Scope::kInject}, {.inject_bytes_per_hour = 100});
    WriteTokens();
    IMPRINT_ASSERT_OK_AND_ASSIGN(known_,
                                 auth::Tokens::Open(folder_ / "tokens", metrics_.auth(), &clock_));
    deps_.guard = Guard({.tokens = known_.get(), .metrics = metrics_.auth()});
    Listen();
  }

  void Listen() {
    IMPRINT_ASSERT_OK_AND_ASSIGN(server_,
                                 Server::Start({.address = "127.0.0.1:0"}, &deps_, metrics_.rpc()));
    channel_ = grpc::CreateChannel(absl::StrCat("127.0.0.1:", server_->port()),
                                   grpc::InsecureChannelCredentials());
    imprint_ = v1::ImprintService::NewStub(channel_);
    admin_ = v1::AdminService::NewStub(channel_);
  }

  void AddToken(const std::string& name, const Scopes& scopes, TokenLine line = {}) {
    tokens_[name] = NewToken();
    line.name = name;
    line.scopes = scopes;
    line.sha256 = TokenDigest(tokens_[name]);
    absl::StrAppend(&lines_, FormatTokenLine(line), "\n");
  }
  void WriteTokens() { IMPRINT_ASSERT_OK(WriteFileAtomically(folder_ / "tokens", lines_)); }

  // Calls a method with an empty request; `token` empty: without one.
  grpc::Status Call(const std::string& method, const std::string& token) {
    grpc::GenericStub stub(channel_);
    grpc::Slice nothing;
    grpc::ByteBuffer request(&nothing, 1);
    grpc::ByteBuffer response;
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    if (!token.empty()) context.AddMetadata("authorization", absl::StrCat("Bearer ", token));
    grpc::CompletionQueue queue;
    auto call = stub.PrepareUnaryCall(&context, method, request, &queue);
    call->StartCall();
    grpc::Status status;
    call->Finish(&response, &status, this);
    void* tag = nullptr;
    bool ok = false;
    EXPECT_TRUE(queue.Next(&tag, &ok));
    return status;
  }

  grpc::Status Inject(const std::string& token_name, const std::string& text) {
    v1::InjectContextRequest request;
    request.mutable_content()->set_text(text);
    v1::InjectContextResponse response;
    grpc::ClientContext context;
    context.AddMetadata("authorization", absl::StrCat("Bearer ", tokens_[token_name]));
    return imprint_->InjectContext(&context, request, &response);
  }

  grpc::Status Get(const std::string& token_name, v1::ExperienceView view) {
    v1::GetExperienceRequest request;
    request.set_name("experiences/1");
    request.set_view(view);
    v1::GetExperienceResponse response;
    grpc::ClientContext context;
    context.AddMetadata("authorization", absl::StrCat("Bearer ", tokens_[token_name]));
    return imprint_->GetExperience(&context, request, &response);
  }

  fakes::FakeClock clock_;
  std::map<std::string, std::string> tokens_;
  std::string lines_ = "# name scopes hash quotas\n\n";
  std::unique_ptr<auth::Tokens> known_;
};

constexpr char kQuery[] = "/imprint.v1.ImprintService/Query";
constexpr char kInject[] = "/imprint.v1.ImprintService/InjectContext";
constexpr char kForget[] = "/imprint.v1.ImprintService/ForgetExperience";
constexpr char kListVersions[] = "/imprint.v1.AdminService/ListVersions";

TEST(AccessTable, HasEveryMethodOfTheProtoOnce) {
  std::multiset<std::string> in_proto, in_table;
  for (const auto* service : Services()) {
    for (int i = 0; i < service->method_count(); ++i) {
      in_proto.insert(service->method(i)->full_name());
    }
  }
  for (const Access& access : AccessTable()) {
    in_table.insert(absl::StrCat(access.service, ".", access.method));
    if (access.service == "imprint.v1.AdminService") {
      EXPECT_EQ(access.scope, Scope::kAdmin) << access.method;
    }
  }
  EXPECT_EQ(in_table, in_proto);
}

TEST_F(SecurityTest, NoMethodIsOpenToACallerWithoutItsScope) {
  for (const auto* service : Services()) {
    for (int i = 0; i < service->method_count(); ++i) {
      const std::string method =
          absl::StrCat("/", service->full_name(), "/", service->method(i)->name());
      const grpc::Status none = Call(method, "");
      EXPECT_EQ(none.error_code(), grpc::StatusCode::UNAUTHENTICATED) << method;
      EXPECT_EQ(ReasonOf(none), kReasonTokenMissing);
      const grpc::Status wrong = Call(method, NewToken());
      EXPECT_EQ(wrong.error_code(), grpc::StatusCode::UNAUTHENTICATED) << method;
      EXPECT_EQ(ReasonOf(wrong), kReasonTokenUnknown);
      const Access* access = FindAccess(service->full_name(), service->method(i)->name());
      ASSERT_NE(access, nullptr);
      for (const auto& [name, scope] : {std::pair<const char*, Scope>("asker", Scope::kQuery),
                                        {"teller", Scope::kInject},
                                        {"keeper", Scope::kAdmin}}) {
        if (scope == access->scope) continue;
        const grpc::Status status = Call(method, tokens_[name]);
        EXPECT_EQ(status.error_code(), grpc::StatusCode::PERMISSION_DENIED) << method << name;
        EXPECT_EQ(ReasonOf(status), kReasonScopeMissing);
        EXPECT_THAT(status.error_message(), HasSubstr(name));
      }
    }
  }
}

TEST_F(SecurityTest, AScopeOpensWhatItIsFor) {
  // Past the guard, the empty request is what is wrong.
  EXPECT_EQ(Call(kQuery, tokens_["asker"]).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_TRUE(Inject("teller", "The harbour opens at six.").ok());
  EXPECT_TRUE(Call(kListVersions, tokens_["keeper"]).ok());
}

TEST_F(SecurityTest, NoAnswerRepeatsTheToken) {
  const std::string& token = tokens_["asker"];
  for (const std::string& sent : {token, absl::StrCat(token, "x")}) {
    const grpc::Status status = Call(kInject, sent);
    EXPECT_THAT(status.error_message(), Not(HasSubstr(token)));
    EXPECT_THAT(status.error_details(), Not(HasSubstr(token)));
  }
}

TEST_F(SecurityTest, TheHashOfATokenIsNoToken) {
  const std::string hash = lines_.substr(lines_.find("sha256:") + 7, 64);
  EXPECT_EQ(Call(kQuery, hash).error_code(), grpc::StatusCode::UNAUTHENTICATED);
}

TEST_F(SecurityTest, InjectSeesTheStateOfAnExperienceAndNotItsText) {
  ASSERT_TRUE(Inject("teller", "The harbour opens at six.").ok());
  EXPECT_TRUE(Get("teller", v1::EXPERIENCE_VIEW_STATE).ok());
  EXPECT_EQ(Get("teller", v1::EXPERIENCE_VIEW_BASIC).error_code(),
            grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_TRUE(Get("asker", v1::EXPERIENCE_VIEW_FULL).ok());
}

TEST_F(SecurityTest, TheOperatorSaysWhoForgets) {
  EXPECT_EQ(Call(kForget, tokens_["teller"]).error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(Call(kForget, tokens_["keeper"]).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  server_->Shutdown(absl::Now());
  deps_.guard = Guard({.tokens = known_.get(), .forget_scope = Scope::kInject});
  Listen();
  EXPECT_EQ(Call(kForget, tokens_["teller"]).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Call(kForget, tokens_["keeper"]).error_code(), grpc::StatusCode::PERMISSION_DENIED);
}

TEST_F(SecurityTest, RequestsBeyondTheQuotaAreToldWhenToComeBack) {
  EXPECT_EQ(Call(kQuery, tokens_["few"]).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Call(kQuery, tokens_["few"]).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  const grpc::Status status = Call(kQuery, tokens_["few"]);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(ReasonOf(status), kReasonQuotaExceeded);
  const auto retry = DetailOf<google::rpc::RetryInfo>(status);
  ASSERT_TRUE(retry.has_value());
  EXPECT_EQ(retry->retry_delay().seconds(), 30);
  EXPECT_EQ(Call(kQuery, tokens_["asker"]).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  clock_.Advance(absl::Seconds(30));
  EXPECT_EQ(Call(kQuery, tokens_["few"]).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(metrics_.Text(), HasSubstr("imprint_auth_refused_total{reason=\"quota\"} 1"));
  EXPECT_THAT(metrics_.Text(), HasSubstr("imprint_auth_beyond_quota_total{method=\"Query\"} 1"));
}

TEST_F(SecurityTest, BytesBeyondTheQuotaAreRefused) {
  EXPECT_TRUE(Inject("small", std::string(60, 'a')).ok());
  EXPECT_EQ(Inject("small", std::string(60, 'b')).error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
  clock_.Advance(absl::Hours(1));
  EXPECT_TRUE(Inject("small", std::string(60, 'b')).ok());
  // It would never fit.
  EXPECT_EQ(Inject("small", std::string(200, 'c')).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  // The caller's own mistake, and no load that was refused.
  EXPECT_THAT(metrics_.Text(),
              HasSubstr("imprint_auth_beyond_quota_total{method=\"InjectContext\"} 1"));
}

TEST_F(SecurityTest, WhatNeverFitsTakesNoRequest) {
  AddToken("once", {Scope::kInject}, {.requests_per_minute = 1, .inject_bytes_per_hour = 100});
  WriteTokens();
  IMPRINT_ASSERT_OK(known_->Refresh());
  EXPECT_EQ(Inject("once", std::string(200, 'a')).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_TRUE(Inject("once", std::string(60, 'a')).ok());
}

TEST_F(SecurityTest, WhatIsNoBearerIsCountedAsNoToken) {
  const std::string bearer = absl::StrCat("Bearer ", tokens_["asker"]);
  for (const std::vector<std::string>& headers :
       {std::vector<std::string>{"Basic YTpi"}, {bearer, bearer}}) {
    v1::QueryRequest request;
    grpc::ClientContext context;
    for (const std::string& header : headers) context.AddMetadata("authorization", header);
    const grpc::Status status = imprint_->Query(&context, request)->Finish();
    EXPECT_EQ(ReasonOf(status), kReasonTokenMissing);
  }
  EXPECT_THAT(metrics_.Text(), HasSubstr("imprint_auth_refused_total{reason=\"no_token\"} 2"));
  EXPECT_THAT(metrics_.Text(), HasSubstr("imprint_auth_refused_total{reason=\"unknown_token\"} 0"));
}

TEST_F(SecurityTest, AChangedFileCountsAtOnceAndKeepsWhatIsLeftOfQuotas) {
  ASSERT_TRUE(Inject("small", std::string(90, 'a')).ok());
  AddToken("late", {Scope::kQuery});
  const size_t asker = lines_.find("asker");
  lines_.erase(asker, lines_.find('\n', asker) + 1 - asker);
  WriteTokens();
  IMPRINT_ASSERT_OK(known_->Refresh());
  EXPECT_EQ(Call(kQuery, tokens_["late"]).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Call(kQuery, tokens_["asker"]).error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(Inject("small", std::string(90, 'b')).error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(SecurityTest, AnAdminActIsALineUnlessNobodyKnowsWhoCalls) {
  const CapturedLog log;
  EXPECT_EQ(Call(kForget, "").error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(Call(kForget, NewToken()).error_code(), grpc::StatusCode::UNAUTHENTICATED);
  server_->Shutdown(absl::Now());
  EXPECT_THAT(log.Text(), Not(HasSubstr("admin act")));
  EXPECT_THAT(metrics_.Text(), HasSubstr("imprint_auth_refused_total{reason=\"no_token\"} 1"));
  Listen();
  EXPECT_EQ(Call(kForget, tokens_["asker"]).error_code(), grpc::StatusCode::PERMISSION_DENIED);
  server_->Shutdown(absl::Now());
  EXPECT_THAT(log.Text(), HasSubstr("admin act caller=asker"));
}

TEST_F(SecurityTest, AnActNamesItsTokenThoughItWasTakenBackMeanwhile) {
  server_->Shutdown(absl::Now());
  const std::string without = lines_;
  AddToken("leaver", {Scope::kAdmin}, {.requests_per_minute = 5});
  WriteTokens();
  HookedClock clock;
  IMPRINT_ASSERT_OK_AND_ASSIGN(const auto known,
                               auth::Tokens::Open(folder_ / "tokens", nullptr, &clock));
  deps_.guard = Guard({.tokens = known.get()});
  // Between the guard and the answer: the quota asks for the time.
  clock.on_next_look = [&] {
    lines_ = without;
    WriteTokens();
    IMPRINT_EXPECT_OK(known->Refresh());
  };
  const CapturedLog log;
  Listen();
  EXPECT_EQ(Call(kForget, tokens_["leaver"]).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(known->Find(tokens_["leaver"]), nullptr);
  server_->Shutdown(absl::Now());
  EXPECT_THAT(log.Text(), HasSubstr("admin act caller=leaver"));
}

TEST(TargetOf, IsShortWhateverIsAskedFor) {
  v1::ForgetExperienceRequest many;
  for (int i = 0; i < 50'000; ++i) (*many.mutable_labels())[absl::StrCat("key", i)] = "x";
  EXPECT_EQ(TargetOf(many), "labels=(50000 keys)");
  v1::ForgetExperienceRequest wide;
  for (int i = 0; i < 32; ++i) (*wide.mutable_labels())[std::string(1000 + i, '\n')] = "x";
  wide.set_request_id(std::string(1'000'000, '"'));
  EXPECT_LT(TargetOf(wide).size(), 600U);
}

TEST(TargetOf, NamesThingsAndSaysNothingElse) {
  v1::RollbackVersionRequest rollback;
  rollback.set_name("versions/3");
  EXPECT_EQ(TargetOf(rollback), "versions/3");
  v1::CreateProbeRequest probe;
  probe.set_experience("experiences/7");
  probe.set_question("Who is it?");
  probe.set_expected_answer("Ada.");
  EXPECT_EQ(TargetOf(probe), "experience=experiences/7");
  v1::ForgetExperienceRequest forget;
  forget.set_request_id("a\nb");
  (*forget.mutable_labels())["user"] = "ada";
  EXPECT_EQ(TargetOf(forget), "request_id=a\\nb labels=user");
  EXPECT_EQ(TargetOf(v1::PauseUpdatesRequest()), "");
}

TEST(Supersedes, AnInjectThatHasAnotherForgotten) {
  v1::InjectContextRequest inject;
  inject.mutable_content()->set_text("Ada lives in Oslo.");
  EXPECT_FALSE(Supersedes(inject));
  inject.set_supersedes("experiences/7");
  EXPECT_TRUE(Supersedes(inject));
  EXPECT_EQ(TargetOf(inject), "supersedes=experiences/7");
  EXPECT_FALSE(Supersedes(v1::PauseUpdatesRequest()));
}

}  // namespace
}  // namespace imprint::rpc
