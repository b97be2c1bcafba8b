// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Tombstones, and what supersedes what, as the log keeps them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/experience/log_fixture.h"

namespace imprint::experience {
namespace {

using ::imprint::testing::HasCode;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr auto kForgotten = store::STORED_STATE_FORGOTTEN;
constexpr auto kReady = store::STORED_STATE_READY;

class ForgetLogTest : public LogFixture {
 protected:
  void Forget(int64_t sequence) {
    IMPRINT_EXPECT_OK(log_->Forget({sequence}, "no more", [](int64_t) { return false; }));
  }

  std::vector<int64_t> Pending() { return Sequences(*log_->Pending({}, 100)); }

  // Supersedes by name or request_id.
  int64_t Supersede(const std::string& reference, const std::string& request_id = "") {
    std::promise<AppendResult> appended;
    log_->Append(
        MakeRecord("newer", request_id),
        [&appended](AppendResult result) { appended.set_value(std::move(result)); }, reference);
    const AppendResult result = appended.get_future().get();
    IMPRINT_EXPECT_OK(result);
    return result.ok() ? result->sequence() : 0;
  }
};

TEST_F(ForgetLogTest, TombstoneHasPlaceAndRequestIdAndNothingElse) {
  store::ExperienceRecord record = MakeRecord("text", "id", {{"user", "ada"}});
  record.add_caller_targets()->set_answer("a sentence");
  const int64_t sequence = Append(*log_, record)->sequence();
  IMPRINT_ASSERT_OK(log_->StoreTargets(sequence, MakeTargets(2), {store::ProbeRecord()}));

  Forget(sequence);

  const store::ExperienceRecord tombstone = *log_->Get(sequence);
  EXPECT_EQ(tombstone.state(), kForgotten);
  EXPECT_EQ(tombstone.state_reason(), "no more");
  EXPECT_EQ(tombstone.request_id(), "id");
  EXPECT_EQ(tombstone.text(), "");
  EXPECT_EQ(tombstone.body_digest(), "");
  EXPECT_THAT(tombstone.labels(), IsEmpty());
  EXPECT_THAT(tombstone.caller_targets(), IsEmpty());
  EXPECT_EQ(tombstone.target_count(), 0);
  EXPECT_THAT(*store_->GetTargets(sequence), IsEmpty());
  EXPECT_THAT(*store_->GetProbes(sequence), IsEmpty());
  EXPECT_EQ(log_->Counts().forgotten, 1);
  EXPECT_THAT(log_->Ready(), IsEmpty());
}

TEST_F(ForgetLogTest, EveryStateCanBeForgotten) {
  for (const store::StoredState state :
       {store::STORED_STATE_QUEUED, kReady, store::STORED_STATE_INTEGRATED,
        store::STORED_STATE_HELD, store::STORED_STATE_QUARANTINED}) {
    const int64_t sequence = AppendInState(state);

    Forget(sequence);

    EXPECT_EQ(StateOf(sequence), kForgotten);
  }
}

TEST_F(ForgetLogTest, LateRetryGetsTheTombstone) {
  const int64_t sequence = Append(*log_, MakeRecord("text", "id"))->sequence();
  Forget(sequence);

  const AppendResult again = Append(*log_, MakeRecord("text", "id"));

  IMPRINT_ASSERT_OK(again);
  EXPECT_EQ(again->sequence(), sequence);
  EXPECT_EQ(again->state(), kForgotten);
  IMPRINT_ASSERT_OK(OpenLog());
  EXPECT_EQ(Append(*log_, MakeRecord("text", "id"))->sequence(), sequence);
  EXPECT_EQ(log_->last_sequence(), sequence);
}

TEST_F(ForgetLogTest, WhatComesLateIsNotWritten) {
  const int64_t sequence = AppendInState(store::STORED_STATE_QUEUED);
  Forget(sequence);

  // The generator was at it.
  EXPECT_THAT(log_->StoreTargets(sequence, MakeTargets(), {}),
              HasCode(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(log_->Quarantine(sequence, "poison"), HasCode(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(log_->Release(sequence), HasCode(absl::StatusCode::kFailedPrecondition));
  IMPRINT_EXPECT_OK(log_->RecordEfficacy({{sequence, 0.5}}, 1));
  EXPECT_FALSE(log_->Get(sequence)->has_efficacy());
  EXPECT_THAT(*store_->GetTargets(sequence), IsEmpty());
}

TEST_F(ForgetLogTest, ForgettingIsAllOrNothing) {
  const int64_t sequence = AppendInState(kReady);

  EXPECT_THAT(log_->Forget({sequence, 99}, "", [](int64_t) { return false; }),
              HasCode(absl::StatusCode::kNotFound));

  EXPECT_EQ(StateOf(sequence), kReady);
}

TEST_F(ForgetLogTest, SelectorFitsOnAllThatItHas) {
  const int64_t a =
      Append(*log_, MakeRecord("a", "id-a", {{"user", "ada"}, {"kind", "note"}}))->sequence();
  const int64_t b = Append(*log_, MakeRecord("b", "id-b", {{"user", "ada"}}))->sequence();

  EXPECT_THAT(*log_->Select({.labels = {{"user", "ada"}}}), ElementsAre(a, b));
  EXPECT_THAT(*log_->Select({.labels = {{"user", "ada"}, {"kind", "note"}}}), ElementsAre(a));
  EXPECT_THAT(*log_->Select({.request_id = "id-b"}), ElementsAre(b));
  EXPECT_THAT(*log_->Select({.request_id = "id-b", .labels = {{"kind", "note"}}}), IsEmpty());
  EXPECT_THAT(*log_->Select({.sequence = a, .request_id = "id-b"}), IsEmpty());
  EXPECT_THAT(*log_->Select({.sequence = a, .request_id = "id-a"}), ElementsAre(a));
  EXPECT_THAT(*log_->Select({.labels = {{"user", "bob"}}}), IsEmpty());
  EXPECT_THAT(log_->Select({.request_id = "none"}), HasCode(absl::StatusCode::kNotFound));
}

TEST_F(ForgetLogTest, SupersededOneIsNeitherPendingNorReady) {
  const int64_t older = AppendInState(kReady);
  const int64_t newer = Supersede("experiences/1");

  EXPECT_EQ(log_->Get(newer)->supersedes(), older);
  EXPECT_TRUE(log_->IsSuperseded(older));
  EXPECT_THAT(log_->Ready(), IsEmpty());
  EXPECT_THAT(Pending(), ElementsAre(newer));
  IMPRINT_ASSERT_OK(OpenLog());
  EXPECT_TRUE(log_->IsSuperseded(older));

  Forget(newer);

  EXPECT_FALSE(log_->IsSuperseded(older));
  EXPECT_THAT(Pending(), ElementsAre(older));
}

TEST_F(ForgetLogTest, SupersedesByRequestIdAndRefusesTheUnknown) {
  IMPRINT_ASSERT_OK(Append(*log_, MakeRecord("older", "mine")));

  EXPECT_EQ(log_->Get(Supersede("mine"))->supersedes(), 1);

  for (const char* unknown : {"nobody's", "experiences/9"}) {
    std::promise<AppendResult> appended;
    log_->Append(
        MakeRecord("newer"),
        [&appended](AppendResult result) { appended.set_value(std::move(result)); }, unknown);
    EXPECT_THAT(appended.get_future().get(), HasCode(absl::StatusCode::kNotFound));
  }
  EXPECT_EQ(log_->last_sequence(), 2);
}

// It was told that there is no such experience.
TEST_F(ForgetLogTest, SupersedingWhatCannotBeReadIsNotNotFound) {
  AppendInState(store::STORED_STATE_QUARANTINED);
  log_.reset();
  ChangeRow(store::Family::kContents, store::NumberKey(1), std::nullopt);
  IMPRINT_ASSERT_OK(OpenLog());

  std::promise<AppendResult> appended;
  log_->Append(
      MakeRecord("newer"),
      [&appended](AppendResult result) { appended.set_value(std::move(result)); }, "experiences/1");

  EXPECT_THAT(appended.get_future().get(), HasCode(absl::StatusCode::kDataLoss));
  EXPECT_EQ(log_->last_sequence(), 1);
}

TEST_F(ForgetLogTest, TombstoneIsOpenUntilItIsClosedAndAgainAfterARestart) {
  const int64_t first = AppendInState(kReady);
  const int64_t second = AppendInState(kReady);
  AppendInState(kReady);
  EXPECT_THAT(log_->OpenTombstones(), IsEmpty());

  Forget(second);
  Forget(first);
  EXPECT_THAT(log_->OpenTombstones(), ElementsAre(first, second));
  log_->CloseTombstones({first});
  EXPECT_THAT(log_->OpenTombstones(), ElementsAre(second));
  // A second time is nothing new.
  Forget(first);
  EXPECT_THAT(log_->OpenTombstones(), ElementsAre(second));

  IMPRINT_ASSERT_OK(OpenLog());
  EXPECT_THAT(log_->OpenTombstones(), ElementsAre(first, second));
}

// The transaction that looks at them next must not miss one that the index does not show yet.
TEST_F(ForgetLogTest, TombstoneIsOpenFromWhenItIsStaged) {
  const int64_t sequence = AppendInState(kReady);

  IMPRINT_ASSERT_OK(store_->Transact([&](store::Transaction& transaction) {
    return log_->StageForget(transaction, sequence, "", /*keep_probes=*/false);
  }));

  EXPECT_FALSE(log_->IsForgotten(sequence));
  EXPECT_THAT(log_->OpenTombstones(), ElementsAre(sequence));
  IMPRINT_ASSERT_OK(log_->Refresh());
  EXPECT_TRUE(log_->IsForgotten(sequence));
}

// The disk failed, and had taken the tombstone all the same.
TEST_F(ForgetLogTest, TombstoneThatIsFoundAgainIsOpen) {
  const int64_t sequence = AppendInState(kReady);
  fs_->Fail(fakes::Fault::kLogSyncThenWrites);
  EXPECT_FALSE(log_->Forget({sequence}, "", [](int64_t) { return false; }).ok());
  fs_->Heal();

  IMPRINT_ASSERT_OK(log_->Refresh());

  EXPECT_EQ(StateOf(sequence), kForgotten);
  EXPECT_TRUE(log_->IsForgotten(sequence));
  EXPECT_THAT(log_->OpenTombstones(), ElementsAre(sequence));
}

TEST_F(ForgetLogTest, ExpiredOneIsNotPendingAnyMore) {
  store::ExperienceRecord record = MakeRecord("text");
  record.set_ttl_micros(absl::ToInt64Microseconds(absl::Seconds(10)));
  const int64_t sequence = Append(*log_, record)->sequence();
  EXPECT_THAT(Pending(), ElementsAre(sequence));

  clock_.Advance(absl::Seconds(11));

  EXPECT_THAT(Pending(), IsEmpty());
}

TEST_F(ForgetLogTest, RebuiltOnesKeepTheirFirstVersion) {
  const int64_t sequence = AppendInState(store::STORED_STATE_INTEGRATED);

  IMPRINT_ASSERT_OK(store_->Transact([&](store::Transaction& transaction) {
    return log_->StageIntegrated(transaction, {sequence}, 7, {{sequence, 0.75}});
  }));
  IMPRINT_ASSERT_OK(log_->Refresh());

  EXPECT_EQ(log_->Get(sequence)->version(), 1);
  EXPECT_EQ(log_->Get(sequence)->efficacy(), 0.75);
  EXPECT_EQ(log_->Get(sequence)->efficacy_version(), 7);
}

}  // namespace
}  // namespace imprint::experience
