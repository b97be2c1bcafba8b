// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// The network against its plain oracle, for every family and every form of batch.

#include "server/model/network.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "ATen/ATen.h"
#include "ATen/core/grad_mode.h"
#include "tests/model/model_folder.h"
#include "tests/model/reference_network.h"
#include "tests/testing/test_device.h"

namespace imprint::model {
namespace {

constexpr double kF32Error = 1e-5;
constexpr double kBf16Error = 3e-2;  // of three blocks of large random weights

std::vector<int32_t> Ids(int64_t count, int32_t seed) {
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < count; ++i) {
    ids.push_back(static_cast<int32_t>((i * 7 + seed * 13 + i * i * seed) % 61));
  }
  return ids;
}

std::vector<int32_t> Concat(std::vector<int32_t> first, const std::vector<int32_t>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

// Sequences laid behind one another, each of them a segment.
struct Packed {
  std::vector<int32_t> tokens;
  std::vector<Segment> segments;

  // Gives the index of the segment.
  int Add(const std::vector<int32_t>& ids, int prefix = -1, KvCache* cache = nullptr) {
    segments.push_back(
        {static_cast<int64_t>(tokens.size()), static_cast<int64_t>(ids.size()), prefix, cache});
    tokens.insert(tokens.end(), ids.begin(), ids.end());
    return static_cast<int>(segments.size()) - 1;
  }
  at::Tensor Rows(const at::Tensor& hidden, int segment) const {
    const Segment& chosen = segments[static_cast<size_t>(segment)];
    return hidden.narrow(0, chosen.begin, chosen.length);
  }
};

class NetworkTest : public ::testing::TestWithParam<Variant> {
 protected:
  NetworkTest() : weights_(MakeRandomModel(GetParam().config, testing::TestPlacement("f32"))) {}

  at::Tensor Forward(const Packed& packed, const ForwardOptions& options = {}) const {
    return Network::Forward(*weights_, packed.tokens, packed.segments, options);
  }
  at::Tensor Alone(const std::vector<int32_t>& ids) const {
    return ReferenceForward(*weights_, ids);
  }
  KvCache Cache(int64_t reserve = 0) const {
    return KvCache(weights_->config, weights_->placement, reserve);
  }
  // The last `count` rows.
  static at::Tensor Tail(const at::Tensor& hidden, size_t count) {
    const auto rows = static_cast<int64_t>(count);
    return hidden.narrow(0, hidden.size(0) - rows, rows);
  }

  const at::NoGradGuard no_grad_;
  const std::shared_ptr<const Weights> weights_;
};

TEST_P(NetworkTest, OneSequenceEqualsTheOracle) {
  Packed packed;
  packed.Add(Ids(19, 1));

  const at::Tensor hidden = Forward(packed);

  EXPECT_LT(RelativeError(hidden, Alone(packed.tokens)), kF32Error);
}

TEST_P(NetworkTest, SequencesOfABatchDoNotSeeEachOther) {
  Packed packed;
  const std::vector<int64_t> lengths = {1, 9, 9, 10, 3, 33, 7};
  for (size_t i = 0; i < lengths.size(); ++i) {
    packed.Add(Ids(lengths[i], static_cast<int32_t>(i)));
  }

  const at::Tensor hidden = Forward(packed);

  for (size_t i = 0; i < lengths.size(); ++i) {
    EXPECT_LT(RelativeError(packed.Rows(hidden, static_cast<int>(i)),
                            Alone(Ids(lengths[i], static_cast<int32_t>(i)))),
              kF32Error)
        << "sequence " << i;
  }
}

// A regression: as many rows of padding as there are tokens outside of the batch looked like
// a batch of all tokens in their order.
TEST_P(NetworkTest, PaddingMayBeAsLongAsTheSequencesBesideTheBatch) {
  Packed packed;
  const std::vector<int64_t> lengths = {8, 5, 3};
  for (size_t i = 0; i < lengths.size(); ++i) {
    packed.Add(Ids(lengths[i], static_cast<int32_t>(i)));
  }

  const at::Tensor hidden = Forward(packed);

  for (size_t i = 0; i < lengths.size(); ++i) {
    EXPECT_LT(RelativeError(packed.Rows(hidden, static_cast<int>(i)),
                            Alone(Ids(lengths[i], static_cast<int32_t>(i)))),
              kF32Error)
        << "sequence " << i;
  }
}

TEST_P(NetworkTest, PrefixEqualsTheJoinedSequence) {
  Packed packed;
  const int prefix = packed.Add(Ids(6, 1));
  const int middle = packed.Add(Ids(5, 2), prefix);
  const int first = packed.Add(Ids(8, 3), middle);
  const int second = packed.Add(Ids(11, 4), middle);
  const int other = packed.Add(Ids(4, 5), prefix);

  const at::Tensor hidden = Forward(packed);

  const std::vector<int32_t> both = Concat(Ids(6, 1), Ids(5, 2));
  EXPECT_LT(RelativeError(packed.Rows(hidden, first), Tail(Alone(Concat(both, Ids(8, 3))), 8)),
            kF32Error);
  EXPECT_LT(RelativeError(packed.Rows(hidden, second), Tail(Alone(Concat(both, Ids(11, 4))), 11)),
            kF32Error);
  EXPECT_LT(RelativeError(packed.Rows(hidden, other), Tail(Alone(Concat(Ids(6, 1), Ids(4, 5))), 4)),
            kF32Error);
  EXPECT_LT(RelativeError(packed.Rows(hidden, middle), Tail(Alone(both), 5)), kF32Error);
}

TEST_P(NetworkTest, TokenByTokenWithCacheEqualsTheOracle) {
  const std::vector<int32_t> ids = Ids(21, 3);
  KvCache cache = Cache();  // grows on the way
  std::vector<at::Tensor> rows;

  for (const int32_t id : ids) {
    Packed packed;
    packed.Add({id}, -1, &cache);
    rows.push_back(Forward(packed));
  }

  EXPECT_EQ(cache.length(), 21);
  EXPECT_LT(RelativeError(at::cat(rows), Alone(ids)), kF32Error);
}

TEST_P(NetworkTest, ChunkedPrefillBesideDecodingEqualsTheOracle) {
  KvCache decoding = Cache();
  KvCache prefilling = Cache(64);
  Packed start;
  start.Add(Ids(10, 1), -1, &decoding);
  Forward(start);
  std::vector<at::Tensor> prefilled;

  for (int64_t step = 0; step < 3; ++step) {
    Packed packed;
    const std::vector<int32_t> all = Ids(24, 2);
    const int decode = packed.Add({static_cast<int32_t>(5 + step)}, -1, &decoding);
    const int chunk =
        packed.Add({all.begin() + step * 8, all.begin() + step * 8 + 8}, -1, &prefilling);
    const at::Tensor hidden = Forward(packed);
    prefilled.push_back(packed.Rows(hidden, chunk));
    std::vector<int32_t> expected = Ids(10, 1);
    for (int32_t id = 5; id <= 5 + step; ++id) expected.push_back(id);
    EXPECT_LT(RelativeError(packed.Rows(hidden, decode), Tail(Alone(expected), 1)), kF32Error);
  }

  EXPECT_LT(RelativeError(at::cat(prefilled), Alone(Ids(24, 2))), kF32Error);
}

TEST_P(NetworkTest, PrefixMayEndInACache) {
  KvCache cache = Cache();
  Packed start;
  start.Add(Ids(7, 1), -1, &cache);
  Forward(start);

  Packed packed;
  const int cached = packed.Add(Ids(4, 2), -1, &cache);
  const int middle = packed.Add(Ids(3, 3), cached);
  const int answer = packed.Add(Ids(6, 4), middle);
  const int single = packed.Add({17}, cached);
  const at::Tensor hidden = Forward(packed);

  const std::vector<int32_t> context = Concat(Ids(7, 1), Ids(4, 2));
  EXPECT_EQ(cache.length(), 11);
  EXPECT_LT(RelativeError(packed.Rows(hidden, answer),
                          Tail(Alone(Concat(Concat(context, Ids(3, 3)), Ids(6, 4))), 6)),
            kF32Error);
  EXPECT_LT(RelativeError(packed.Rows(hidden, single), Tail(Alone(Concat(context, {17})), 1)),
            kF32Error);
}

TEST_P(NetworkTest, ForkAndTruncateGoOnFromTheirTokens) {
  KvCache cache = Cache();
  Packed start;
  start.Add(Ids(12, 1), -1, &cache);
  Forward(start);

  KvCache fork = cache.Fork(9, 40);
  cache.Truncate(5);
  Packed packed;
  const int forked = packed.Add(Ids(6, 2), -1, &fork);
  const int truncated = packed.Add(Ids(7, 3), -1, &cache);
  const at::Tensor hidden = Forward(packed);

  const std::vector<int32_t> all = Ids(12, 1);
  EXPECT_EQ(fork.length(), 15);
  EXPECT_EQ(cache.length(), 12);
  EXPECT_LT(RelativeError(packed.Rows(hidden, forked),
                          Tail(Alone(Concat({all.begin(), all.begin() + 9}, Ids(6, 2))), 6)),
            kF32Error);
  EXPECT_LT(RelativeError(packed.Rows(hidden, truncated),
                          Tail(Alone(Concat({all.begin(), all.begin() + 5}, Ids(7, 3))), 7)),
            kF32Error);
}

TEST_P(NetworkTest, Bfloat16StaysNearTheOracle) {
  Placement placement = testing::TestPlacement("bf16");
  placement.compute = at::kBFloat16;  // slow on some processors, right on all
  const auto weights = MakeRandomModel(GetParam().config, placement);
  KvCache cache(weights->config, placement, 8);
  Packed packed;
  const int prefix = packed.Add(Ids(6, 1));
  const int answer = packed.Add(Ids(9, 2), prefix);
  const int cached = packed.Add(Ids(14, 3), -1, &cache);

  const at::Tensor hidden = Network::Forward(*weights, packed.tokens, packed.segments);

  EXPECT_EQ(hidden.scalar_type(), at::kBFloat16);
  EXPECT_LT(RelativeError(packed.Rows(hidden, answer),
                          Tail(ReferenceForward(*weights, Concat(Ids(6, 1), Ids(9, 2))), 9)),
            kBf16Error);
  EXPECT_LT(RelativeError(packed.Rows(hidden, cached), ReferenceForward(*weights, Ids(14, 3))),
            kBf16Error);
  EXPECT_EQ(Network::Logits(*weights, hidden).scalar_type(), at::kFloat);
}

TEST_P(NetworkTest, TheSameBatchGivesTheSameBytes) {
  Packed packed;
  const int prefix = packed.Add(Ids(6, 1));
  for (int32_t i = 0; i < 5; ++i) packed.Add(Ids(8 + i, i), prefix);

  EXPECT_TRUE(at::equal(Forward(packed), Forward(packed)));
}

TEST_P(NetworkTest, ASequenceBeyondTheWindowIsAnExceptionThatLeavesTheCacheAsItWas) {
  KvCache cache = Cache();
  Packed start;
  start.Add(Ids(100, 1), -1, &cache);
  Forward(start);
  Packed packed;
  packed.Add(Ids(29, 2), -1, &cache);

  EXPECT_THROW(Forward(packed), c10::Error);
  EXPECT_EQ(cache.length(), 100);
}

TEST_P(NetworkTest, TheLayerHookIsCalledBeforeEachLayer) {
  Packed packed;
  packed.Add(Ids(4, 1));
  int calls = 0;

  Forward(packed, {.layer_hook = [&calls] { ++calls; }});

  EXPECT_EQ(calls, 3);
}

INSTANTIATE_TEST_SUITE_P(Families, NetworkTest, ::testing::ValuesIn(Variants()),
                         [](const auto& instance) { return std::string(instance.param.name); });

}  // namespace
}  // namespace imprint::model
