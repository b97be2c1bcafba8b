// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/model/tile_multiply.h"

#include <gtest/gtest.h>

#include "ATen/ATen.h"
#include "ATen/Parallel.h"

namespace imprint::model {
namespace {

at::Tensor Random(at::IntArrayRef shape) {
  return at::randn(shape, at::TensorOptions().device(at::kCPU).dtype(at::kFloat)).to(at::kBFloat16);
}

class TileMultiplyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    at::manual_seed(1);
    if (!FitsTiles(Random({16, 32}))) GTEST_SKIP() << "no AMX on this processor";
  }
};

// Of tokens and outputs one tile, less, and several with and without a single one left over.
TEST_F(TileMultiplyTest, EqualsTheProductInDoublePrecision) {
  for (const int64_t tokens : {1, 2, 15, 16, 17, 32, 33, 48, 64, 100}) {
    for (const int64_t out : {16, 32, 48, 64, 80, 144, 512}) {
      for (const int64_t in : {32, 96, 576}) {
        const at::Tensor x = Random({tokens, in});
        const at::Tensor weight = Random({out, in});
        const at::Tensor expected = at::mm(x.to(at::kDouble), weight.to(at::kDouble).t());

        const at::Tensor y = TileMultiply(x, weight);

        const at::Tensor bias = Random({out});
        EXPECT_TRUE(at::allclose(TileMultiply(x, weight, bias).to(at::kDouble), expected + bias,
                                 1.0 / 256, 1e-3))
            << tokens << " tokens, " << in << " to " << out << ", with a bias";
        EXPECT_EQ(y.scalar_type(), at::kBFloat16);
        EXPECT_TRUE(y.is_contiguous());
        // Summed in f32 and rounded once: half a unit in the last of 8 bits.
        EXPECT_TRUE(at::allclose(y.to(at::kDouble), expected, 1.0 / 256, 1e-3))
            << tokens << " tokens, " << in << " to " << out;
      }
    }
  }
}

TEST_F(TileMultiplyTest, TakesNoTokensAndRowsOfAView) {
  const at::Tensor weights = Random({48, 96});
  const at::Tensor weight = weights.narrow(1, 32, 64);
  const at::Tensor x = Random({7, 80}).narrow(1, 8, 64);
  EXPECT_TRUE(
      at::equal(TileMultiply(x, weight), TileMultiply(x.contiguous(), weight.contiguous())));
  EXPECT_EQ(TileMultiply(x.narrow(0, 0, 0), weight).sizes(), (at::IntArrayRef{0, 48}));
}

TEST_F(TileMultiplyTest, GivesTheSameBitsOnAnyNumberOfThreads) {
  const at::Tensor x = Random({9, 576});
  const at::Tensor weight = Random({4096 + 16, 576});
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const at::Tensor alone = TileMultiply(x, weight);
  at::set_num_threads(3);
  const at::Tensor together = TileMultiply(x, weight);
  at::set_num_threads(threads);
  EXPECT_TRUE(at::equal(alone, together));
}

// A library that keeps its own shape of tiles finds it, and so does this after the library.
TEST_F(TileMultiplyTest, StandsBesideTheLibrarysUseOfTheTiles) {
  const at::Tensor x = Random({130, 576});
  const at::Tensor weight = Random({512, 576});
  const at::Tensor library = at::mm(x, weight.t());
  const at::Tensor tiles = TileMultiply(x, weight);
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(at::equal(at::mm(x, weight.t()), library));
    EXPECT_TRUE(at::equal(TileMultiply(x, weight), tiles));
  }
}

TEST_F(TileMultiplyTest, RefusesWhatDoesNotFit) {
  const at::Tensor weight = Random({48, 64});
  EXPECT_TRUE(FitsTiles(weight));
  EXPECT_FALSE(FitsTiles(weight.to(at::kFloat)));
  EXPECT_FALSE(FitsTiles(Random({48, 48})));
  EXPECT_FALSE(FitsTiles(Random({40, 64})));
  EXPECT_FALSE(FitsTiles(Random({64, 48}).t()));
  EXPECT_THROW(TileMultiply(Random({3, 48}), Random({48, 48})), c10::Error);
  EXPECT_THROW(TileMultiply(Random({3, 32}), weight), c10::Error);
  EXPECT_THROW(TileMultiply(Random({3, 64}).to(at::kFloat), weight), c10::Error);
}

}  // namespace
}  // namespace imprint::model
