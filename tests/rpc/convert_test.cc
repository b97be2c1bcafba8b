// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/rpc/convert.h"

#include <cstdint>
#include <limits>
#include <optional>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace imprint::rpc {
namespace {

using ::testing::ElementsAre;

v1::InjectContextRequest Request() {
  v1::InjectContextRequest request;
  request.mutable_content()->set_text("The harbour opens at six.");
  request.set_request_id("a");
  for (const char* key : {"one", "two", "three", "four", "five"}) {
    (*request.mutable_labels())[key] = "x";
  }
  v1::TargetSentence& target = *request.add_targets();
  target.mutable_question_answer()->set_question("When?");
  target.mutable_question_answer()->set_answer("At six.");
  request.add_targets()->set_text("Six is when it opens.");
  v1::InjectProbe& probe = *request.add_probes();
  probe.set_question("What opens?");
  probe.set_expected_answer("The harbour.");
  return request;
}

TEST(ConvertTest, InjectBecomesARecord) {
  const store::ExperienceRecord record = ToRecord(Request());
  EXPECT_EQ(record.text(), "The harbour opens at six.");
  EXPECT_EQ(record.request_id(), "a");
  EXPECT_EQ(record.labels_size(), 5);
  ASSERT_EQ(record.caller_targets_size(), 2);
  EXPECT_EQ(record.caller_targets(0).question(), "When?");
  EXPECT_EQ(record.caller_targets(1).question(), "");
  EXPECT_EQ(record.caller_targets(1).answer(), "Six is when it opens.");
  ASSERT_EQ(record.caller_probes_size(), 1);
  EXPECT_EQ(record.caller_probes(0).answer(), "The harbour.");
}

TEST(ConvertTest, DigestIsOfTheBodyAlone) {
  v1::InjectContextRequest other_id = Request();
  other_id.set_request_id("b");
  EXPECT_EQ(ToRecord(Request()).body_digest(), ToRecord(other_id).body_digest());
  EXPECT_EQ(ToRecord(Request()).body_digest().size(), 32u);

  v1::InjectContextRequest other_label = Request();
  (*other_label.mutable_labels())["one"] = "y";
  EXPECT_NE(ToRecord(Request()).body_digest(), ToRecord(other_label).body_digest());
  v1::InjectContextRequest other_probe = Request();
  other_probe.clear_probes();
  EXPECT_NE(ToRecord(Request()).body_digest(), ToRecord(other_probe).body_digest());
}

TEST(ConvertTest, DigestDoesNotDependOnTheOrderOfLabels) {
  v1::InjectContextRequest reversed = Request();
  reversed.clear_labels();
  for (const char* key : {"five", "four", "three", "two", "one"}) {
    (*reversed.mutable_labels())[key] = "x";
  }
  EXPECT_EQ(ToRecord(Request()).body_digest(), ToRecord(reversed).body_digest());
}

TEST(ConvertTest, ConversationComesBackAsItWas) {
  v1::InjectContextRequest request;
  for (const char* role : {"user", "assistant"}) {
    v1::ChatMessage& message = *request.mutable_content()->mutable_conversation()->add_messages();
    message.set_role(role);
    message.set_content("hello");
  }
  store::ExperienceRecord record = ToRecord(request);
  record.set_sequence(3);
  const v1::Experience experience = ToProto(record, false, Content::kWith);
  EXPECT_EQ(experience.content().SerializeAsString(), request.content().SerializeAsString());
  EXPECT_EQ(experience.name(), "experiences/3");
  EXPECT_FALSE(ToProto(record, false, Content::kWithout).has_content());
}

TEST(ConvertTest, ReadyInTheRunningJobIsTraining) {
  store::ExperienceRecord record;
  record.set_state(store::STORED_STATE_READY);
  EXPECT_EQ(ToProto(record, true, Content::kWithout).state(), v1::EXPERIENCE_STATE_TRAINING);
  EXPECT_EQ(ToProto(record, false, Content::kWithout).state(), v1::EXPERIENCE_STATE_READY);
}

TEST(ConvertTest, ProbeThatTheContextDoesNotChangeIsUnmeasurable) {
  probe::ProbeScore score;
  score.probe.set_sequence(1);
  score.tokens = 10;
  score.kl_base = 5;
  score.kl_student = 1;
  EXPECT_DOUBLE_EQ(ToProto(score, 4).efficacy(), 0.8);
  score.kl_base = 0.1;
  EXPECT_FALSE(ToProto(score, 4).has_efficacy());
}

TEST(ConvertTest, ReservedVersionShowsOnlyOnceCommitted) {
  store::JobRecord job;
  job.set_id(2);
  job.set_version(7);
  job.add_sequences(1);
  job.add_sequences(4);
  job.set_state(store::STORED_JOB_STATE_TRAINING);
  EXPECT_EQ(ToProto(job, std::nullopt).version(), 0);
  job.set_state(store::STORED_JOB_STATE_COMMITTED);
  EXPECT_EQ(ToProto(job, std::nullopt).version(), 7);
  EXPECT_THAT(ToProto(job, std::nullopt).experiences(),
              ElementsAre("experiences/1", "experiences/4"));
}

// A list of such jobs was more than a client takes.
TEST(ConvertTest, JobInAListNamesTheFirstAndCountsAll) {
  store::JobRecord job;
  job.set_id(2);
  for (int sequence = 1; sequence <= 60; ++sequence) job.add_sequences(sequence);
  for (int sequence = 1001; sequence <= 1200; ++sequence) job.add_rebuilt(sequence);
  (*job.mutable_report()->mutable_experience_efficacies())[1040] = 0.5;

  const v1::Job listed = ToProto(job, std::nullopt);
  const v1::Job alone = ToProto(job, std::nullopt, kNamesInOne);

  EXPECT_EQ(listed.experience_count(), 60);
  EXPECT_EQ(listed.rebuilt_experience_count(), 200);
  EXPECT_EQ(listed.experiences_size(), 60);
  EXPECT_EQ(listed.rebuilt_experiences_size(), 40);
  EXPECT_EQ(listed.rebuilt_experiences().rbegin()[0], "experiences/1040");
  ASSERT_EQ(listed.report().experience_efficacies_size(), 100);
  EXPECT_EQ(listed.report().experience_efficacies(99).efficacy(), 0.5);
  EXPECT_EQ(alone.experience_count(), 60);
  EXPECT_EQ(alone.rebuilt_experiences_size(), 200);
  EXPECT_EQ(alone.report().experience_efficacies_size(), 260);
}

TEST(ConvertTest, RebuildSaysWhatItTrainsAgainAndWhy) {
  store::JobRecord job;
  job.set_id(2);
  EXPECT_EQ(ToProto(job, std::nullopt).kind(), v1::JOB_KIND_UPDATE);
  job.set_kind(store::STORED_JOB_KIND_REBUILD);
  job.set_trigger(store::STORED_TRIGGER_FORGET);
  job.add_rebuilt(3);
  (*job.mutable_report()->mutable_experience_efficacies())[3] = 0.5;
  job.mutable_report()->set_forgotten_efficacy(0.01);

  const v1::Job proto = ToProto(job, std::nullopt);

  EXPECT_EQ(proto.kind(), v1::JOB_KIND_REBUILD);
  EXPECT_EQ(proto.trigger(), v1::JOB_TRIGGER_FORGET);
  EXPECT_THAT(proto.rebuilt_experiences(), ElementsAre("experiences/3"));
  ASSERT_EQ(proto.report().experience_efficacies_size(), 1);
  EXPECT_EQ(proto.report().experience_efficacies(0).efficacy(), 0.5);
  EXPECT_EQ(proto.report().forgotten_efficacy(), 0.01);
}

TEST(ConvertTest, CostThatIsNotKnownIsAbsent) {
  const v1::RebuildCost unknown = ToProto(update::RebuildCost());
  EXPECT_FALSE(unknown.has_steps());
  EXPECT_FALSE(unknown.has_seconds());
  update::RebuildCost cost;
  cost.steps = 5;
  cost.seconds = 2.5;
  EXPECT_EQ(ToProto(cost).steps(), 5);
  EXPECT_EQ(ToProto(cost).seconds(), 2.5);
}

TEST(ConvertTest, TombstoneHasNoContent) {
  store::ExperienceRecord record;
  record.set_sequence(1);
  record.set_state(store::STORED_STATE_FORGOTTEN);
  EXPECT_FALSE(ToProto(record, false, Content::kWith).has_content());
}

TEST(ConvertTest, TimeToLiveEndsSoLongAfterTheInjection) {
  v1::InjectContextRequest request = Request();
  request.mutable_ttl()->set_seconds(60);
  store::ExperienceRecord record = ToRecord(request);
  record.set_state(store::STORED_STATE_QUEUED);
  record.set_create_time_micros(5'000'000);
  record.set_supersedes(4);

  const v1::Experience proto = ToProto(record, false, Content::kWithout);

  EXPECT_EQ(proto.expire_time().seconds(), 65);
  EXPECT_EQ(proto.supersedes(), "experiences/4");
  EXPECT_NE(record.body_digest(), ToRecord(Request()).body_digest());
}

TEST(ConvertTest, RunningJobHasProgress) {
  store::JobRecord job;
  job.set_id(2);
  update::Updater::Running running;
  running.job = job;
  running.progress = {.step = 5, .total_steps = 20, .loss = 0.5, .tokens = 1000, .seconds = 10};
  const v1::JobProgress progress = ToProto(job, running).progress();
  EXPECT_EQ(progress.tokens_per_second(), 100);
  EXPECT_EQ(progress.time_left().seconds(), 30);
  job.set_id(3);
  EXPECT_FALSE(ToProto(job, running).has_progress());
}

TEST(ConvertTest, TimesBeyondTheCalendarAreItsEnds) {
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(ToTimestamp(1'500'000).seconds(), 1);
  EXPECT_EQ(ToTimestamp(1'500'000).nanos(), 500'000'000);
  // What protobuf throws at, which would end the server.
  EXPECT_EQ(ToTimestamp(kMax).seconds(), 253'402'300'799);
  EXPECT_EQ(ToTimestamp(-kMax).seconds(), -62'135'596'800);
  store::ExperienceRecord lasting;
  lasting.set_ttl_micros(kMax);
  EXPECT_EQ(ToProto(lasting, /*training=*/false, Content::kWith).expire_time().seconds(),
            253'402'300'799);
}

}  // namespace
}  // namespace imprint::rpc
