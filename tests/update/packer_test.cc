// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/update/packer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

namespace imprint::update {
namespace {

using testing::ElementsAre;
using Ids = std::vector<int32_t>;

// What a segment attends to, itself included: its prefixes' tokens and its own.
Ids SequenceUpTo(const PackedBatch& batch, size_t segment) {
  Ids ids;
  const model::Segment& own = batch.segments[segment];
  if (own.prefix >= 0) ids = SequenceUpTo(batch, static_cast<size_t>(own.prefix));
  ids.insert(ids.end(), batch.tokens.begin() + own.begin,
             batch.tokens.begin() + own.begin + own.length);
  return ids;
}

size_t SegmentOf(const PackedBatch& batch, int64_t row) {
  for (size_t i = 0; i < batch.segments.size(); ++i) {
    const model::Segment& segment = batch.segments[i];
    if (row >= segment.begin && row < segment.begin + segment.length) return i;
  }
  ADD_FAILURE() << "row " << row << " is in no segment";
  return 0;
}

// Each target token must be predicted from exactly the prompt and the target before it.
void ExpectRight(const std::vector<PackItem>& items, const PackedBatch& batch) {
  int64_t next = 0;
  for (size_t i = 0; i < batch.segments.size(); ++i) {
    EXPECT_EQ(batch.segments[i].begin, next);
    EXPECT_GE(batch.segments[i].length, 1);
    EXPECT_LT(batch.segments[i].prefix, static_cast<int>(i));
    next += batch.segments[i].length;
  }
  EXPECT_EQ(next, static_cast<int64_t>(batch.tokens.size()));
  size_t row = 0;
  for (const PackItem& item : items) {
    for (size_t t = 0; t < item.target.size(); ++t, ++row) {
      ASSERT_LT(row, batch.target_rows.size());
      const size_t segment = SegmentOf(batch, batch.target_rows[row]);
      Ids seen = SequenceUpTo(batch, segment);
      const model::Segment& own = batch.segments[segment];
      seen.resize(seen.size() -
                  static_cast<size_t>(own.begin + own.length - 1 - batch.target_rows[row]));
      Ids expected(item.prompt.begin(), item.prompt.end());
      expected.insert(expected.end(), item.target.begin(), item.target.begin() + t);
      EXPECT_EQ(seen, expected);
    }
  }
  EXPECT_EQ(row, batch.target_rows.size());
  EXPECT_EQ(std::set<int64_t>(batch.target_rows.begin(), batch.target_rows.end()).size(), row);
}

Ids Range(int32_t begin, int32_t end) {
  Ids ids;
  for (int32_t i = begin; i < end; ++i) ids.push_back(i);
  return ids;
}

Ids Concat(Ids a, const Ids& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

TEST(PackTest, LastTargetTokenIsNoInput) {
  const Ids prompt{1, 2, 3}, target{4, 5};
  const PackedBatch batch = Pack({{prompt, target}});
  EXPECT_THAT(batch.tokens, ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(batch.target_rows, ElementsAre(2, 3));
  ExpectRight({{prompt, target}}, batch);
}

TEST(PackTest, OneTokenEach) {
  const Ids prompt{1}, target{2};
  const PackedBatch batch = Pack({{prompt, target}});
  EXPECT_THAT(batch.tokens, ElementsAre(1));
  EXPECT_THAT(batch.target_rows, ElementsAre(0));
}

TEST(PackTest, NothingGivesNothing) { EXPECT_TRUE(Pack({}).segments.empty()); }

TEST(PackTest, SystemPromptIsComputedOnce) {
  const Ids system = Range(100, 120);
  const Ids first = Concat(system, {1, 2, 3}), second = Concat(system, {4, 5}), target{7, 8};
  const std::vector<PackItem> items{{first, target}, {second, target}};
  const PackedBatch batch = Pack(items);
  ExpectRight(items, batch);
  ASSERT_EQ(batch.segments.size(), 3U);
  EXPECT_EQ(batch.segments[0].length, 20);
  EXPECT_EQ(batch.tokens.size(), 20U + 3 + 1 + 2 + 1);
}

TEST(PackTest, PaddingComesAfterEverythingAndPredictsNothing) {
  const Ids system = Range(100, 120);
  const Ids first = Concat(system, {1, 2, 3}), second = Concat(system, {4, 5}), target{7, 8};
  const std::vector<PackItem> items{{first, target}, {second, target}};
  const PackedBatch plain = Pack(items);
  PackedBatch padded = plain;
  PadTokens(16, padded);

  EXPECT_EQ(padded.tokens.size(), 32U);
  EXPECT_EQ(padded.target_rows, plain.target_rows);
  ExpectRight(items, padded);

  EXPECT_EQ(padded.padding, 32 - static_cast<int64_t>(plain.tokens.size()));

  const PackedBatch once = padded;
  PadTokens(16, padded);
  EXPECT_EQ(padded.tokens, once.tokens);
  PackedBatch nothing = Pack({});
  PadTokens(16, nothing);
  EXPECT_TRUE(nothing.tokens.empty());
}

// A sentence that fills the model's window has no room for more.
TEST(PackTest, PaddingMakesNoSequenceLongerThanTheLongest) {
  const Ids prompt{1}, target = Range(100, 140);
  const std::vector<PackItem> items{{prompt, target}};
  PackedBatch batch = Pack(items);
  PadTokens(16, batch);

  ASSERT_EQ(batch.segments.size(), 2U);
  EXPECT_EQ(batch.segments[0].length, 40);
  EXPECT_EQ(batch.segments[1].length, 8);
  EXPECT_EQ(batch.segments[1].prefix, -1);
  ExpectRight(items, batch);
}

TEST(PackTest, SameQuestionIsSharedUpToItsLastToken) {
  const Ids prompt = Range(100, 120), first{1, 2}, second{3};
  const std::vector<PackItem> items{{prompt, first}, {prompt, second}};
  const PackedBatch batch = Pack(items);
  ExpectRight(items, batch);
  ASSERT_EQ(batch.segments.size(), 3U);
  EXPECT_EQ(batch.segments[0].length, 19);
  EXPECT_EQ(batch.tokens.size(), 19U + 2 + 1);
}

TEST(PackTest, PrefixesNest) {
  const Ids system = Range(100, 110), question = Concat(system, Range(200, 212));
  const Ids other = Concat(system, Range(300, 305)), target{1, 2, 3};
  const std::vector<PackItem> items{{question, target}, {other, target}, {question, target}};
  const PackedBatch batch = Pack(items);
  ExpectRight(items, batch);
  // The system prompt, the question less its last token, and three ends.
  EXPECT_EQ(batch.tokens.size(), 10U + 11 + 2 * (1 + 2) + (5 + 2));
}

TEST(PackTest, OnePromptIsTheBeginningOfAnother) {
  const Ids shorter = Range(100, 115), longer = Range(100, 130), target{1, 2};
  const std::vector<PackItem> items{{longer, target}, {shorter, target}};
  ExpectRight(items, Pack(items));
}

TEST(PackTest, ShortCommonBeginningsAreNotWorthASegment) {
  const Ids first = Concat(Range(0, kMinSharedPrefix - 1), {50, 51});
  const Ids second = Concat(Range(0, kMinSharedPrefix - 1), {60, 61}), target{1};
  const std::vector<PackItem> items{{first, target}, {second, target}};
  const PackedBatch batch = Pack(items);
  EXPECT_EQ(batch.segments.size(), 2U);
  ExpectRight(items, batch);
}

TEST(PackTest, AnyMixtureIsPackedRight) {
  std::mt19937 random(3);
  for (int round = 0; round < 200; ++round) {
    std::vector<Ids> prompts, targets;
    for (int i = 0; i < 1 + round % 9; ++i) {
      // Few letters and long runs: many prefixes of all lengths.
      Ids prompt;
      for (int part = 0; part < 3; ++part)
        prompt.insert(prompt.end(), 1 + random() % 9, random() % 2);
      prompts.push_back(prompt);
      targets.push_back(Ids(1 + random() % 4, static_cast<int32_t>(random() % 5)));
    }
    std::vector<PackItem> items;
    size_t unshared = 0;
    for (size_t i = 0; i < prompts.size(); ++i) {
      items.push_back({prompts[i], targets[i]});
      unshared += prompts[i].size() + targets[i].size() - 1;
    }
    const PackedBatch batch = Pack(items);
    ExpectRight(items, batch);
    EXPECT_LE(batch.tokens.size(), unshared);
  }
}

TEST(PlanBatchesTest, EveryItemOnceAndBatchesAlike) {
  const Ids prompt{1, 2, 3, 4}, target{5, 6, 7};
  const std::vector<PackItem> targets(40, PackItem{prompt, target});
  const std::vector<PackItem> retention(20, PackItem{prompt, target});
  const std::vector<BatchPlan> plans = PlanBatches(targets, retention, 90);
  ASSERT_EQ(plans.size(), 4U);  // 60 items of 6 tokens
  std::set<size_t> seen_targets, seen_retention;
  for (const BatchPlan& plan : plans) {
    EXPECT_EQ(plan.targets.size(), 10U);
    EXPECT_EQ(plan.retention.size(), 5U);
    seen_targets.insert(plan.targets.begin(), plan.targets.end());
    seen_retention.insert(plan.retention.begin(), plan.retention.end());
  }
  EXPECT_EQ(seen_targets.size(), 40U);
  EXPECT_EQ(seen_retention.size(), 20U);
}

TEST(PlanBatchesTest, SharingMakesRoom) {
  const Ids prompt = Range(0, 60), target{1, 2};
  const std::vector<PackItem> targets(16, PackItem{prompt, target});
  // Unshared 16 * 61 tokens, shared 59 + 16 * 2.
  EXPECT_EQ(PlanBatches(targets, {}, 256).size(), 1U);
}

TEST(PlanBatchesTest, LongItemsGoAlone) {
  const Ids prompt = Range(0, 100), other = Range(200, 300), target{1, 2};
  const std::vector<BatchPlan> plans = PlanBatches({{prompt, target}, {other, target}}, {}, 10);
  ASSERT_EQ(plans.size(), 2U);
  EXPECT_THAT(plans[0].targets, ElementsAre(0));
  EXPECT_THAT(plans[1].targets, ElementsAre(1));
}

TEST(SplitBatchTest, PartsAreAlikeAndNoneIsEmpty) {
  const Ids prompt = {1, 2}, target = {3, 4, 5}, text(14, 6);
  const std::vector<PackItem> targets(5, {prompt, target}), retention(1, {prompt, text});

  const std::vector<BatchPlan> parts = SplitBatch(targets, retention, 2);

  // 15 tokens of retention text against 4 of each target.
  ASSERT_EQ(parts.size(), 2U);
  EXPECT_THAT(parts[0].retention, ElementsAre(0));
  EXPECT_THAT(parts[0].targets, ElementsAre(4));
  EXPECT_THAT(parts[1].targets, ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(parts[1].retention, ElementsAre());
  EXPECT_EQ(SplitBatch(targets, retention, 8).size(), 6U);
}

TEST(PlanBatchesTest, WithoutTargetsThereIsNothingToDo) {
  const Ids prompt{1}, target{2};
  EXPECT_TRUE(PlanBatches({}, {{prompt, target}}, 100).empty());
}

}  // namespace
}  // namespace imprint::update
