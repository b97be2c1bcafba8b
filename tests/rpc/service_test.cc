// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "server/rpc/convert.h"
#include "server/rpc/errors.h"
#include "server/rpc/page_token.h"
#include "server/update/updater.h"
#include "tests/rpc/details.h"
#include "tests/rpc/rpc_test_base.h"

namespace imprint::rpc {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class ServiceTest : public RpcTest {
 protected:
  // Writes rows as they are, behind the log's back.
  void Put(absl::FunctionRef<void(store::Transaction&)> stage) {
    IMPRINT_ASSERT_OK(store_->Transact([&](store::Transaction& transaction) {
      stage(transaction);
      return absl::OkStatus();
    }));
  }

  v1::Experience Get(const std::string& name, v1::ExperienceView view) {
    v1::GetExperienceRequest request;
    request.set_name(name);
    request.set_view(view);
    v1::GetExperienceResponse response;
    grpc::ClientContext context;
    const grpc::Status status = imprint_->GetExperience(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.experience();
  }

  // Calls a method with these bytes, whatever they are.
  grpc::Status CallRaw(const std::string& method, const std::string& bytes) {
    grpc::GenericStub stub(channel_);
    grpc::Slice slice(bytes);
    grpc::ByteBuffer request(&slice, 1);
    grpc::ByteBuffer response;
    grpc::ClientContext context;
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
};

TEST_F(ServiceTest, InjectAnswersWithTheDurableExperience) {
  v1::InjectContextRequest request;
  request.mutable_content()->set_text("The harbour opens at six.");
  request.set_request_id("a");
  v1::InjectContextResponse response;
  ASSERT_TRUE(Inject(request, &response).ok());
  EXPECT_EQ(response.experience().name(), "experiences/1");
  EXPECT_EQ(response.experience().state(), v1::EXPERIENCE_STATE_QUEUED);
  EXPECT_EQ(response.experience().request_id(), "a");
  EXPECT_EQ(store_->GetExperience(1)->text(), "The harbour opens at six.");
}

TEST_F(ServiceTest, SameRequestIdGivesTheSameAnswer) {
  v1::InjectContextRequest request;
  request.mutable_content()->set_text("The harbour opens at six.");
  request.set_request_id("a");
  v1::InjectContextResponse first;
  v1::InjectContextResponse second;
  ASSERT_TRUE(Inject(request, &first).ok());
  ASSERT_TRUE(Inject(request, &second).ok());
  EXPECT_EQ(first.SerializeAsString(), second.SerializeAsString());

  request.mutable_content()->set_text("The harbour opens at seven.");
  const grpc::Status status = Inject(request, &second);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(ReasonOf(status), kReasonRequestIdConflict);
  EXPECT_EQ(log_->last_sequence(), 1);
}

TEST_F(ServiceTest, TextThatIsNotUtf8IsNamed) {
  // ExperienceContent.text = "\xff\xfe", in the wire format: no client library would send it.
  const std::string content = std::string("\x0a\x02\xff\xfe", 4);
  const std::string request = std::string("\x0a", 1) + static_cast<char>(content.size()) + content;
  const grpc::Status status = CallRaw("/imprint.v1.ImprintService/InjectContext", request);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ReasonOf(status), kReasonInvalidUtf8);
  EXPECT_THAT(status.error_message(), HasSubstr("not valid UTF-8"));
  EXPECT_THAT(BadFields(status), ElementsAre("imprint.v1.ExperienceContent.text"));
  EXPECT_EQ(log_->last_sequence(), 0);
}

TEST_F(ServiceTest, BytesThatAreNoMessageAreAnInvalidArgument) {
  const grpc::Status status = CallRaw("/imprint.v1.ImprintService/InjectContext", "\x0a\x7f");
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ReasonOf(status), kReasonUnreadableRequest);
}

TEST_F(ServiceTest, InjectThatIsTooLargeNamesTheFlag) {
  const grpc::Status status = InjectText(std::string(5000, 'x'));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("5,000 bytes; the limit is 4,096"));
  EXPECT_THAT(status.error_message(), HasSubstr("--inject.max_bytes"));
}

TEST_F(ServiceTest, MessageBeyondTheReceiveLimitIsRefused) {
  const grpc::Status status = InjectText(std::string(8 << 20, 'x'));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_TRUE(InjectText("The server goes on.").ok());
}

TEST_F(ServiceTest, GetExperienceGivesItBack) {
  ASSERT_TRUE(InjectText("The harbour opens at six.").ok());
  v1::GetExperienceRequest request;
  request.set_name("experiences/1");
  request.set_view(v1::EXPERIENCE_VIEW_FULL);
  v1::GetExperienceResponse response;
  grpc::ClientContext context;
  ASSERT_TRUE(imprint_->GetExperience(&context, request, &response).ok());
  EXPECT_EQ(response.experience().content().text(), "The harbour opens at six.");
}

TEST_F(ServiceTest, StateAloneComesWithoutTheContent) {
  v1::InjectContextRequest request;
  request.mutable_content()->set_text("The harbour opens at six.");
  (*request.mutable_labels())["team"] = "docks";
  v1::InjectContextResponse response;
  ASSERT_TRUE(Inject(request, &response).ok());

  const v1::Experience experience = Get("experiences/1", v1::EXPERIENCE_VIEW_STATE);

  EXPECT_EQ(experience.state(), v1::EXPERIENCE_STATE_QUEUED);
  EXPECT_EQ(experience.labels().at("team"), "docks");
  EXPECT_FALSE(experience.has_content());
}

// With all its target sentences it was more than a client takes.
TEST_F(ServiceTest, FullExperienceIsCutToWhatAClientTakes) {
  Put([](store::Transaction& transaction) {
    store::ExperienceRecord record;
    record.set_sequence(transaction.NextSequence());
    record.set_state(store::STORED_STATE_READY);
    record.set_text("The harbour opens at six.");
    record.set_target_count(601);
    transaction.PutExperience(record);
    std::vector<store::TargetRecord> targets(601);
    for (store::TargetRecord& target : targets) {
      target.set_kind("sentence");
      target.set_text(std::string(10'000, 'x'));
    }
    targets.back().set_kind("caller");
    transaction.PutTargets(record.sequence(), targets);
    store::ProbeRecord probe;
    probe.set_id(transaction.NextProbe());
    probe.set_sequence(record.sequence());
    transaction.PutProbe(probe);
  });

  const v1::Experience experience = Get("experiences/1", v1::EXPERIENCE_VIEW_FULL);

  EXPECT_EQ(experience.target_count(), 601);
  EXPECT_GT(experience.targets_size(), 250);
  EXPECT_LE(experience.ByteSizeLong(), kMaxFullBytes);
  // What the caller sent is never cut.
  EXPECT_EQ(experience.targets(0).kind(), "caller");
  EXPECT_EQ(experience.probes_size(), 1);
}

TEST_F(ServiceTest, SupersedingTheUnknownIsNotFound) {
  v1::InjectContextRequest request;
  request.mutable_content()->set_text("The harbour opens at seven now.");
  request.set_supersedes("nobody's");
  v1::InjectContextResponse response;
  const grpc::Status status = Inject(request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(ReasonOf(status), kReasonExperienceNotFound);
  EXPECT_THAT(status.error_message(), HasSubstr("nobody's"));
}

TEST_F(ServiceTest, ForgettingWithoutASelectorNamesTheField) {
  v1::ForgetExperienceResponse response;
  grpc::ClientContext context;
  const grpc::Status status = imprint_->ForgetExperience(&context, {}, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(ServiceTest, UnknownExperienceIsNotFound) {
  v1::GetExperienceRequest request;
  request.set_name("experiences/77");
  v1::GetExperienceResponse response;
  grpc::ClientContext context;
  const grpc::Status status = imprint_->GetExperience(&context, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(ReasonOf(status), kReasonExperienceNotFound);
  EXPECT_THAT(status.error_message(), HasSubstr("experiences/77"));
}

TEST_F(ServiceTest, ListIsPagedInTheOrderOfTheLog) {
  for (int i = 1; i <= 5; ++i) ASSERT_TRUE(InjectText(absl::StrCat("Fact ", i, ".")).ok());
  v1::ListExperiencesRequest request;
  request.set_page_size(2);
  std::vector<std::string> names;
  std::vector<int> sizes;
  do {
    v1::ListExperiencesResponse response;
    grpc::ClientContext context;
    ASSERT_TRUE(imprint_->ListExperiences(&context, request, &response).ok());
    for (const auto& experience : response.experiences()) names.push_back(experience.name());
    sizes.push_back(response.experiences_size());
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_THAT(names, ElementsAre("experiences/1", "experiences/2", "experiences/3", "experiences/4",
                                 "experiences/5"));
  EXPECT_THAT(sizes, ElementsAre(2, 2, 1));
}

// One call read the whole log for a label that few carry.
TEST_F(ServiceTest, ListLooksAtBoundedlyManyForOnePage) {
  constexpr int kExperiences = 2 * kMaxRowsPerPage + 5;
  Put([](store::Transaction& transaction) {
    for (int i = 1; i <= kExperiences; ++i) {
      store::ExperienceRecord record;
      record.set_sequence(transaction.NextSequence());
      record.set_state(store::STORED_STATE_QUEUED);
      (*record.mutable_labels())["team"] = i == kExperiences ? "docks" : "sheds";
      transaction.PutExperience(record);
    }
  });
  v1::ListExperiencesRequest request;
  (*request.mutable_labels())["team"] = "docks";
  std::vector<int> sizes;
  do {
    v1::ListExperiencesResponse response;
    grpc::ClientContext context;
    ASSERT_TRUE(imprint_->ListExperiences(&context, request, &response).ok());
    sizes.push_back(response.experiences_size());
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_THAT(sizes, ElementsAre(0, 0, 1));
}

TEST_F(ServiceTest, PageTokenBelongsToItsFilter) {
  v1::ListExperiencesRequest request;
  request.set_state(v1::EXPERIENCE_STATE_QUEUED);
  request.set_page_token(MakePageToken("experiences/0", 1));
  v1::ListExperiencesResponse response;
  grpc::ClientContext context;
  const grpc::Status status = imprint_->ListExperiences(&context, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(BadFields(status), ElementsAre("page_token"));
}

TEST_F(ServiceTest, ScoreGivesOneEntryForEachToken) {
  v1::ScoreRequest request;
  *request.mutable_messages() = Ask("When?").messages();
  request.set_answer("At six.");
  request.set_top_k(1);
  request.add_requested_ids()->add_ids(3);
  v1::ScoreResponse response;
  grpc::ClientContext context;
  const grpc::Status status = imprint_->Score(&context, request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  // The answer's tokens and its end of turn.
  EXPECT_EQ(response.tokens_size(),
            static_cast<int>(text_->EncodeContinuation("At six.")->size()) + 1);
  EXPECT_EQ(response.tokens().rbegin()->id(), text_->stop_ids().front());
  EXPECT_EQ(response.tokens(0).top_ids_size(), 1);
  EXPECT_DOUBLE_EQ(response.tokens(0).rest_mass(), 0);
  EXPECT_EQ(response.tokens(0).requested_log_probabilities_size(), 1);
}

TEST_F(ServiceTest, ScoreRefusesListsThatDoNotMatchTheTokens) {
  v1::ScoreRequest request;
  *request.mutable_messages() = Ask("When?").messages();
  request.mutable_token_ids()->add_ids(4);
  for (int i = 0; i < 3; ++i) request.add_requested_ids()->add_ids(3);
  v1::ScoreResponse response;
  grpc::ClientContext context;
  const grpc::Status status = imprint_->Score(&context, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(BadFields(status), ElementsAre("requested_ids"));
}

TEST_F(ServiceTest, EventsStreamFromNowOnAndEndWithTheHub) {
  v1::Event before;
  before.mutable_job()->set_name("jobs/1");
  events_.Publish(before);
  grpc::ClientContext context;
  auto reader = admin_->StreamEvents(&context, v1::StreamEventsRequest());
  reader->WaitForInitialMetadata();
  v1::Event after;
  after.mutable_job()->set_name("jobs/2");
  events_.Publish(after);
  v1::StreamEventsResponse response;
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_EQ(response.event().job().name(), "jobs/2");
  events_.Close();
  EXPECT_FALSE(reader->Read(&response));
  const grpc::Status status = reader->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(ReasonOf(status), kReasonDraining);
}

TEST_F(ServiceTest, EventsCanGoOnAfterAnId) {
  for (const char* name : {"jobs/1", "jobs/2", "jobs/3"}) {
    v1::Event event;
    event.mutable_job()->set_name(name);
    events_.Publish(event);
  }
  v1::StreamEventsRequest request;
  request.set_after_id(1);
  grpc::ClientContext context;
  auto reader = admin_->StreamEvents(&context, request);
  v1::StreamEventsResponse response;
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_EQ(response.event().job().name(), "jobs/2");
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_EQ(response.event().job().name(), "jobs/3");
  context.TryCancel();
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(ServiceTest, CallsAreCountedByMethodAndCode) {
  ASSERT_TRUE(InjectText("The harbour opens at six.").ok());
  EXPECT_FALSE(InjectText("").ok());
  const std::string text = metrics_.Text();
  EXPECT_THAT(text, HasSubstr("{code=\"OK\",method=\"InjectContext\"} 1"));
  EXPECT_THAT(text, HasSubstr("{code=\"INVALID_ARGUMENT\",method=\"InjectContext\"} 1"));
  // Shown before their first call.
  EXPECT_THAT(text, HasSubstr("{code=\"OK\",method=\"RollbackVersion\"} 0"));
}

TEST_F(ServiceTest, MadeUpMethodIsUnimplementedAndNoLabel) {
  const grpc::Status status = CallRaw("/imprint.v1.ImprintService/MadeUp", "");
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_THAT(metrics_.Text(), Not(HasSubstr("MadeUp")));
}

TEST_F(ServiceTest, TakenPortIsNamed) {
  const std::string address = absl::StrCat("127.0.0.1:", server_->port());
  const auto second = Server::Start({.address = address}, &deps_, nullptr);
  EXPECT_THAT(second,
              imprint::testing::IsError(absl::StatusCode::kUnavailable, HasSubstr(address)));
}

TEST_F(ServiceTest, AdminServiceCanHaveItsOwnAddress) {
  IMPRINT_ASSERT_OK_AND_ASSIGN(
      std::unique_ptr<Server> server,
      Server::Start({.address = "127.0.0.1:0", .admin_address = "127.0.0.1:0"}, &deps_, nullptr));
  ASSERT_NE(server->port(), server->admin_port());
  auto channel = grpc::CreateChannel(absl::StrCat("127.0.0.1:", server->port()),
                                     grpc::InsecureChannelCredentials());
  grpc::ClientContext context;
  v1::ListVersionsResponse response;
  EXPECT_EQ(v1::AdminService::NewStub(channel)
                ->ListVersions(&context, v1::ListVersionsRequest(), &response)
                .error_code(),
            grpc::StatusCode::UNIMPLEMENTED);
  auto admin_channel = grpc::CreateChannel(absl::StrCat("127.0.0.1:", server->admin_port()),
                                           grpc::InsecureChannelCredentials());
  grpc::ClientContext admin_context;
  EXPECT_TRUE(v1::AdminService::NewStub(admin_channel)
                  ->ListVersions(&admin_context, v1::ListVersionsRequest(), &response)
                  .ok());
  EXPECT_EQ(response.versions(0).name(), "versions/0");
}

// With an updater, which jobs are asked of too.
class JobServiceTest : public ServiceTest {
 protected:
  void SetUp() override {
    ServiceTest::SetUp();
    const update::UpdaterDeps deps = {
        .store = store_.get(),
        .log = log_.get(),
        .versions = versions_.get(),
        .engine = &engine_,
        .distiller = nullptr,
        .gate = nullptr,
        .retention = [](const auto&) { return absl::UnavailableError("none is wanted"); },
        .rebuild = {},
        .metrics = nullptr,
        .clock = Clock::Real(),
    };
    IMPRINT_ASSERT_OK_AND_ASSIGN(updater_, update::Updater::Start({}, deps));
    deps_.updater = updater_.get();
  }

  // A job that is over, of so many experiences.
  static void PutJob(store::Transaction& transaction, int experiences,
                     const std::string& reason = "") {
    store::JobRecord job;
    job.set_id(transaction.NextJob());
    job.set_state(store::STORED_JOB_STATE_COMMITTED);
    job.set_state_reason(reason);
    for (int sequence = 1; sequence <= experiences; ++sequence) {
      job.add_sequences(sequence);
      (*job.mutable_report()->mutable_experience_efficacies())[sequence] = 0.5;
    }
    transaction.PutJob(job);
  }

  v1::ListJobsResponse ListJobs(const std::string& page_token = "") {
    v1::ListJobsRequest request;
    request.set_page_size(kMaxPageSize);
    request.set_page_token(page_token);
    v1::ListJobsResponse response;
    grpc::ClientContext context;
    const grpc::Status status = admin_->ListJobs(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }

  std::unique_ptr<update::Updater> updater_;
};

// A client takes 4 MiB; the names and efficacies of these are more.
TEST_F(JobServiceTest, JobOfVeryManyExperiencesFitsAnAnswer) {
  constexpr int kExperiences = 100'000;
  Put([](store::Transaction& transaction) { PutJob(transaction, kExperiences); });

  const v1::ListJobsResponse listed = ListJobs();
  v1::GetJobRequest request;
  request.set_name("jobs/1");
  v1::GetJobResponse alone;
  grpc::ClientContext context;
  const grpc::Status got = admin_->GetJob(&context, request, &alone);

  ASSERT_EQ(listed.jobs_size(), 1);
  EXPECT_EQ(listed.jobs(0).experience_count(), kExperiences);
  EXPECT_EQ(listed.jobs(0).experiences_size(), kNamesInLists);
  ASSERT_TRUE(got.ok()) << got.error_message();
  EXPECT_EQ(alone.job().experience_count(), kExperiences);
  EXPECT_EQ(alone.job().experiences_size(), kNamesInOne);
}

TEST_F(JobServiceTest, PageOfJobsEndsWhereItGrowsLarge) {
  constexpr int kJobs = 700;
  Put([](store::Transaction& transaction) {
    for (int i = 0; i < kJobs; ++i) PutJob(transaction, 100, std::string(4000, 'x'));
  });

  std::vector<std::string> names;
  std::vector<int> sizes;
  std::string token;
  do {
    const v1::ListJobsResponse page = ListJobs(token);
    EXPECT_LT(page.ByteSizeLong(), kMaxPageBytes + 10'000);
    for (const v1::Job& job : page.jobs()) names.push_back(job.name());
    sizes.push_back(page.jobs_size());
    token = page.next_page_token();
  } while (!token.empty() && sizes.size() < 10);

  EXPECT_GT(sizes.size(), 1u);
  ASSERT_EQ(names.size(), static_cast<size_t>(kJobs));
  EXPECT_EQ(names.front(), "jobs/700");
  EXPECT_EQ(names.back(), "jobs/1");
}

}  // namespace
}  // namespace imprint::rpc
