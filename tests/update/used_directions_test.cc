// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/update/used_directions.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/engine/compute_share.h"
#include "server/model/network.h"
#include "server/model/weights.h"
#include "server/update/packer.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/test_device.h"
#include "tests/testing/tiny_model.h"

namespace imprint::update {
namespace {

using Ids = std::vector<int32_t>;

constexpr double kShare = 0.25;

class UsedDirectionsTest : public ::testing::Test {
 protected:
  UsedDirectionsTest() {
    for (int32_t text = 0; text < 12; ++text) {
      Ids ids;
      for (int32_t i = 0; i < 40; ++i) ids.push_back((text * 97 + i * 31 + i * i) % 512);
      texts_.push_back(std::move(ids));
    }
    for (const Ids& ids : texts_) {
      items_.push_back({.prompt = absl::MakeConstSpan(ids).first(1),
                        .target = absl::MakeConstSpan(ids).subspan(1)});
    }
  }

  std::shared_ptr<const UsedDirections> Measure(int64_t first_layer = 0,
                                                double share = kShare) const {
    return UsedDirections::Measure(*base_, items_, first_layer, share, nullptr, {}).value();
  }

  model::Adapter RandomAdapter() const {
    model::Adapter adapter =
        model::Adapter::Make(base_->config, base_->placement, /*rank=*/4, /*alpha=*/8, /*seed=*/3);
    at::manual_seed(5);
    for (at::Tensor& parameter : adapter.Parameters()) parameter.normal_();
    return adapter;
  }

  const std::shared_ptr<const model::Weights> base_ =
      model::LoadWeights(testing::kTinyChatDir, testing::TestPlacement("f32")).value();
  std::vector<Ids> texts_;
  std::vector<PackItem> items_;
};

TEST_F(UsedDirectionsTest, AreOrthonormalAndSharedByMapsOfOneInput) {
  const auto used = Measure();
  for (const auto& maps : used->columns()) {
    for (const at::Tensor& columns : maps) {
      ASSERT_TRUE(columns.defined());
      EXPECT_EQ(columns.size(1), std::lround(kShare * static_cast<double>(columns.size(0))));
      const at::Tensor products = columns.t().mm(columns);
      EXPECT_TRUE(at::allclose(products, at::eye(columns.size(1), products.options()), 1e-4, 1e-4));
    }
    EXPECT_TRUE(maps[0].is_same(maps[1]) && maps[1].is_same(maps[2]));  // query, key, value
    EXPECT_TRUE(maps[4].is_same(maps[5]));                              // gate, up
    EXPECT_FALSE(maps[3].is_same(maps[0]));
  }
}

// Against the eigenvectors of the same moments in f64, of what an f32 and a bf16 model computes.
TEST_F(UsedDirectionsTest, HoldNearlyAllThatTheBestOnesWould) {
  const at::NoGradGuard no_grad;
  for (const char* dtype : {"f32", "bf16"}) {
    const auto base =
        model::LoadWeights(testing::kTinyChatDir, testing::TestPlacement(dtype)).value();
    at::Tensor moments;
    model::ForwardOptions options;
    options.input_hook = [&](int64_t layer, model::Linear first, const at::Tensor& x) {
      if (layer != 1 || first != model::Linear::kDown) return;
      const at::Tensor rows = x.to(at::kDouble);
      const at::Tensor product = rows.t().mm(rows);
      moments = moments.defined() ? moments + product : product;
    };
    for (const Ids& ids : texts_) {
      const model::Segment all{.begin = 0, .length = static_cast<int64_t>(ids.size()) - 1};
      model::Network::Forward(*base, absl::MakeConstSpan(ids).first(ids.size() - 1), {all},
                              options);
    }
    const at::Tensor columns =
        UsedDirections::Measure(*base, items_, /*first_layer=*/0, kShare, nullptr, {})
            .value()
            ->columns()[1][static_cast<size_t>(model::Linear::kDown)]
            .to(at::kDouble);
    const auto [values, vectors] = at::linalg_eigh(moments);
    const double best =
        values.narrow(0, values.size(0) - columns.size(1), columns.size(1)).sum().item<double>();
    const double held = columns.mul(moments.mm(columns)).sum().item<double>();
    EXPECT_GT(held, 0.98 * best) << dtype;
    EXPECT_LT(held, 1.0001 * best) << dtype;
  }
}

TEST_F(UsedDirectionsTest, HoldTakesThemOutOfAnAdapterAndLeavesTheRest) {
  const auto used = Measure();
  const model::Adapter before = RandomAdapter();
  const model::Adapter adapter = before.Clone();
  used->Hold(adapter, {});
  for (size_t layer = 0; layer < adapter.layers.size(); ++layer) {
    for (size_t map = 0; map < model::kLinearsPerLayer; ++map) {
      const at::Tensor& columns = used->columns()[layer][map];
      const at::Tensor& a = adapter.layers[layer][map].a;
      const at::Tensor& was = before.layers[layer][map].a;
      EXPECT_LT(a.mm(columns).abs().max().item<double>(), 1e-5);
      const at::Tensor taken = was - a;  // lies within the directions
      EXPECT_TRUE(at::allclose(taken.mm(columns).mm(columns.t()), taken, 1e-4, 1e-4));
      EXPECT_TRUE(at::equal(adapter.layers[layer][map].b, before.layers[layer][map].b));
    }
  }
}

// What an adapter has learned along them, perhaps before they were protected, is not taken away.
TEST_F(UsedDirectionsTest, HoldPutsBackWhatAnAdapterHadAlongThem) {
  const auto used = Measure();
  const model::Adapter adapter = RandomAdapter();
  const MapTensors along = used->Along(adapter);
  const model::Adapter moved = adapter.Clone();
  for (at::Tensor& parameter : moved.Parameters()) parameter.add_(0.5);
  used->Hold(moved, along);
  const MapTensors after = used->Along(moved);
  for (size_t layer = 0; layer < along.size(); ++layer) {
    for (size_t map = 0; map < model::kLinearsPerLayer; ++map) {
      EXPECT_TRUE(at::allclose(after[layer][map], along[layer][map], 1e-4, 1e-4));
      EXPECT_FALSE(at::allclose(moved.layers[layer][map].a, adapter.layers[layer][map].a));
    }
  }
}

TEST_F(UsedDirectionsTest, SameInputSameBytes) {
  const auto one = Measure(), other = Measure();
  for (size_t layer = 0; layer < one->columns().size(); ++layer) {
    for (size_t map = 0; map < model::kLinearsPerLayer; ++map) {
      EXPECT_TRUE(at::equal(one->columns()[layer][map], other->columns()[layer][map]));
    }
  }
}

TEST_F(UsedDirectionsTest, BlocksThatAreNotTrainedHaveNone) {
  const auto used = Measure(/*first_layer=*/1);
  EXPECT_FALSE(used->columns()[0][0].defined());
  EXPECT_TRUE(used->columns()[1][0].defined());
  const model::Adapter adapter = RandomAdapter();
  const model::Adapter before = adapter.Clone();
  used->Hold(adapter, used->Along(adapter));
  EXPECT_TRUE(at::equal(adapter.layers[0][0].a, before.layers[0][0].a));
}

TEST_F(UsedDirectionsTest, LessThanOneDirectionIsNone) {
  EXPECT_FALSE(Measure(0, 1e-4)->columns()[0][0].defined());
}

TEST_F(UsedDirectionsTest, WaitsForTheEndOfAServingStep) {
  engine::ComputeShare share(0.5);
  const auto alone = Measure();
  std::atomic<bool> served = false;
  share.BeginServing();
  std::thread serving([&] {
    absl::SleepFor(absl::Milliseconds(20));
    served = true;
    share.EndServing();
  });
  const auto shared = UsedDirections::Measure(*base_, items_, 0, kShare, &share, {}).value();
  EXPECT_TRUE(served);
  serving.join();
  EXPECT_TRUE(at::equal(alone->columns()[1][3], shared->columns()[1][3]));
}

TEST_F(UsedDirectionsTest, Cancelled) {
  EXPECT_TRUE(absl::IsCancelled(
      UsedDirections::Measure(*base_, items_, 0, kShare, nullptr, [] { return true; }).status()));
}

}  // namespace
}  // namespace imprint::update
