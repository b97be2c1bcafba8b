// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/cli/wait.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/client/fake_server.h"

namespace imprint::client {
namespace {

using ::testing::HasSubstr;

std::vector<v1::Experience> AllOf(FakeServer& server) {
  std::vector<v1::Experience> experiences;
  for (const auto& entry : server.world().experiences) experiences.push_back(entry.second);
  return experiences;
}

TEST(Await, APassingStandstillIsWaitedFor) {
  FakeServer server;
  server.world().Put(1, v1::EXPERIENCE_STATE_READY);
  server.world().status.set_updates_stopped_reason("no space left");
  server.world().on_get = [looks = 0](FakeWorld& world) mutable {
    if (++looks == 3) world.Put(1, v1::EXPERIENCE_STATE_INTEGRATED);
  };
  std::vector<v1::Experience> experiences = AllOf(server);

  EXPECT_EQ(Await(server.command(), WaitFor::kIntegrated, experiences), kOk);
  EXPECT_EQ(experiences.front().state(), v1::EXPERIENCE_STATE_INTEGRATED);
}

TEST(Await, GoesOnWhereAQuotaIsUsedUpAndAsksNotForWhatItMayNotSee) {
  FakeServer server;
  server.world().Put(1, v1::EXPERIENCE_STATE_READY);
  server.world().refusals = {QuotaUsedUp(absl::Milliseconds(1)),
                             QuotaUsedUp(absl::Milliseconds(1))};
  server.world().status_refusal = grpc::Status(grpc::StatusCode::PERMISSION_DENIED, "admin");
  server.world().on_get = [looks = 0](FakeWorld& world) mutable {
    if (++looks == 3) world.Put(1, v1::EXPERIENCE_STATE_INTEGRATED);
  };
  std::vector<v1::Experience> experiences = AllOf(server);

  EXPECT_EQ(Await(server.command(), WaitFor::kIntegrated, experiences), kOk);
  EXPECT_EQ(server.world().status_looks, 1);
}

TEST(Await, APauseEndsTheWait) {
  FakeServer server;
  server.world().Put(1, v1::EXPERIENCE_STATE_READY);
  server.world().status.set_updates_paused(true);
  std::vector<v1::Experience> experiences = AllOf(server);

  ::testing::internal::CaptureStderr();
  const int code = Await(server.command(), WaitFor::kIntegrated, experiences);

  EXPECT_EQ(code, kFailed);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              HasSubstr("1 of 1 not integrated: updates are paused"));
}

TEST(Await, NamesWhatIsQuarantinedWithTheReason) {
  FakeServer server;
  server.world().Put(1, v1::EXPERIENCE_STATE_INTEGRATED);
  server.world().Put(2, v1::EXPERIENCE_STATE_TRAINING);
  server.world().status.set_running_job("jobs/1");
  server.world().on_get = [](FakeWorld& world) {
    world.Put(2, v1::EXPERIENCE_STATE_QUARANTINED, "efficacy is low");
  };
  std::vector<v1::Experience> experiences = AllOf(server);

  ::testing::internal::CaptureStderr();
  const int code = Await(server.command(), WaitFor::kIntegrated, experiences);

  EXPECT_EQ(code, kFailed);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            "imprint: experiences/2 is quarantined: efficacy is low\n");
}

TEST(Await, ReadyIsEnoughWhereReadyIsAskedFor) {
  FakeServer server;
  server.world().Put(1, v1::EXPERIENCE_STATE_QUEUED);
  server.world().status.set_updates_paused(true);
  server.world().on_get = [](FakeWorld& world) { world.Put(1, v1::EXPERIENCE_STATE_READY); };
  std::vector<v1::Experience> experiences = AllOf(server);

  EXPECT_EQ(Await(server.command(), WaitFor::kReady, experiences), kOk);
}

// What was said, up to a megabyte each, came with every look.
TEST(Await, AsksForTheStateAlone) {
  FakeServer server;
  server.world().Put(1, v1::EXPERIENCE_STATE_QUEUED);
  server.world().on_get = [](FakeWorld& world) { world.Put(1, v1::EXPERIENCE_STATE_READY); };
  std::vector<v1::Experience> experiences = AllOf(server);

  EXPECT_EQ(Await(server.command(), WaitFor::kReady, experiences), kOk);
  EXPECT_EQ(server.world().last_view, v1::EXPERIENCE_VIEW_STATE);
}

TEST(AskForUpdate, AsksAgainDuringAPassingStandstill) {
  FakeServer server;
  server.world().Put(1, v1::EXPERIENCE_STATE_READY);
  server.world().status.set_updates_stopped_reason("no space left");
  server.world().on_run_update = [asked = 0](FakeWorld& world) mutable {
    if (++asked == 2) world.status.clear_updates_stopped_reason();
  };
  v1::RunUpdateResponse response;

  const grpc::Status status = AskForUpdate(server.command(), response);

  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.last_sequence(), 1);
}

TEST(AskForUpdate, IsRefusedAtOnceWhilePaused) {
  FakeServer server;
  server.world().status.set_updates_paused(true);
  server.world().status.set_running_job("jobs/1");
  v1::RunUpdateResponse response;

  const grpc::Status status = AskForUpdate(server.command(), response);

  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(status.error_message(), HasSubstr("paused"));
}

}  // namespace
}  // namespace imprint::client
