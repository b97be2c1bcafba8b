// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Transitions of an experience, one by one.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "server/experience/states.h"
#include "tests/experience/log_fixture.h"

namespace imprint::experience {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::HasCode;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsError;

constexpr store::StoredState kQueued = store::STORED_STATE_QUEUED;
constexpr store::StoredState kReady = store::STORED_STATE_READY;
constexpr store::StoredState kIntegrated = store::STORED_STATE_INTEGRATED;
constexpr store::StoredState kHeld = store::STORED_STATE_HELD;
constexpr store::StoredState kQuarantined = store::STORED_STATE_QUARANTINED;
constexpr store::StoredState kForgotten = store::STORED_STATE_FORGOTTEN;

class StateTest : public LogFixture {};

TEST_F(StateTest, TheLegalTransitionsAreTheseAndNoOthers) {
  const std::vector<std::pair<store::StoredState, store::StoredState>> legal = {
      {kQueued, kReady},
      {kQueued, kQuarantined},
      {kReady, kIntegrated},
      {kReady, kQuarantined},
      {kReady, kHeld},
      {kIntegrated, kHeld},
      {kHeld, kIntegrated},
      {kHeld, kReady},
      {kHeld, kQueued},
      {kQuarantined, kReady},
      {kQuarantined, kQueued},
      {kQueued, kForgotten},
      {kReady, kForgotten},
      {kIntegrated, kForgotten},
      {kHeld, kForgotten},
      {kQuarantined, kForgotten},
      {kQuarantined, kIntegrated}};
  for (auto from : {kQueued, kReady, kIntegrated, kHeld, kQuarantined, kForgotten}) {
    for (auto to : {kQueued, kReady, kIntegrated, kHeld, kQuarantined, kForgotten}) {
      const bool expected =
          std::find(legal.begin(), legal.end(), std::pair(from, to)) != legal.end();
      EXPECT_EQ(IsLegalTransition(from, to), expected)
          << StateName(from) << " to " << StateName(to);
    }
  }
}

TEST_F(StateTest, AnIllegalMoveLeavesTheRecordAlone) {
  store::ExperienceRecord record;
  record.set_sequence(7);
  record.set_state(kIntegrated);
  EXPECT_THAT(
      MoveTo(kReady, "why", absl::Now(), record),
      IsError(absl::StatusCode::kFailedPrecondition,
              AllOf(HasSubstr("experiences/7"), HasSubstr("INTEGRATED"), HasSubstr("READY"))));
  EXPECT_EQ(record.state(), kIntegrated);
  EXPECT_EQ(record.state_reason(), "");
}

TEST_F(StateTest, StoredTargetsMakeItReady) {
  const int64_t sequence = AppendInState(kQueued);
  clock_.Advance(absl::Seconds(9));
  std::vector<store::ProbeRecord> probes(2);
  probes[0].set_question("where?");

  IMPRINT_ASSERT_OK(log_->StoreTargets(sequence, MakeTargets(4, 5), probes));

  IMPRINT_ASSERT_OK_AND_ASSIGN(store::ExperienceRecord record, log_->Get(sequence));
  EXPECT_EQ(record.state(), kReady);
  EXPECT_EQ(record.target_count(), 4);
  EXPECT_EQ(record.target_tokens(), 20);
  EXPECT_EQ(record.probe_count(), 2);
  EXPECT_EQ(record.update_time_micros(), absl::ToUnixMicros(clock_.Now()));
  EXPECT_LT(record.create_time_micros(), record.update_time_micros());
  IMPRINT_ASSERT_OK_AND_ASSIGN(auto targets, store_->GetTargets(sequence));
  EXPECT_EQ(targets.size(), 4u);
  IMPRINT_ASSERT_OK_AND_ASSIGN(auto stored_probes, store_->GetProbes(sequence));
  ASSERT_EQ(stored_probes.size(), 2u);
  EXPECT_EQ(stored_probes[0].question(), "where?");
  EXPECT_EQ(stored_probes[0].id(), 1);
  EXPECT_EQ(stored_probes[1].id(), 2);
}

TEST_F(StateTest, ProbeIdsAreNeverUsedAgain) {
  IMPRINT_ASSERT_OK(
      log_->StoreTargets(AppendInState(kQueued), MakeTargets(), {store::ProbeRecord()}));
  IMPRINT_ASSERT_OK_AND_ASSIGN(store::ProbeRecord first, store_->GetProbe(1));
  IMPRINT_ASSERT_OK(store_->Transact([&](store::Transaction& transaction) {
    transaction.DeleteProbe(first);
    return absl::OkStatus();
  }));
  const int64_t second = AppendInState(kQueued);
  IMPRINT_ASSERT_OK(log_->StoreTargets(second, MakeTargets(), {store::ProbeRecord()}));

  IMPRINT_ASSERT_OK_AND_ASSIGN(auto probes, store_->GetProbes(second));
  EXPECT_EQ(probes.at(0).id(), 2);
}

TEST_F(StateTest, TargetsAreStoredOnceAndNeverNone) {
  const int64_t ready = AppendInState(kReady);
  EXPECT_THAT(log_->StoreTargets(ready, MakeTargets(9), {}),
              IsError(absl::StatusCode::kFailedPrecondition, HasSubstr("READY")));
  IMPRINT_ASSERT_OK_AND_ASSIGN(auto targets, store_->GetTargets(ready));
  EXPECT_EQ(targets.size(), 1u);

  EXPECT_THAT(log_->StoreTargets(AppendInState(kQueued), {}, {}),
              HasCode(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(log_->StoreTargets(99, MakeTargets(), {}), HasCode(absl::StatusCode::kNotFound));
}

TEST_F(StateTest, QuarantineKeepsTheReason) {
  for (auto state : {kQueued, kReady}) {
    const int64_t sequence = AppendInState(state);
    IMPRINT_ASSERT_OK(log_->Quarantine(sequence, "it failed alone in the gate"));
    IMPRINT_ASSERT_OK_AND_ASSIGN(store::ExperienceRecord record, log_->Get(sequence));
    EXPECT_EQ(record.state(), kQuarantined);
    EXPECT_EQ(record.state_reason(), "it failed alone in the gate");
  }
  for (auto state : {kIntegrated, kHeld, kQuarantined}) {
    EXPECT_THAT(log_->Quarantine(AppendInState(state), "x"),
                HasCode(absl::StatusCode::kFailedPrecondition));
  }
}

TEST_F(StateTest, ReleaseGivesReadyWithTargetsAndQueuedWithout) {
  IMPRINT_ASSERT_OK_AND_ASSIGN(store::ExperienceRecord without,
                               log_->Release(AppendInState(kQuarantined)));
  EXPECT_EQ(without.state(), kQueued);
  EXPECT_EQ(without.state_reason(), "");
  const int64_t with_targets = AppendInState(kReady);
  IMPRINT_ASSERT_OK(log_->Quarantine(with_targets, "x"));
  IMPRINT_ASSERT_OK_AND_ASSIGN(store::ExperienceRecord with, log_->Release(with_targets));
  EXPECT_EQ(with.state(), kReady);
  IMPRINT_ASSERT_OK_AND_ASSIGN(store::ExperienceRecord held, log_->Release(AppendInState(kHeld)));
  EXPECT_EQ(held.state(), kReady);
}

TEST_F(StateTest, OnlyHeldAndQuarantinedOnesAreReleased) {
  for (auto state : {kQueued, kReady, kIntegrated}) {
    EXPECT_THAT(log_->Release(AppendInState(state)),
                IsError(absl::StatusCode::kFailedPrecondition,
                        AllOf(HasSubstr(StateName(state)), HasSubstr("HELD"))));
  }
  EXPECT_THAT(log_->Release(99), HasCode(absl::StatusCode::kNotFound));
}

TEST_F(StateTest, RecordEfficacyChangesNothingElse) {
  const int64_t sequence = AppendInState(kIntegrated);
  IMPRINT_ASSERT_OK_AND_ASSIGN(store::ExperienceRecord before, log_->Get(sequence));
  clock_.Advance(absl::Seconds(1));

  IMPRINT_ASSERT_OK(log_->RecordEfficacy({{sequence, 0.75}, {99, 0.5}}, 4));

  IMPRINT_ASSERT_OK_AND_ASSIGN(store::ExperienceRecord after, log_->Get(sequence));
  EXPECT_EQ(after.efficacy(), 0.75);
  EXPECT_EQ(after.efficacy_version(), 4);
  before.set_efficacy(0.75);
  before.set_efficacy_version(4);
  EXPECT_EQ(after.SerializeAsString(), before.SerializeAsString());
}

TEST_F(StateTest, QueuedOnesAreTakenInOrder) {
  const int64_t first = AppendInState(kQueued);
  AppendInState(kReady);
  const int64_t third = AppendInState(kQueued);

  EXPECT_EQ(log_->NextQueued(0), first);
  EXPECT_EQ(log_->NextQueued(first), third);
  EXPECT_EQ(log_->NextQueued(third), std::nullopt);
  EXPECT_EQ(log_->CountQueued(first), 1);
  EXPECT_EQ(log_->CountQueued(third), 2);
  EXPECT_EQ(log_->CountQueued(0), 0);
}

TEST_F(StateTest, ReadyOnesCarryTimeAndTokens) {
  const absl::Time accepted = clock_.Now();
  const int64_t sequence = AppendInState(kQueued);
  clock_.Advance(absl::Minutes(5));
  IMPRINT_ASSERT_OK(log_->StoreTargets(sequence, MakeTargets(2, 7), {}));
  AppendInState(kQueued);

  const std::vector<ExperienceLog::ReadyExperience> ready = log_->Ready();

  ASSERT_EQ(ready.size(), 1u);
  EXPECT_EQ(ready[0].sequence, sequence);
  EXPECT_EQ(ready[0].since, accepted + absl::Minutes(5));
  EXPECT_EQ(ready[0].target_tokens, 14);
  EXPECT_EQ(log_->OldestWaiting(), accepted);
}

TEST_F(StateTest, CountsFollowEveryChangeAndARestart) {
  AppendInState(kQueued);
  AppendInState(kReady);
  const int64_t training = AppendInState(kReady);
  AppendInState(kIntegrated);
  AppendInState(kHeld);
  AppendInState(kQuarantined);
  log_->SetTraining({training});

  const auto expect_counts = [&](int64_t in_training) {
    const StateCounts counts = log_->Counts();
    EXPECT_EQ(counts.queued, 1);
    EXPECT_EQ(counts.ready, 2);
    EXPECT_EQ(counts.training, in_training);
    EXPECT_EQ(counts.integrated, 1);
    EXPECT_EQ(counts.held, 1);
    EXPECT_EQ(counts.quarantined, 1);
    EXPECT_EQ(counts.forgotten, 0);
    EXPECT_EQ(log_->last_sequence(), 6);
  };
  expect_counts(1);
  const std::vector<ExperienceLog::ReadyExperience> before = log_->Ready();
  IMPRINT_ASSERT_OK(OpenLog());
  expect_counts(0);
  const std::vector<ExperienceLog::ReadyExperience> after = log_->Ready();
  ASSERT_EQ(after.size(), before.size());
  EXPECT_EQ(after[0].since, before[0].since);
  EXPECT_EQ(after[0].target_tokens, before[0].target_tokens);
  EXPECT_EQ(log_->NextQueued(0), 1);
}

TEST_F(StateTest, TrainingEndsWithReady) {
  const int64_t first = AppendInState(kReady);
  const int64_t second = AppendInState(kReady);
  const int64_t queued = AppendInState(kQueued);
  log_->SetTraining({first, second, queued});
  EXPECT_TRUE(log_->IsTraining(first));
  EXPECT_FALSE(log_->IsTraining(queued));

  IMPRINT_ASSERT_OK(log_->Quarantine(first, "x"));
  EXPECT_FALSE(log_->IsTraining(first));
  EXPECT_TRUE(log_->IsTraining(second));
  log_->SetTraining({});
  EXPECT_FALSE(log_->IsTraining(second));
}

TEST_F(StateTest, AnIndexWithAHoleIsDataLoss) {
  AppendInState(kQueued);
  // A number that was given out, but whose experience is not there.
  IMPRINT_ASSERT_OK(store_->Transact([](store::Transaction& transaction) {
    transaction.NextSequence();
    return absl::OkStatus();
  }));
  EXPECT_THAT(OpenLog(), IsError(absl::StatusCode::kDataLoss,
                                 AllOf(HasSubstr("experiences/2"), HasSubstr("missing"))));
}

TEST_F(StateTest, ListersGetPagesByStateAndLabels) {
  for (int i = 1; i <= 700; ++i) {
    IMPRINT_ASSERT_OK(store_->Transact([&](store::Transaction& transaction) {
      store::ExperienceRecord record;
      record.set_sequence(transaction.NextSequence());
      record.set_state(i % 2 == 0 ? kReady : kQueued);
      (*record.mutable_labels())["hundred"] = std::to_string(i / 100);
      (*record.mutable_labels())["team"] = "blue";
      transaction.PutExperience(record);
      return absl::OkStatus();
    }));
  }
  const auto list = [&](const ExperienceLog::Filter& filter, int64_t after, int limit) {
    return Sequences(log_->List(filter, after, limit)->records);
  };

  EXPECT_THAT(list({}, 698, 5), ElementsAre(699, 700));
  EXPECT_THAT(list({}, 0, 2), ElementsAre(1, 2));
  EXPECT_THAT(list({.state = kReady}, 2, 2), ElementsAre(4, 6));
  EXPECT_THAT(list({.labels = {{"hundred", "6"}}}, 0, 3), ElementsAre(600, 601, 602));
  EXPECT_THAT(list({.state = kQueued, .labels = {{"hundred", "6"}, {"team", "blue"}}}, 601, 2),
              ElementsAre(603, 605));
  EXPECT_THAT(list({.labels = {{"hundred", "6"}, {"team", "red"}}}, 0, 3), IsEmpty());
  EXPECT_THAT(list({.state = kHeld}, 0, 3), IsEmpty());
}

TEST_F(StateTest, ListGoesOnWhereItStoppedLooking) {
  for (int i = 1; i <= 10; ++i) AppendInState(kQueued, {{"odd", i % 2 == 1 ? "yes" : "no"}});
  const ExperienceLog::Filter odd = {.labels = {{"odd", "yes"}}};

  const auto full = log_->List(odd, 0, /*limit=*/2);
  const auto stopped = log_->List(odd, 3, /*limit=*/10, /*max_rows=*/3);
  const auto rest = log_->List(odd, 6, /*limit=*/10);

  EXPECT_THAT(Sequences(full->records), ElementsAre(1, 3));
  EXPECT_EQ(full->next_after, 3);
  EXPECT_EQ(full->rows, 3);
  EXPECT_THAT(Sequences(stopped->records), ElementsAre(5));
  EXPECT_EQ(stopped->next_after, 6);
  EXPECT_EQ(stopped->rows, 3);
  EXPECT_THAT(Sequences(rest->records), ElementsAre(7, 9));
  EXPECT_EQ(rest->next_after, std::nullopt);
}

// Each may be a megabyte.
TEST_F(StateTest, WhatWasSaidIsReadOfThoseThatFitAlone) {
  const int64_t other = AppendInState(kQuarantined, {{"team", "red"}});
  const int64_t wanted = AppendInState(kQuarantined, {{"team", "blue"}});
  log_.reset();
  // Reading it is an error from now on.
  ChangeRow(store::Family::kContents, store::NumberKey(other), std::nullopt);
  IMPRINT_ASSERT_OK(OpenLog());
  ASSERT_THAT(log_->Get(other), HasCode(absl::StatusCode::kDataLoss));

  const auto listing = log_->List({.labels = {{"team", "blue"}}}, 0, 10);
  const auto head = log_->GetHead(other);

  IMPRINT_ASSERT_OK(listing);
  EXPECT_THAT(Sequences(listing->records), ElementsAre(wanted));
  EXPECT_EQ(listing->records[0].text(), "text");
  IMPRINT_ASSERT_OK(head);
  EXPECT_EQ(head->state(), kQuarantined);
  EXPECT_EQ(head->labels().at("team"), "red");
  EXPECT_THAT(*log_->Select({.labels = {{"team", "red"}}}), ElementsAre(other));
}

TEST_F(StateTest, ThoseInTrainingAreListedApart) {
  const int64_t trained = AppendInState(kReady);
  const int64_t waiting = AppendInState(kReady);
  log_->SetTraining({trained});

  EXPECT_THAT(Sequences(log_->List({.state = kReady, .training = true}, 0, 10)->records),
              ElementsAre(trained));
  EXPECT_THAT(Sequences(log_->List({.state = kReady, .training = false}, 0, 10)->records),
              ElementsAre(waiting));
}

TEST_F(StateTest, PendingIsNewestFirstAndNeverWhatWasSetAside) {
  const int64_t integrated = AppendInState(kIntegrated);
  const int64_t queued = AppendInState(kQueued, {{"team", "blue"}});
  const int64_t ready = AppendInState(kReady, {{"team", "blue"}, {"city", "Bern"}});
  const int64_t other = AppendInState(kQueued, {{"team", "red"}});
  AppendInState(kQuarantined, {{"team", "blue"}});
  AppendInState(kHeld, {{"team", "blue"}});
  log_->SetTraining({ready});
  const auto pending = [&](const Labels& labels, int limit) {
    return Sequences(log_->Pending(labels, limit).value());
  };

  EXPECT_EQ(StateOf(integrated), kIntegrated);
  EXPECT_THAT(pending({}, 10), ElementsAre(other, ready, queued));
  EXPECT_THAT(pending({}, 2), ElementsAre(other, ready));
  EXPECT_THAT(pending({{"team", "blue"}}, 10), ElementsAre(ready, queued));
  EXPECT_THAT(pending({{"team", "blue"}}, 1), ElementsAre(ready));
  EXPECT_THAT(pending({{"team", "blue"}, {"city", "Bern"}}, 10), ElementsAre(ready));
  EXPECT_THAT(pending({{"city", "Rome"}}, 10), IsEmpty());
}

}  // namespace
}  // namespace imprint::experience
