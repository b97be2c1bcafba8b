// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Publishing, rolling back, forgetting and releasing, by several threads at once: what each of them
// was told holds, and what is left agrees with itself, also after a restart.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/update/updater.h"
#include "tests/update/updater_fixture.h"

namespace imprint::update {
namespace {

using ::testing::AnyOf;
using testing::HasCode;
using ::testing::Not;
using ::testing::UnorderedElementsAreArray;

constexpr int kPublishes = fakes::kMaxKnown / 2;
constexpr int kForgets = 12;
constexpr absl::Duration kBetweenForgets = absl::Milliseconds(30);

class RacingActsTest : public UpdaterFixture {
 protected:
  void TearDown() override { server_.reset(); }

  // No act fails in another way than by coming too late.
  static void ExpectDoneOrTooLate(const absl::Status& status) {
    EXPECT_THAT(status, AnyOf(HasCode(absl::StatusCode::kOk), HasCode(absl::StatusCode::kNotFound),
                              HasCode(absl::StatusCode::kFailedPrecondition),
                              HasCode(absl::StatusCode::kAborted)));
  }

  int64_t LastSequence() const { return server_->log_->last_sequence(); }

  void Publish() {
    for (int i = 0; i < kPublishes; ++i) {
      server_->Inject(2);
      ASSERT_TRUE(Eventually([this] {
        ExpectDoneOrTooLate(updater().RunNow().status());
        return !HasReady();
      }));
    }
  }

  // Once for each version that is published, some time after it: each job gets to its end at last.
  void RollBack(const std::atomic<bool>& over) {
    std::mt19937 random(1);
    int64_t newest = 0;
    while (!over) {
      const int64_t current = versions().current()->number;
      if (current <= newest) {
        std::this_thread::yield();
        continue;
      }
      newest = current;
      absl::SleepFor(absl::Milliseconds(random() % 20));
      const auto back = static_cast<int64_t>(random() % 3);
      ExpectDoneOrTooLate(updater().Rollback(std::max<int64_t>(0, newest - back)).status());
    }
  }

  void Forget() {
    std::mt19937 random(2);
    for (int i = 0; i < kForgets; ++i) {
      absl::SleepFor(kBetweenForgets);
      while (LastSequence() == 0) std::this_thread::yield();
      const int64_t sequence = 1 + static_cast<int64_t>(random() % LastSequence());
      const auto forgotten = updater().Forget({.sequence = sequence});
      ExpectDoneOrTooLate(forgotten.status());
      if (forgotten.ok()) forgotten_.insert(sequence);
    }
  }

  // There always is a current version, and what is live can be had or has just gone.
  void Read(const std::atomic<bool>& over) {
    while (!over) {
      const auto current = versions().current();
      ASSERT_NE(current, nullptr);
      for (const int64_t live : versions().Live()) {
        ExpectDoneOrTooLate(versions().Acquire(live).status());
      }
    }
  }

  bool HasReady() {
    for (int64_t sequence = 1; sequence <= LastSequence(); ++sequence) {
      if (server_->StateOf(sequence) == store::STORED_STATE_READY) return true;
    }
    return false;
  }

  // Nothing is left to forget or to train.
  bool AtRest() {
    const auto forgetting = updater().forgetting();
    if (!forgetting.ok() || forgetting->in_weights > 0 || forgetting->in_files) return false;
    return !updater().running().has_value() && !HasReady();
  }

  // What must be so when nobody acts.
  void CheckAgreement() {
    const int64_t current = server_->store_->GetCurrentVersion().value();
    EXPECT_EQ(versions().current()->number, current);
    EXPECT_EQ(server_->engine_.current()->number, current);
    std::map<int64_t, int> versions_of;
    for (const store::VersionRecord& version : server_->Versions()) ++versions_of[version.job()];
    for (const store::JobRecord& job : server_->Jobs()) {
      EXPECT_EQ(versions_of[job.id()], job.state() == store::STORED_JOB_STATE_COMMITTED ? 1 : 0)
          << job.ShortDebugString();
    }
    std::vector<int64_t> integrated;
    for (int64_t sequence = 1; sequence <= LastSequence(); ++sequence) {
      const store::StoredState state = server_->StateOf(sequence);
      if (state == store::STORED_STATE_INTEGRATED) integrated.push_back(sequence);
      EXPECT_EQ(state == store::STORED_STATE_FORGOTTEN, forgotten_.contains(sequence)) << sequence;
      if (forgotten_.contains(sequence)) {
        EXPECT_EQ(fakes::Knowledge(*versions().current(), sequence), 0) << sequence;
      }
    }
    EXPECT_THAT(versions().Contained(), UnorderedElementsAreArray(integrated));
  }

  std::set<int64_t> forgotten_;  // of one thread, until it is joined
};

TEST_F(RacingActsTest, PublishRollBackAndForgetAgreeInTheEnd) {
  Start();
  std::atomic<bool> published = false, over = false;
  std::thread reader([&] { Read(over); });
  std::thread roller([&] { RollBack(published); });
  std::thread forgetter([&] { Forget(); });
  Publish();
  forgetter.join();
  published = true;
  roller.join();

  ASSERT_TRUE(Eventually([this] { return AtRest(); }));
  over = true;
  reader.join();
  EXPECT_GT(server_->Versions().size(), kPublishes / 2u);
  EXPECT_THAT(forgotten_, Not(::testing::IsEmpty()));
  CheckAgreement();
  Reopen();
  CheckAgreement();
}

}  // namespace
}  // namespace imprint::update
