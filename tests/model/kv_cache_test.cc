// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/model/kv_cache.h"

#include <gtest/gtest.h>

#include "server/model/network.h"
#include "tests/model/model_folder.h"
#include "tests/testing/test_device.h"

namespace imprint::model {
namespace {

class KvCacheTest : public ::testing::Test {
 protected:
  KvCacheTest()
      : weights_(
            MakeRandomModel(TinyConfigJson("LlamaForCausalLM"), testing::TestPlacement("f32"))) {}

  void Append(KvCache& cache, int64_t count) const {
    Network::Forward(*weights_, std::vector<int32_t>(static_cast<size_t>(count), 3),
                     {Segment{0, count, -1, &cache}});
  }
  KvCache Make(int64_t reserve) const {
    return KvCache(weights_->config, weights_->placement, reserve);
  }

  const std::shared_ptr<const Weights> weights_;
};

TEST_F(KvCacheTest, ReservesWhatIsAskedAndGrowsByDoublingUpToTheWindow) {
  KvCache cache = Make(40);
  EXPECT_EQ(cache.length(), 0);
  EXPECT_EQ(cache.capacity(), 40);

  Append(cache, 40);
  EXPECT_EQ(cache.capacity(), 40);
  Append(cache, 1);
  EXPECT_EQ(cache.capacity(), 80);
  Append(cache, 87);

  EXPECT_EQ(cache.length(), 128);
  EXPECT_EQ(cache.capacity(), 128);
  EXPECT_EQ(Make(100000).capacity(), 128);
}

TEST_F(KvCacheTest, CountsItsBytes) {
  // 3 layers, keys and values, 2 heads of 8, f32.
  EXPECT_EQ(KvCache::BytesPerToken(weights_->config, weights_->placement), 3 * 2 * 2 * 8 * 4);
  Placement bf16 = weights_->placement;
  bf16.compute = at::kBFloat16;
  EXPECT_EQ(KvCache::BytesPerToken(weights_->config, bf16), 3 * 2 * 2 * 8 * 2);
}

TEST_F(KvCacheTest, ForkAndTruncateAreHeldToTheirLength) {
  KvCache cache = Make(0);
  Append(cache, 10);

  EXPECT_EQ(cache.Fork(4, 50).length(), 4);
  EXPECT_EQ(cache.Fork(4, 50).capacity(), 50);
  EXPECT_EQ(cache.Fork(99, 0).length(), 10);
  cache.Truncate(99);
  EXPECT_EQ(cache.length(), 10);
  cache.Truncate(-1);
  EXPECT_EQ(cache.length(), 0);
}

}  // namespace
}  // namespace imprint::model
