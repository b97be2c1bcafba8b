// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/model/attention_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ATen/ATen.h"
#include "tests/model/model_folder.h"
#include "tests/testing/test_device.h"

namespace imprint::model {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Segments of these lengths behind one another.
std::vector<Segment> Segments(const std::vector<int64_t>& lengths,
                              const std::vector<int>& prefixes) {
  std::vector<Segment> segments;
  int64_t begin = 0;
  for (size_t i = 0; i < lengths.size(); ++i) {
    segments.push_back({begin, lengths[i], prefixes[i], nullptr});
    begin += lengths[i];
  }
  return segments;
}

TEST(AttentionPlanTest, SegmentsOfOnePrefixAndLikeLengthShareABatch) {
  const AttentionPlan plan =
      PlanAttention(Segments({5, 8, 30, 7, 8, 15}, {-1, 0, 0, 0, -1, 0}), /*with_grad=*/true);

  ASSERT_EQ(plan.batches.size(), 3u);
  EXPECT_THAT(plan.batches[0].segments, ElementsAre(0, 4));
  EXPECT_EQ(plan.batches[0].length, 8);
  EXPECT_THAT(plan.batches[1].segments, ElementsAre(2, 5));
  EXPECT_EQ(plan.batches[1].length, 32);  // 30, and on to a multiple of eight
  EXPECT_THAT(plan.batches[2].segments, ElementsAre(1, 3));
  EXPECT_EQ(plan.batches[2].length, 8);
  EXPECT_THAT(plan.singles, IsEmpty());
  EXPECT_EQ(plan.pasts[3].length, 5);
  EXPECT_EQ(plan.pasts[4].length, 0);
}

TEST(AttentionPlanTest, APrefixOfAPrefixComesFirst) {
  const AttentionPlan plan = PlanAttention(Segments({4, 3, 2}, {-1, 0, 1}), /*with_grad=*/true);

  EXPECT_EQ(plan.pasts[2].length, 7);
  ASSERT_EQ(plan.pasts[2].runs.size(), 2u);
  EXPECT_EQ(plan.pasts[2].runs[0].begin, 0);
  EXPECT_EQ(plan.pasts[2].runs[1].begin, 4);
  EXPECT_EQ(plan.pasts[2].runs[1].length, 3);
}

TEST(AttentionPlanTest, WithoutGradientsLoneSegmentsAndLongPrefixesAreNotCopied) {
  const std::vector<Segment> segments = Segments({1000, 8, 8}, {-1, 0, 0});

  EXPECT_THAT(PlanAttention(segments, /*with_grad=*/false).singles, ElementsAre(0, 1, 2));
  EXPECT_THAT(PlanAttention(segments, /*with_grad=*/true).singles, IsEmpty());
}

TEST(AttentionPlanTest, CachedSegmentsAreSinglesInOrder) {
  const auto weights =
      MakeRandomModel(TinyConfigJson("LlamaForCausalLM"), testing::TestPlacement("f32"));
  KvCache cache(weights->config, weights->placement, 16);
  std::vector<Segment> segments = Segments({4, 3, 2, 2}, {-1, 0, -1, -1});
  segments[0].kv_cache = &cache;

  const AttentionPlan plan = PlanAttention(segments, /*with_grad=*/false);

  EXPECT_THAT(plan.singles, ElementsAre(0, 1));
  EXPECT_EQ(plan.pasts[1].root_cache, &cache);
  EXPECT_EQ(plan.pasts[1].root_length, 4);
  EXPECT_THAT(plan.pasts[1].runs, IsEmpty());
  ASSERT_EQ(plan.batches.size(), 1u);
  EXPECT_THAT(plan.batches[0].segments, ElementsAre(2, 3));
}

TEST(AttentionPlanTest, WhatCannotBeIsAnException) {
  const auto weights =
      MakeRandomModel(TinyConfigJson("LlamaForCausalLM"), testing::TestPlacement("f32"));
  KvCache cache(weights->config, weights->placement, 16);
  std::vector<Segment> cached = Segments({4, 3}, {-1, 0});
  cached[1].kv_cache = &cache;

  EXPECT_THROW(PlanAttention(cached, /*with_grad=*/false), c10::Error);
  cached[1].prefix = -1;
  EXPECT_THROW(PlanAttention(cached, /*with_grad=*/true), c10::Error);
  cached[0].kv_cache = &cache;
  EXPECT_THROW(PlanAttention(cached, /*with_grad=*/false), c10::Error);
  EXPECT_THROW(PlanAttention(Segments({4, 3}, {1, -1}), /*with_grad=*/false), c10::Error);
}

}  // namespace
}  // namespace imprint::model
