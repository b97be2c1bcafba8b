// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// What is deleted leaves the files, and what expires is found.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <iterator>
#include <limits>

#include "tests/store/store_fixture.h"

namespace imprint::store {
namespace {

using ::imprint::testing::HasCode;
using ::imprint::testing::IsOk;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Nothing that a compression could shorten.
constexpr char kSecret[] = "q7Zk0xW3vB9nRt5yLm2cJd8fHs4gPe6u";
constexpr char kProbeSecret[] = "T1aK8eXo5WqN3zVb7RjYc0LfMs9GhD2p";

class PurgeTest : public StoreFixture {
 protected:
  void SetUp() override { IMPRINT_ASSERT_OK(Open()); }

  // Names of files of the store in which `text` is.
  std::vector<std::string> FilesWith(const std::string& text) const {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(dir_ / "store")) {
      std::ifstream file(entry.path(), std::ios::binary);
      const std::string bytes{std::istreambuf_iterator<char>(file), {}};
      if (bytes.find(text) != std::string::npos) found.push_back(entry.path().filename());
    }
    return found;
  }

  void Forget(int64_t sequence) {
    EXPECT_THAT(Transact([&](Transaction& transaction) {
                  ExperienceRecord tombstone;
                  tombstone.set_sequence(sequence);
                  tombstone.set_state(STORED_STATE_FORGOTTEN);
                  transaction.PutExperience(tombstone);
                  transaction.DeleteTargets(sequence);
                }),
                IsOk());
  }

  absl::Status Purge() {
    std::atomic<bool> cancelled = false;
    return store_->Purge(&cancelled);
  }

  int64_t AddSecret() {
    const int64_t sequence = Add(STORED_STATE_READY, kSecret);
    EXPECT_THAT(Transact([&](Transaction& transaction) {
                  TargetRecord target;
                  target.set_text(std::string("target ") + kSecret);
                  transaction.PutTargets(sequence, {target});
                  ProbeRecord probe;
                  probe.set_id(transaction.NextProbe());
                  probe.set_sequence(sequence);
                  probe.set_question(kProbeSecret);
                  transaction.PutProbe(probe);
                }),
                IsOk());
    return sequence;
  }
};

TEST_F(PurgeTest, NothingDueIsNothingToDo) {
  Add(STORED_STATE_READY, kSecret);

  IMPRINT_EXPECT_OK(Purge());

  EXPECT_EQ(FilesWith(kSecret).size(), 1u);
}

TEST_F(PurgeTest, ForgottenTextIsInNoFileAfterwards) {
  const int64_t kept = Add(STORED_STATE_READY, "something else");
  const int64_t secret = AddSecret();
  Forget(secret);
  ASSERT_THAT(FilesWith(kSecret), ::testing::Not(IsEmpty()));

  IMPRINT_ASSERT_OK(Purge());

  EXPECT_THAT(FilesWith(kSecret), IsEmpty());
  EXPECT_EQ(store_->GetExperience(kept)->text(), "something else");
  EXPECT_EQ(store_->GetExperience(secret)->state(), STORED_STATE_FORGOTTEN);
  EXPECT_THAT(store_->ListPurges()->sequences, IsEmpty());
}

TEST_F(PurgeTest, TablesOfTheLastLevelAreRewrittenToo) {
  const int64_t first = AddSecret();
  const int64_t other = Add(STORED_STATE_READY, "something else");
  Forget(other);
  IMPRINT_ASSERT_OK(Purge());
  // Now in tables, and not in the log.
  ASSERT_THAT(FilesWith(kSecret), ::testing::Not(IsEmpty()));
  ASSERT_THAT(FilesWith(kProbeSecret), ::testing::Not(IsEmpty()));

  Forget(first);
  IMPRINT_ASSERT_OK(Purge());
  EXPECT_THAT(FilesWith(kSecret), IsEmpty());
  const std::vector<ProbeRecord> probes = *store_->GetProbes(first);
  ASSERT_EQ(probes.size(), 1u);
  EXPECT_THAT(Transact([&](Transaction& transaction) { transaction.DeleteProbe(probes[0]); }),
              IsOk());
  IMPRINT_ASSERT_OK(Purge());

  EXPECT_THAT(FilesWith(kProbeSecret), IsEmpty());
}

TEST_F(PurgeTest, InterruptedPurgeIsStillDueAlsoAfterReopening) {
  const int64_t secret = AddSecret();
  Forget(secret);
  std::atomic<bool> cancelled = true;
  EXPECT_THAT(store_->Purge(&cancelled), HasCode(absl::StatusCode::kCancelled));

  IMPRINT_ASSERT_OK(Open());

  EXPECT_THAT(store_->ListPurges()->sequences, ElementsAre(secret));
  IMPRINT_ASSERT_OK(Purge());
  EXPECT_THAT(FilesWith(kSecret), IsEmpty());
}

TEST_F(PurgeTest, AHoldThatWasGivenUpHoldsNothing) {
  const int64_t sequence = AddSecret();
  Forget(sequence);
  EXPECT_THAT(store_->HoldPurges([] { return true; }), HasCode(absl::StatusCode::kCancelled));
  IMPRINT_ASSERT_OK(Purge());
  EXPECT_THAT(store_->ListPurges()->sequences, IsEmpty());
}

TEST_F(PurgeTest, ManyAtOnce) {
  for (int i = 0; i < 200; ++i) {
    const int64_t sequence = Add(STORED_STATE_READY, i % 2 == 0 ? kSecret : "something else");
    if (i % 2 == 0) Forget(sequence);
  }

  IMPRINT_ASSERT_OK(Purge());

  EXPECT_THAT(FilesWith(kSecret), IsEmpty());
}

class ExpiryTest : public StoreFixture {
 protected:
  void SetUp() override { IMPRINT_ASSERT_OK(Open()); }

  int64_t AddMortal(int64_t create_time, int64_t ttl) {
    int64_t sequence = 0;
    EXPECT_THAT(Transact([&](Transaction& transaction) {
                  ExperienceRecord record;
                  sequence = transaction.NextSequence();
                  record.set_sequence(sequence);
                  record.set_state(STORED_STATE_QUEUED);
                  record.set_text("text");
                  record.set_create_time_micros(create_time);
                  record.set_ttl_micros(ttl);
                  transaction.PutExperience(record);
                }),
                IsOk());
    return sequence;
  }
};

TEST_F(ExpiryTest, ThoseWhoseTimeIsOverAreListedEarliestFirst) {
  const int64_t late = AddMortal(100, 300);
  const int64_t early = AddMortal(200, 50);
  AddMortal(100, 1000);
  Add(STORED_STATE_READY);

  EXPECT_THAT(*store_->ListExpired(249, 10), IsEmpty());
  EXPECT_THAT(*store_->ListExpired(400, 10), ElementsAre(early, late));
  EXPECT_THAT(*store_->ListExpired(400, 1), ElementsAre(early));
  EXPECT_EQ(*store_->NextExpiryMicros(), 250);
  IMPRINT_ASSERT_OK(Open());
  EXPECT_EQ(*store_->NextExpiryMicros(), 250);
}

TEST_F(ExpiryTest, ChangesOfStateKeepItAndForgettingEndsIt) {
  const int64_t sequence = AddMortal(100, 300);
  ExperienceRecord record = *store_->GetExperience(sequence);
  record.set_state(STORED_STATE_READY);
  EXPECT_THAT(Transact([&](Transaction& transaction) { transaction.PutExperience(record); }),
              IsOk());
  EXPECT_THAT(*store_->ListExpired(400, 10), ElementsAre(sequence));

  record.set_state(STORED_STATE_FORGOTTEN);
  record.clear_text();
  EXPECT_THAT(Transact([&](Transaction& transaction) { transaction.PutExperience(record); }),
              IsOk());

  EXPECT_THAT(*store_->ListExpired(400, 10), IsEmpty());
  EXPECT_EQ(*store_->NextExpiryMicros(), std::nullopt);
}

TEST_F(ExpiryTest, EndlessTimeDoesNotOverflow) {
  AddMortal(100, std::numeric_limits<int64_t>::max());

  EXPECT_THAT(*store_->ListExpired(std::numeric_limits<int64_t>::max() / 2, 10), IsEmpty());
}

TEST(ExpireTimeTest, DamagedTimesDoNotOverflow) {
  const auto expire_time = [](int64_t create_time, int64_t ttl) {
    ExperienceRecord record;
    record.set_create_time_micros(create_time);
    record.set_ttl_micros(ttl);
    return ExpireTimeMicros(record);
  };
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(expire_time(100, 20), 120);
  EXPECT_EQ(expire_time(100, kMax), kMax - 1);
  // Before 1970, and the beginning of time: it is over, and no key has a negative number.
  EXPECT_EQ(expire_time(-10, 1000), 990);
  EXPECT_EQ(expire_time(-1000, 10), 1);
  EXPECT_EQ(expire_time(-kMax, kMax), 1);
}

}  // namespace
}  // namespace imprint::store
