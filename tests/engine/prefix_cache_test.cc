// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/engine/prefix_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "tests/engine/engine_fixture.h"

namespace imprint::engine {
namespace {

model::KvCache Filled(const version::Version& version, const std::vector<int32_t>& tokens) {
  const auto length = static_cast<int64_t>(tokens.size());
  model::KvCache cache(version.weights->config, version.weights->placement, length);
  model::Segment segment;
  segment.length = length;
  segment.kv_cache = &cache;
  model::Network::Forward(*version.weights, tokens, {segment});
  return cache;
}

class PrefixCacheTest : public ::testing::Test {
 protected:
  void Insert(const SharedVersion& version, const std::vector<int32_t>& tokens) {
    cache_.Insert(*version, tokens, Filled(*version, tokens));
  }
  int64_t Found(const SharedVersion& version, const std::vector<int32_t>& tokens) {
    return cache_.Find(*version, tokens).length;
  }

  PrefixCache cache_;
  SharedVersion version_ = testing::TinyVersion(1, 1);
  SharedVersion other_ = testing::TinyVersion(2, 2);
};

TEST_F(PrefixCacheTest, FindsTheLongestCommonBeginning) {
  Insert(version_, {1, 2, 3, 4});
  Insert(version_, {1, 2, 9});
  EXPECT_EQ(Found(version_, {1, 2, 3, 4, 5}), 4);
  EXPECT_EQ(Found(version_, {1, 2, 3, 7}), 3);
  EXPECT_EQ(Found(version_, {1, 2, 9, 9}), 3);
  EXPECT_EQ(Found(version_, {2}), 0);
  EXPECT_EQ(Found(version_, {}), 0);
}

TEST_F(PrefixCacheTest, AnotherVersionNeverHits) {
  Insert(version_, {1, 2, 3});
  EXPECT_EQ(Found(other_, {1, 2, 3}), 0);
}

TEST_F(PrefixCacheTest, TheSameNumberWithOtherWeightsNeverHits) {
  Insert(version_, {1, 2, 3});
  EXPECT_EQ(Found(testing::TinyVersion(1, 77), {1, 2, 3}), 0);
}

TEST_F(PrefixCacheTest, KeepsNoVersionAlive) {
  Insert(version_, {1, 2, 3});
  const std::weak_ptr<const version::Version> watch = version_;
  version_.reset();
  EXPECT_TRUE(watch.expired());
  cache_.Purge([](int64_t) { return true; });
  EXPECT_EQ(cache_.size(), 0u);
  EXPECT_EQ(cache_.tokens(), 0);
}

TEST_F(PrefixCacheTest, PurgeDropsTheVersionsNamed) {
  Insert(version_, {1, 2, 3});
  Insert(other_, {4, 5});
  cache_.Purge([](int64_t number) { return number == 2; });
  EXPECT_EQ(Found(version_, {1, 2, 3}), 0);
  EXPECT_EQ(Found(other_, {4, 5}), 2);
}

TEST_F(PrefixCacheTest, EvictsTheLeastRecentlyUsed) {
  Insert(version_, {1, 1});
  Insert(version_, {2, 2});
  Insert(version_, {3, 3});
  EXPECT_EQ(Found(version_, {1, 1}), 2);  // a use
  EXPECT_TRUE(cache_.EvictOne());
  EXPECT_EQ(Found(version_, {2, 2}), 0);
  EXPECT_EQ(Found(version_, {1, 1}), 2);
  EXPECT_EQ(Found(version_, {3, 3}), 2);
  EXPECT_TRUE(cache_.EvictOne());
  EXPECT_TRUE(cache_.EvictOne());
  EXPECT_FALSE(cache_.EvictOne());
}

TEST_F(PrefixCacheTest, ALongerEntryReplacesItsBeginning) {
  Insert(version_, {1, 2});
  Insert(version_, {1, 2, 3});
  EXPECT_EQ(cache_.size(), 1u);
  Insert(version_, {1, 9});
  EXPECT_EQ(cache_.size(), 2u);
  EXPECT_EQ(cache_.tokens(), 5);
}

using PrefixReuseTest = EngineTest;

TEST_F(PrefixReuseTest, AHitGivesEqualTokens) {
  StartEngine();
  const std::vector<int32_t> context = Prompt(60, 3);
  for (int i = 0; i < 4; ++i) {
    GenerateRequest request = Request(Concatenation(context, Prompt(5, 10 + i)), 12);
    request.shared_prefix = 60;
    const double hits = hit_tokens();
    EXPECT_EQ(Tokens(request), NaiveGenerate(*version_, request.prompt, 12)) << i;
    EXPECT_EQ(hit_tokens() - hits, i == 0 ? 0 : 60) << i;
  }
}

TEST_F(PrefixReuseTest, ManyAtOnceComputeTheSharedPrefixOnce) {
  StartEngine();
  const std::vector<int32_t> context = Prompt(60, 3);
  std::vector<GenerateRequest> requests;
  for (int i = 0; i < 10; ++i) {
    requests.push_back(Request(Concatenation(context, Prompt(5, 10 + i)), 6));
    requests.back().shared_prefix = 60;
  }
  const auto answers = engine_->GenerateAll(requests);
  IMPRINT_ASSERT_OK(answers);
  EXPECT_EQ(hit_tokens(), 9 * 60);
  for (size_t i = 0; i < requests.size(); ++i) {
    EXPECT_EQ((*answers)[i].tokens, NaiveGenerate(*version_, requests[i].prompt, 6));
  }
}

TEST_F(PrefixReuseTest, AWholePromptThatIsSharedStillComputesItsLastToken) {
  StartEngine();
  GenerateRequest request = Request(Prompt(30, 3), 6);
  request.shared_prefix = 30;
  const std::vector<int32_t> expected = NaiveGenerate(*version_, request.prompt, 6);
  EXPECT_EQ(Tokens(request), expected);
  EXPECT_EQ(Tokens(request), expected);
}

TEST_F(PrefixReuseTest, AChatThatGoesOnFindsItsEarlierTurns) {
  StartEngine();
  std::vector<int32_t> chat = Prompt(20, 5);
  const std::vector<int32_t> answer = Tokens(Request(chat, 8));
  chat = Concatenation(Concatenation(chat, answer), Prompt(6, 6));
  const double hits = hit_tokens();
  EXPECT_EQ(Tokens(Request(chat, 8)), NaiveGenerate(*version_, chat, 8));
  // The last token of the answer was given out, but never read.
  EXPECT_EQ(hit_tokens() - hits, 20 + 7);
}

TEST_F(PrefixReuseTest, TheCacheGivesWayToRequests) {
  EngineOptions options;
  options.kv_tokens = 100;
  StartEngine(options);
  for (int i = 0; i < 8; ++i) {
    const std::vector<int32_t> prompt = Prompt(60, i);
    EXPECT_EQ(Tokens(Request(prompt, 10)), NaiveGenerate(*version_, prompt, 10));
    EXPECT_LE(engine_->load().kv_tokens, 100);
    EXPECT_GE(engine_->load().kv_tokens, 69);  // the last one is kept
  }
}

TEST_F(PrefixReuseTest, APrefixSharedAcrossASwapIsNeverHit) {
  StartEngine();
  GenerateRequest request = Request(Prompt(40, 3), 6);
  request.shared_prefix = 39;
  // What the base model left outlives a swap: only its key tells it apart.
  for (const SharedVersion& before : {version_, testing::TinyVersion(0, 20)}) {
    engine_->SetCurrent(before);
    request.version = before;
    Tokens(request);
    const SharedVersion next = testing::TinyVersion(2, 12);
    engine_->SetCurrent(next);
    request.version = next;
    const double hits = hit_tokens();
    EXPECT_EQ(Tokens(request), NaiveGenerate(*next, request.prompt, 6));
    EXPECT_EQ(hit_tokens(), hits);
  }
}

}  // namespace
}  // namespace imprint::engine
