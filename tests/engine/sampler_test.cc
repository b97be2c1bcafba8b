// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/engine/sampler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "ATen/ATen.h"
#include "server/engine/top_k.h"

namespace imprint::engine {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;

at::Tensor Row(const std::vector<float>& values) {
  at::Tensor row = at::empty({1, static_cast<int64_t>(values.size())},
                             at::TensorOptions().device(at::kCPU).dtype(at::kFloat));
  std::copy(values.begin(), values.end(), row.mutable_data_ptr<float>());
  return row;
}

at::Tensor LogitsOf(const std::vector<float>& probabilities) { return at::log(Row(probabilities)); }

// How often each token comes out of `draws` draws, as shares.
std::vector<double> Shares(const at::Tensor& logits, SamplingOptions options, int draws = 40000) {
  std::vector<double> shares(logits.size(1), 0);
  for (int i = 0; i < draws; ++i) {
    const SampleSpec spec{options, static_cast<uint64_t>(i)};
    shares[SampleTokens(logits, {spec})[0]] += 1.0 / draws;
  }
  return shares;
}

void ExpectShares(const std::vector<double>& shares, const std::vector<double>& expected) {
  ASSERT_EQ(shares.size(), expected.size());
  for (size_t i = 0; i < shares.size(); ++i) {
    // Five standard deviations of 40,000 draws; what must not come, never comes.
    const double tolerance = 5 * std::sqrt(expected[i] * (1 - expected[i]) / 40000) + 1e-9;
    EXPECT_NEAR(shares[i], expected[i], tolerance) << "token " << i;
  }
}

TEST(UniformAtTest, LiesInTheUnitIntervalAndDependsOnSeedAndIndex) {
  double sum = 0;
  for (uint64_t i = 0; i < 10000; ++i) {
    const double u = UniformAt(7, i);
    ASSERT_GE(u, 0);
    ASSERT_LT(u, 1);
    sum += u;
  }
  EXPECT_NEAR(sum / 10000, 0.5, 0.02);
  EXPECT_EQ(UniformAt(7, 3), UniformAt(7, 3));
  EXPECT_NE(UniformAt(7, 3), UniformAt(7, 4));
  EXPECT_NE(UniformAt(7, 3), UniformAt(8, 3));
  EXPECT_NE(UniformAt(0, 1), UniformAt(1, 0));
}

TEST(SamplerTest, TemperatureZeroTakesTheMostLikely) {
  const at::Tensor logits = Row({0.5f, 3.f, -1.f, 3.f});
  for (uint64_t i = 0; i < 20; ++i) {
    EXPECT_THAT(SampleTokens(logits, {{SamplingOptions{}, i}}), ElementsAre(1));
  }
}

TEST(SamplerTest, TemperatureOneDrawsFromTheDistribution) {
  SamplingOptions options;
  options.temperature = 1;
  ExpectShares(Shares(LogitsOf({0.5f, 0.1f, 0.3f, 0.1f}), options), {0.5, 0.1, 0.3, 0.1});
}

TEST(SamplerTest, TemperatureSharpens) {
  SamplingOptions options;
  options.temperature = 0.5f;  // squares the odds: 9 : 1 : 4
  ExpectShares(Shares(LogitsOf({0.5f, 1.f / 6, 1.f / 3}), options), {9 / 14., 1 / 14., 4 / 14.});
}

TEST(SamplerTest, TopKKeepsTheMostLikelyRenormalised) {
  SamplingOptions options;
  options.temperature = 1;
  options.top_k = 2;
  ExpectShares(Shares(LogitsOf({0.1f, 0.5f, 0.1f, 0.3f}), options), {0, 0.625, 0, 0.375});
}

TEST(SamplerTest, TopPKeepsTheFewestThatReachIt) {
  SamplingOptions options;
  options.temperature = 1;
  options.top_p = 0.7f;
  ExpectShares(Shares(LogitsOf({0.1f, 0.5f, 0.1f, 0.3f}), options), {0, 0.625, 0, 0.375});
  options.top_p = 0.4f;
  ExpectShares(Shares(LogitsOf({0.1f, 0.5f, 0.1f, 0.3f}), options), {0, 1, 0, 0});
}

TEST(SamplerTest, TopPCountsTheMassThatTopKLeft) {
  SamplingOptions options;
  options.temperature = 1;
  options.top_k = 2;
  options.top_p = 0.6f;  // of the two left: 0.625 and 0.375
  ExpectShares(Shares(LogitsOf({0.1f, 0.5f, 0.1f, 0.3f}), options), {0, 1, 0, 0});
}

TEST(SamplerTest, TopPOfAFlatDistributionLooksBeyondTheFirstCandidates) {
  // 5,000 equal tokens: half the mass is 2,500 of them, more than any first guess.
  const at::Tensor logits =
      at::zeros({1, 5000}, at::TensorOptions().device(at::kCPU).dtype(at::kFloat));
  SamplingOptions options;
  options.temperature = 1;
  options.top_p = 0.5f;
  int32_t largest = 0;
  for (uint64_t i = 0; i < 300; ++i) {
    largest = std::max(largest, SampleTokens(logits, {{options, i}})[0]);
  }
  EXPECT_LE(largest, 2501);
  EXPECT_GT(largest, 2300);
}

TEST(SamplerTest, RowsDoNotDependOnEachOther) {
  const at::Tensor logits =
      at::randn({8, 300}, at::TensorOptions().device(at::kCPU).dtype(at::kFloat));
  std::vector<SampleSpec> specs(8);
  for (size_t r = 0; r < specs.size(); ++r) {
    specs[r].options.temperature = r % 2 == 0 ? 0.9f : 0.f;
    specs[r].options.top_p = r % 4 == 0 ? 0.8f : 1.f;
    specs[r].options.top_k = r == 6 ? 5 : 0;
    specs[r].options.seed = r;
    specs[r].index = 3 * r;
  }
  const std::vector<int32_t> together = SampleTokens(logits, specs);
  for (size_t r = 0; r < specs.size(); ++r) {
    EXPECT_EQ(SampleTokens(logits.narrow(0, r, 1), {specs[r]})[0], together[r]) << r;
  }
}

TEST(SamplerTest, NotANumberGivesSomeTokenAndNoCrash) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const at::Tensor logits = Row(std::vector<float>(1000, nan));
  for (const float top_p : {1.f, 0.5f}) {
    for (const int32_t top_k : {0, 10, 900}) {
      SamplingOptions options;
      options.temperature = 1;
      options.top_p = top_p;
      options.top_k = top_k;
      const int32_t token = SampleTokens(logits, {{options, 0}})[0];
      EXPECT_GE(token, 0);
      EXPECT_LT(token, 1000);
    }
  }
}

TEST(TopKTest, GivesTheLargestInOrder) {
  const std::vector<TopKRow> top = TopK(Row({1, 5, 3, 5, 4}), 3);
  EXPECT_THAT(top[0].ids, ElementsAre(1, 3, 4));
  EXPECT_THAT(top[0].values, ElementsAre(5, 5, 4));
}

TEST(TopKTest, IsBroughtIntoTheVocabulary) {
  EXPECT_EQ(TopK(Row({1, 2}), 10)[0].ids.size(), 2u);
  EXPECT_THAT(TopK(Row({1, 2}), 0)[0].ids, ElementsAre(1));
}

TEST(TopKTest, AgreesWithSorting) {
  const at::Tensor logits =
      at::randn({3, 2003}, at::TensorOptions().device(at::kCPU).dtype(at::kFloat));
  for (const int64_t k : {1, 7, 20, 512, 513, 2003}) {
    const auto [values, ids] = logits.sort(/*stable=*/true, /*dim=*/-1, /*descending=*/true);
    const std::vector<TopKRow> top = TopK(logits, k);
    for (int64_t r = 0; r < 3; ++r) {
      for (int64_t i = 0; i < k; ++i) {
        ASSERT_EQ(top[r].ids[i], ids[r][i].item<int64_t>()) << k << " " << r << " " << i;
        ASSERT_EQ(top[r].values[i], values[r][i].item<float>());
      }
    }
  }
}

TEST(ArgMaxTest, OfEqualOnesTheFirst) { EXPECT_THAT(ArgMax(Row({-3, 2, 2, 1})), ElementsAre(1)); }

// A row that is no distribution has a most likely token still.
TEST(SampleTokensTest, RowsWithoutADistributionGiveTheMostLikelyToken) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const float nan = std::nanf("");
  for (const SamplingOptions options :
       {SamplingOptions{.temperature = 1}, SamplingOptions{.temperature = 1, .top_p = 0.5f},
        SamplingOptions{.temperature = 1, .top_k = 2}}) {
    const SampleSpec spec{options, 0};
    EXPECT_THAT(SampleTokens(Row({0, 1, kInfinity, 2}), {spec}), ElementsAre(2));
    EXPECT_THAT(SampleTokens(Row({nan, 1, 2, nan}), {spec}), AnyOf(ElementsAre(1), ElementsAre(2)));
    EXPECT_THAT(SampleTokens(Row({nan, nan}), {spec}), ElementsAre(0));
    EXPECT_THAT(SampleTokens(Row({-kInfinity, -kInfinity}), {spec}), ElementsAre(0));
  }
}

}  // namespace
}  // namespace imprint::engine
