// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/cli/output.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "imprint/v1/admin_service.pb.h"
#include "imprint/v1/experience.pb.h"

namespace imprint::client {
namespace {

TEST(ToJson, NumbersAreNumbersAndEnumsAreWords) {
  v1::Experience experience;
  experience.set_name("experiences/7");
  experience.set_sequence(7);
  experience.set_state(v1::EXPERIENCE_STATE_READY);
  (*experience.mutable_labels())["user"] = "ada";
  experience.mutable_create_time()->set_seconds(0);

  const auto json = ToJson(experience);

  EXPECT_EQ(json["sequence"], 7);
  EXPECT_EQ(json["state"], "ready");
  EXPECT_EQ(json["labels"]["user"], "ada");
  EXPECT_EQ(json["create_time"], "1970-01-01T00:00:00+00:00");
  EXPECT_FALSE(json.contains("efficacy")) << "absent is not 0";
  experience.set_efficacy(0.5);
  EXPECT_EQ(ToJson(experience)["efficacy"], 0.5);
}

TEST(ToJson, RepeatedAndNestedMessages) {
  v1::Job job;
  job.add_experiences("experiences/1");
  job.mutable_progress()->mutable_time_left()->set_seconds(90);
  (*job.mutable_report()->mutable_phase_seconds())["train"] = 2.5;

  const auto json = ToJson(job);

  EXPECT_EQ(json["experiences"][0], "experiences/1");
  EXPECT_EQ(json["progress"]["time_left"], 90.0);
  EXPECT_EQ(json["report"]["phase_seconds"]["train"], 2.5);
}

TEST(FormatBytes, PicksAUnit) {
  EXPECT_EQ(FormatBytes(0), "0.0 kB");
  EXPECT_EQ(FormatBytes(9'120), "9.1 kB");
  EXPECT_EQ(FormatBytes(12'340'000), "12.3 MB");
  EXPECT_EQ(FormatBytes(2'000'000'000), "2.0 GB");
}

TEST(FormatCount, OneIsSingular) {
  EXPECT_EQ(FormatCount(1, "experience"), "1 experience");
  EXPECT_EQ(FormatCount(0, "experience"), "0 experiences");
}

TEST(FormatOptional, WhatRoundsToZeroHasNoSign) {
  EXPECT_EQ(FormatOptional(true, -0.001), "0.00");
  EXPECT_EQ(FormatOptional(true, -0.01), "-0.01");
  EXPECT_EQ(FormatOptional(false, 1), "-");
}

}  // namespace
}  // namespace imprint::client
