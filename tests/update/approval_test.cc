// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// A version that passed the gate waits until it is approved, or dropped.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "server/update/updater.h"
#include "tests/update/updater_fixture.h"

namespace imprint::update {
namespace {

using ::imprint::testing::HasCode;
using ::imprint::testing::IsError;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr auto kAwaiting = store::STORED_JOB_STATE_AWAITING_APPROVAL;
constexpr auto kCommitted = store::STORED_JOB_STATE_COMMITTED;
constexpr auto kIntegrated = store::STORED_STATE_INTEGRATED;
constexpr auto kReady = store::STORED_STATE_READY;
constexpr auto kHeld = store::STORED_STATE_HELD;

class ApprovalTest : public UpdaterFixture {
 protected:
  ApprovalTest() { server_->manual_approval_ = true; }
  void TearDown() override { server_.reset(); }

  // Ends the server, and opens its folder again.
  void Restart() {
    Open();
    server_->manual_approval_ = true;
    Start();
  }

  // Ends what `data` was copied from, and opens the copy: what a crash then would have left.
  void OpenCrashed(const std::filesystem::path& data) {
    server_.reset();
    server_ = std::make_unique<Server>(data, base_);
    server_->manual_approval_ = true;
    Start();
  }

  ::testing::AssertionResult AwaitHeld(int64_t job) {
    return Eventually([this, job] { return updater().awaiting_approval() == job; });
  }

  // After its job has begun again.
  ::testing::AssertionResult AwaitHeldAgain(int64_t job) {
    const auto again = server_->Await([job](const store::JobRecord& step) {
      return step.id() == job && step.state() == kAwaiting && step.attempt() == 2;
    });
    return again ? AwaitHeld(job) : again;
  }

  // Trains `count` new ones; their job awaits approval then.
  std::vector<int64_t> Train(int count, int64_t job) {
    const std::vector<int64_t> sequences = server_->Inject(count);
    IMPRINT_EXPECT_OK(updater().RunNow());
    EXPECT_TRUE(AwaitHeld(job));
    return sequences;
  }

  std::vector<int64_t> Learn(int count, int64_t job) {
    const std::vector<int64_t> sequences = Train(count, job);
    IMPRINT_EXPECT_OK(updater().Approve(job));
    return sequences;
  }

  store::JobRecord JobOf(int64_t id) const {
    for (const store::JobRecord& job : server_->Jobs()) {
      if (job.id() == id) return job;
    }
    return {};
  }
  double Metric(const std::string& line) const {
    const std::string text = server_->metrics_.Text();
    const std::string sample = "\n" + line + " ";
    const size_t found = text.find(sample);
    return found == std::string::npos ? -1 : std::stod(text.substr(found + sample.size()));
  }
  bool HasFiles(const char* number) const {
    return std::filesystem::exists(temp_ / "data" / "versions" / number);
  }
};

TEST_F(ApprovalTest, NothingIsServedBeforeItIsApproved) {
  Start();

  const std::vector<int64_t> sequences = Train(2, 1);

  EXPECT_EQ(JobOf(1).state(), kAwaiting);
  EXPECT_NEAR(JobOf(1).report().efficacy(), 1, 1e-3);
  EXPECT_EQ(versions().current()->number, 0);
  EXPECT_TRUE(server_->Versions().empty());
  EXPECT_EQ(server_->StateOf(sequences[0]), kReady);
  EXPECT_FALSE(updater().running().has_value());
  EXPECT_EQ(Metric("imprint_jobs_awaiting_approval"), 1);

  IMPRINT_ASSERT_OK(updater().Approve(1));

  EXPECT_EQ(JobOf(1).state(), kCommitted);
  EXPECT_EQ(versions().current()->number, 1);
  EXPECT_THAT(versions().Contained(), ElementsAre(sequences[0], sequences[1]));
  EXPECT_NEAR(fakes::Knowledge(*versions().current(), sequences[0]), 1, 1e-6);
  EXPECT_EQ(server_->StateOf(sequences[0]), kIntegrated);
  EXPECT_NEAR(server_->log_->Get(sequences[0])->efficacy(), 1, 1e-3);
  EXPECT_GT(server_->Versions()[0].size_bytes(), 0);
  EXPECT_EQ(server_->engine_.current()->number, 1);
  EXPECT_EQ(Metric("imprint_jobs_awaiting_approval"), 0);
  EXPECT_EQ(Metric("imprint_jobs_total{result=\"committed\"}"), 1);
}

TEST_F(ApprovalTest, NoOtherJobStartsMeanwhile) {
  Start();
  Train(1, 1);
  const int64_t second = server_->Inject(1)[0];

  EXPECT_THAT(updater().RunNow().status(),
              IsError(absl::StatusCode::kFailedPrecondition, HasSubstr("jobs/1 awaits approval")));
  EXPECT_THAT(updater().Rebuild(std::nullopt, false).status(),
              HasCode(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(server_->Jobs().size(), 1u);

  IMPRINT_ASSERT_OK(updater().Approve(1));
  RunNow();

  ASSERT_TRUE(AwaitHeld(2));
  EXPECT_THAT(JobOf(2).sequences(), ElementsAre(second));
}

TEST_F(ApprovalTest, ADroppedOnesExperiencesAreHeldAndItsFilesGone) {
  Start();
  const int64_t sequence = Train(1, 1)[0];
  ASSERT_TRUE(HasFiles("00000001"));

  IMPRINT_ASSERT_OK(updater().Drop(1));

  EXPECT_EQ(JobOf(1).state(), store::STORED_JOB_STATE_REJECTED);
  EXPECT_THAT(JobOf(1).state_reason(), HasSubstr("approval"));
  EXPECT_EQ(server_->StateOf(sequence), kHeld);
  EXPECT_EQ(versions().current()->number, 0);
  EXPECT_FALSE(HasFiles("00000001"));
  EXPECT_EQ(Metric("imprint_jobs_rejected_total{reason=\"approval\"}"), 1);
  EXPECT_EQ(Metric("imprint_jobs_failed_in_a_row"), 0);
  EXPECT_THAT(updater().Approve(1), HasCode(absl::StatusCode::kFailedPrecondition));

  // Released, it is trained again.
  IMPRINT_ASSERT_OK(server_->log_->Release(sequence).status());
  RunNow();
  ASSERT_TRUE(AwaitHeld(2));
}

TEST_F(ApprovalTest, CanBeCancelledAsWell) {
  Start();
  const int64_t sequence = Train(1, 1)[0];

  IMPRINT_ASSERT_OK(updater().Cancel(1));

  EXPECT_EQ(JobOf(1).state(), store::STORED_JOB_STATE_CANCELLED);
  EXPECT_EQ(server_->StateOf(sequence), kHeld);
  EXPECT_FALSE(updater().awaiting_approval().has_value());
}

TEST_F(ApprovalTest, OnlyTheJobThatAwaitsItIsApproved) {
  Start();
  Learn(1, 1);

  EXPECT_THAT(updater().Approve(1), IsError(absl::StatusCode::kFailedPrecondition,
                                            HasSubstr("jobs/1 does not await approval")));
  EXPECT_THAT(updater().Drop(7), HasCode(absl::StatusCode::kNotFound));
}

TEST_F(ApprovalTest, ARestartChangesNothing) {
  Start();
  const int64_t sequence = Train(1, 1)[0];

  Restart();

  EXPECT_EQ(updater().awaiting_approval(), 1);
  EXPECT_EQ(versions().current()->number, 0);
  EXPECT_TRUE(HasFiles("00000001"));
  EXPECT_EQ(Metric("imprint_jobs_awaiting_approval"), 1);
  IMPRINT_ASSERT_OK(updater().Approve(1));
  EXPECT_EQ(JobOf(1).state(), kCommitted);
  EXPECT_EQ(JobOf(1).attempt(), 1);
  EXPECT_NEAR(fakes::Knowledge(*versions().current(), sequence), 1, 1e-6);
}

TEST_F(ApprovalTest, ACrashLeavesItAwaitingOrCommittedOnce) {
  const auto copy = [this](const char* name) {
    std::filesystem::copy(temp_ / "data", temp_ / name, std::filesystem::copy_options::recursive);
  };
  server_->on_job = [&](const store::JobRecord& job) {
    if (job.state() == kCommitted) copy("after");
  };
  Start();
  const int64_t sequence = Train(1, 1)[0];
  copy("before");
  IMPRINT_ASSERT_OK(updater().Approve(1));

  OpenCrashed(temp_ / "before");
  EXPECT_EQ(updater().awaiting_approval(), 1);
  IMPRINT_ASSERT_OK(updater().Approve(1));
  EXPECT_EQ(server_->Versions().size(), 1u);
  EXPECT_EQ(server_->StateOf(sequence), kIntegrated);

  OpenCrashed(temp_ / "after");
  EXPECT_FALSE(updater().awaiting_approval().has_value());
  EXPECT_THAT(updater().Approve(1), HasCode(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(server_->Versions().size(), 1u);
  EXPECT_EQ(versions().current()->number, 1);
  EXPECT_EQ(server_->StateOf(sequence), kIntegrated);
}

TEST_F(ApprovalTest, WhatIsForgottenMeanwhileIsNotPublished) {
  Start();
  const std::vector<int64_t> sequences = Train(2, 1);

  IMPRINT_ASSERT_OK(updater().Forget({.sequence = sequences[0]}).status());

  // It is trained again without it.
  ASSERT_TRUE(AwaitHeldAgain(1));
  EXPECT_THAT(JobOf(1).sequences(), ElementsAre(sequences[1]));
  IMPRINT_ASSERT_OK(updater().Approve(1));
  EXPECT_THAT(versions().Contained(), ElementsAre(sequences[1]));
  EXPECT_NEAR(fakes::Knowledge(*versions().current(), sequences[0]), 0, 1e-6);
}

TEST_F(ApprovalTest, WhatIsForgottenInTheSameMomentIsNotPublished) {
  Start();
  const std::vector<int64_t> sequences = Train(2, 1);

  // As if the thread had not come to look after it: it has done so after the job.
  ASSERT_TRUE(Eventually([this] { return !updater().forgetting()->in_files; }));
  IMPRINT_ASSERT_OK(
      server_->log_->Forget({sequences[0]}, "test", [](int64_t) { return false; }).status());
  EXPECT_THAT(updater().Approve(1), HasCode(absl::StatusCode::kAborted));

  ASSERT_TRUE(AwaitHeld(1));
  EXPECT_THAT(JobOf(1).sequences(), ElementsAre(sequences[1]));
  EXPECT_EQ(versions().current()->number, 0);
}

TEST_F(ApprovalTest, ForgettingWaitsForNobody) {
  Start();
  const std::vector<int64_t> first = Learn(2, 1);
  const int64_t second = Train(1, 2)[0];

  IMPRINT_ASSERT_OK(updater().Forget({.sequence = first[0]}).status());

  // Out of the weights, in a job of its own; the other one awaits approval again.
  ASSERT_TRUE(server_->AwaitState(3, kCommitted));
  EXPECT_THAT(versions().Contained(), ElementsAre(first[1]));
  EXPECT_NEAR(fakes::Knowledge(*versions().current(), first[0]), 0, 1e-6);
  ASSERT_TRUE(AwaitHeld(2));
  EXPECT_THAT(JobOf(2).sequences(), ElementsAre(second));
  IMPRINT_ASSERT_OK(updater().Approve(2));
  EXPECT_THAT(versions().Contained(), ElementsAre(first[1], second));
  EXPECT_NEAR(fakes::Knowledge(*versions().current(), first[0]), 0, 1e-6);
}

TEST_F(ApprovalTest, AfterARollbackItsJobBeginsAgain) {
  Start();
  Learn(1, 1);
  const int64_t second = Train(1, 2)[0];

  IMPRINT_ASSERT_OK(updater().Rollback(0).status());

  ASSERT_TRUE(AwaitHeldAgain(2));
  IMPRINT_ASSERT_OK(updater().Approve(2));
  EXPECT_THAT(versions().Contained(), ElementsAre(second));
  EXPECT_EQ(JobOf(2).crashes(), 0);
}

TEST_F(ApprovalTest, BrokenFilesAreNotPublished) {
  Start();
  const int64_t sequence = Train(1, 1)[0];
  std::filesystem::resize_file(temp_ / "data" / "versions" / "00000001" / "delta-0.safetensors",
                               20);

  EXPECT_THAT(updater().Approve(1), HasCode(absl::StatusCode::kDataLoss));

  ASSERT_TRUE(AwaitHeld(1));
  EXPECT_EQ(JobOf(1).attempt(), 2);
  IMPRINT_ASSERT_OK(updater().Approve(1));
  EXPECT_NEAR(fakes::Knowledge(*versions().current(), sequence), 1, 1e-6);
}

TEST_F(ApprovalTest, ARebuildAwaitsItToo) {
  Start();
  const std::vector<int64_t> learned = Learn(2, 1);

  const auto planned = updater().Rebuild(0, /*dry_run=*/false);
  IMPRINT_ASSERT_OK(planned);
  ASSERT_TRUE(AwaitHeld(planned->job));
  EXPECT_EQ(versions().current()->number, 1);

  IMPRINT_ASSERT_OK(updater().Approve(planned->job));
  EXPECT_EQ(versions().current()->number, 2);
  EXPECT_EQ(versions().current()->parent, 0);
  EXPECT_THAT(versions().Contained(), ElementsAre(learned[0], learned[1]));
}

TEST_F(ApprovalTest, APauseDoesNotKeepItFromBeingApproved) {
  Start();
  Train(1, 1);
  IMPRINT_ASSERT_OK(updater().Pause());
  IMPRINT_ASSERT_OK(updater().Approve(1));
  EXPECT_EQ(versions().current()->number, 1);
}

TEST_F(ApprovalTest, TwoWhoDecideAtOnceDoNotBothSucceed) {
  Start();
  Train(1, 1);
  absl::Status approved, dropped;
  std::thread other([&] { approved = updater().Approve(1); });
  dropped = updater().Drop(1);
  other.join();

  EXPECT_NE(approved.ok(), dropped.ok());
  EXPECT_EQ(JobOf(1).state(), approved.ok() ? kCommitted : store::STORED_JOB_STATE_REJECTED);
  EXPECT_EQ(server_->Versions().size(), approved.ok() ? 1u : 0u);
}

}  // namespace
}  // namespace imprint::update
