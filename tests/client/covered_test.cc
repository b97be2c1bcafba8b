// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/cli/covered.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/client/fake_server.h"

namespace imprint::client {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> Names(const std::vector<v1::Experience>& experiences) {
  std::vector<std::string> names;
  for (const v1::Experience& experience : experiences) names.push_back(experience.name());
  return names;
}

Covered ListAllCovered(const FakeServer& server, int64_t last) {
  ExperiencesByName before;
  EXPECT_TRUE(ListSetAside(server.command(), before).ok());
  Covered covered;
  EXPECT_TRUE(ListCovered(server.command(), last, before, covered).ok());
  return covered;
}

bool IsUnfiltered(const v1::ListExperiencesRequest& request) {
  return request.state() == v1::EXPERIENCE_STATE_UNSPECIFIED;
}

TEST(ListCovered, LeavesOutWhatIsIntegratedOrCameLater) {
  FakeServer server;
  server.world().Put(1, v1::EXPERIENCE_STATE_INTEGRATED);
  server.world().Put(2, v1::EXPERIENCE_STATE_QUEUED);
  server.world().Put(3, v1::EXPERIENCE_STATE_TRAINING);
  server.world().Put(4, v1::EXPERIENCE_STATE_READY);

  const Covered covered = ListAllCovered(server, 3);

  EXPECT_THAT(Names(covered.waited_for), ElementsAre("experiences/2", "experiences/3"));
  EXPECT_THAT(covered.set_aside, IsEmpty());
}

TEST(ListCovered, WhatWasSetAsideBeforeIsNotWaitedFor) {
  FakeServer server;
  server.world().Put(1, v1::EXPERIENCE_STATE_QUARANTINED, "too hard");
  server.world().Put(2, v1::EXPERIENCE_STATE_HELD);
  server.world().Put(3, v1::EXPERIENCE_STATE_FORGOTTEN);

  const Covered covered = ListAllCovered(server, 3);

  EXPECT_THAT(covered.waited_for, IsEmpty());
  EXPECT_THAT(Names(covered.set_aside),
              ElementsAre("experiences/1", "experiences/2", "experiences/3"));
}

// A server ends a page where it looked at many and few fitted.
TEST(ListCovered, AnEmptyPageIsNotTheEnd) {
  FakeServer server;
  server.world().empty_pages = true;
  for (int64_t i = 1; i <= 2; ++i) server.world().Put(i, v1::EXPERIENCE_STATE_QUEUED);

  EXPECT_EQ(ListAllCovered(server, 2).waited_for.size(), 2U);
}

// A job that is rejected and split moves its experiences from TRAINING to READY between the
// pages of a listing.
TEST(ListCovered, AJobThatIsSplitMeanwhileHidesNothing) {
  FakeServer server;
  for (int64_t i = 1; i <= 3; ++i) server.world().Put(i, v1::EXPERIENCE_STATE_TRAINING);
  server.world().on_list = [](FakeWorld& world, const auto& request) {
    if (!IsUnfiltered(request) || request.page_token() != "1") return;
    for (int64_t i = 1; i <= 3; ++i) world.Put(i, v1::EXPERIENCE_STATE_READY);
  };

  EXPECT_EQ(ListAllCovered(server, 3).waited_for.size(), 3U);
}

TEST(ListCovered, WhatIsQuarantinedMeanwhileIsAFailure) {
  FakeServer server;
  server.world().Put(1, v1::EXPERIENCE_STATE_TRAINING);
  server.world().Put(2, v1::EXPERIENCE_STATE_HELD);
  server.world().on_list = [](FakeWorld& world, const auto& request) {
    if (!IsUnfiltered(request) || !request.page_token().empty()) return;
    world.Put(1, v1::EXPERIENCE_STATE_QUARANTINED, "efficacy is low");
    // Released and set aside again: it was tried.
    world.Put(2, v1::EXPERIENCE_STATE_HELD);
  };

  const Covered covered = ListAllCovered(server, 2);

  EXPECT_THAT(Names(covered.waited_for), ElementsAre("experiences/1", "experiences/2"));
  EXPECT_THAT(covered.set_aside, IsEmpty());
}

}  // namespace
}  // namespace imprint::client
