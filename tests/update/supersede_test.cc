// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// What replaces what: the older one goes when the newer one comes, and not before.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "server/update/updater.h"
#include "tests/update/updater_fixture.h"

namespace imprint::update {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr auto kCommitted = store::STORED_JOB_STATE_COMMITTED;
constexpr auto kForgotten = store::STORED_STATE_FORGOTTEN;
constexpr auto kIntegrated = store::STORED_STATE_INTEGRATED;

class SupersedeTest : public UpdaterFixture {
 protected:
  int64_t Supersede(int64_t older) {
    const int64_t sequence = server_->Append({}, absl::StrCat("experiences/", older));
    server_->Generate(sequence);
    return sequence;
  }

  std::vector<int64_t> Pending() {
    std::vector<int64_t> sequences;
    const auto pending = server_->log_->Pending({}, 100);
    for (const store::ExperienceRecord& record : *pending) sequences.push_back(record.sequence());
    return sequences;
  }
};

TEST_F(SupersedeTest, OlderOneLeavesTheWeightsInTheSameJob) {
  Start();
  const int64_t kept = server_->Inject(1)[0];
  RunNow();
  ASSERT_TRUE(server_->AwaitState(1, kCommitted));
  const std::vector<int64_t> learned = server_->Inject(2);
  RunNow();
  ASSERT_TRUE(server_->AwaitState(2, kCommitted));
  const int64_t newer = Supersede(learned[0]);

  RunNow();

  ASSERT_TRUE(server_->AwaitState(3, kCommitted));
  const store::JobRecord job = server_->Jobs()[2];
  EXPECT_EQ(job.kind(), store::STORED_JOB_KIND_REBUILD);
  EXPECT_EQ(job.trigger(), store::STORED_TRIGGER_SUPERSEDE);
  EXPECT_EQ(job.parent_version(), 1);
  EXPECT_THAT(job.sequences(), ElementsAre(newer));
  EXPECT_THAT(job.rebuilt(), ElementsAre(learned[1]));
  EXPECT_THAT(versions().Contained(), ElementsAre(kept, learned[1], newer));
  EXPECT_EQ(server_->StateOf(learned[0]), kForgotten);
  EXPECT_EQ(server_->StateOf(newer), kIntegrated);
  EXPECT_EQ(fakes::Knowledge(*versions().current(), learned[0]), 0);
  EXPECT_THAT(*server_->store_->GetProbes(learned[0]), IsEmpty());
  EXPECT_TRUE(job.report().has_forgotten_efficacy());
  EXPECT_TRUE(Eventually([this] { return server_->store_->GetVersion(2)->dropped(); }));
}

TEST_F(SupersedeTest, OlderOneThatIsNotInTheWeightsIsNeverTrained) {
  Start();
  const int64_t older = server_->Inject(1)[0];
  const int64_t newer = Supersede(older);
  EXPECT_THAT(Pending(), ElementsAre(newer));

  RunNow();

  ASSERT_TRUE(server_->AwaitState(1, kCommitted));
  EXPECT_THAT(server_->Jobs()[0].sequences(), ElementsAre(newer));
  EXPECT_EQ(server_->Jobs()[0].kind(), store::STORED_JOB_KIND_UPDATE);
  EXPECT_EQ(server_->StateOf(older), kForgotten);
}

TEST_F(SupersedeTest, OlderOneStaysWhereTheNewerOneIsQuarantined) {
  Start();
  const int64_t older = server_->Inject(1)[0];
  RunNow();
  ASSERT_TRUE(server_->AwaitState(1, kCommitted));
  const int64_t newer = Supersede(older);
  learner().LoseRetentionFrom({newer});

  RunNow();

  ASSERT_TRUE(server_->AwaitState(2, store::STORED_JOB_STATE_REJECTED));
  EXPECT_EQ(server_->StateOf(newer), store::STORED_STATE_QUARANTINED);
  EXPECT_EQ(server_->StateOf(older), kIntegrated);
  EXPECT_EQ(versions().current()->number, 1);
}

TEST_F(SupersedeTest, OlderOneIsPendingAgainWhenTheNewerOneIsSetAside) {
  const int64_t older = server_->Append();
  const int64_t newer = server_->Append({}, absl::StrCat("experiences/", older));
  EXPECT_THAT(Pending(), ElementsAre(newer));

  IMPRINT_ASSERT_OK(server_->log_->Quarantine(newer, "nothing can be made of it"));

  EXPECT_THAT(Pending(), ElementsAre(older));
}

TEST_F(SupersedeTest, ChainLeavesTheLast) {
  Start();
  const int64_t first = server_->Inject(1)[0];
  RunNow();
  ASSERT_TRUE(server_->AwaitState(1, kCommitted));
  const int64_t second = Supersede(first);
  const int64_t third = Supersede(second);

  RunNow();

  ASSERT_TRUE(server_->AwaitState(2, kCommitted));
  EXPECT_THAT(versions().Contained(), ElementsAre(third));
  EXPECT_EQ(server_->StateOf(first), kForgotten);
  EXPECT_EQ(server_->StateOf(second), kForgotten);
}

TEST_F(SupersedeTest, OlderOneIsNeitherReplayedNorDefended) {
  Start();
  const int64_t kept = server_->Inject(1)[0];
  const int64_t older = server_->Inject(1)[0];
  RunNow();
  ASSERT_TRUE(server_->AwaitState(1, kCommitted));
  // Its successor is on its way, and something else is trained first.
  server_->Append({}, absl::StrCat("experiences/", older));
  const int64_t other = server_->Inject(1)[0];

  Open();
  server_->options_.min_batch = 1;  // RunNow would wait for the one in generation
  Start();

  ASSERT_TRUE(server_->AwaitState(2, kCommitted));
  EXPECT_THAT(server_->Jobs()[1].sequences(), ElementsAre(other));
  const auto trainings = learner().trainings();
  EXPECT_THAT(trainings.back().replayed, ElementsAre(kept));
}

}  // namespace
}  // namespace imprint::update
