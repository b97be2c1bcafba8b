// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Gradients of the network through adapters, against autograd over the plain oracle.

#include <gtest/gtest.h>

#include <vector>

#include "ATen/ATen.h"
#include "ATen/core/grad_mode.h"
#include "server/model/network.h"
#include "tests/model/model_folder.h"
#include "tests/model/reference_network.h"
#include "tests/testing/test_device.h"

namespace imprint::model {
namespace {

constexpr double kF32Error = 2e-5;

std::vector<int32_t> Ids(int64_t count, int32_t seed) {
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < count; ++i) {
    ids.push_back(static_cast<int32_t>((i * 11 + seed * 17 + i * i) % 61));
  }
  return ids;
}

// An adapter that changes something, whose parameters want gradients.
Adapter TrainableAdapter(const Weights& weights) {
  Adapter adapter = Adapter::Make(weights.config, weights.placement, 4, 8, 3);
  const Adapter other = Adapter::Make(weights.config, weights.placement, 4, 8, 4);
  for (size_t layer = 0; layer < adapter.layers.size(); ++layer) {
    for (size_t i = 0; i < kLinearsPerLayer; ++i) {
      LowRankPair& pair = adapter.layers[layer][i];
      pair.b.copy_(
          other.layers[layer][i].a.repeat({1, 8}).narrow(1, 0, pair.b.size(0)).t().mul(0.5));
    }
  }
  for (at::Tensor& parameter : adapter.Parameters()) parameter.set_requires_grad(true);
  return adapter;
}

std::vector<at::Tensor> TakeGradients(const Adapter& adapter) {
  std::vector<at::Tensor> gradients;
  for (at::Tensor& parameter : adapter.Parameters()) {
    EXPECT_TRUE(parameter.grad().defined());
    gradients.push_back(parameter.grad());
    parameter.mutable_grad() = at::Tensor();
  }
  return gradients;
}

void ExpectSameGradients(const std::vector<at::Tensor>& actual,
                         const std::vector<at::Tensor>& expected, double tolerance) {
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < actual.size(); ++i) {
    EXPECT_LT(RelativeError(actual[i], expected[i]), tolerance)
        << "layer " << i / 14 << " " << LinearName(static_cast<Linear>(i % 14 / 2)) << " "
        << (i % 2 == 0 ? "A" : "B");
  }
}

// A loss whose gradient differs for every number.
at::Tensor Loss(const at::Tensor& hidden) {
  const at::Tensor flat = hidden.to(at::kFloat).reshape({-1});
  const at::Tensor weight = at::arange(flat.size(0), flat.options()).sin();
  return (flat * weight).sum() + flat.square().sum() * 0.1;
}

class NetworkGradientTest : public ::testing::TestWithParam<Variant> {
 protected:
  NetworkGradientTest()
      : weights_(MakeRandomModel(GetParam().config, testing::TestPlacement("f32"))),
        adapter_(TrainableAdapter(*weights_)) {}

  const std::shared_ptr<const Weights> weights_;
  const Adapter adapter_;
};

TEST_P(NetworkGradientTest, ManySegmentsEqualTheOracle) {
  // Equal lengths, unequal ones, and one too long to be padded with the others.
  const std::vector<int64_t> lengths = {7, 7, 9, 31, 2, 7};
  std::vector<int32_t> tokens;
  std::vector<Segment> segments;
  at::Tensor expected_loss;
  for (size_t i = 0; i < lengths.size(); ++i) {
    const std::vector<int32_t> ids = Ids(lengths[i], static_cast<int32_t>(i));
    segments.push_back({static_cast<int64_t>(tokens.size()), lengths[i], -1, nullptr});
    tokens.insert(tokens.end(), ids.begin(), ids.end());
    const at::Tensor loss = Loss(ReferenceForward(*weights_, ids, &adapter_));
    expected_loss = expected_loss.defined() ? expected_loss + loss : loss;
  }
  expected_loss.backward();
  const std::vector<at::Tensor> expected = TakeGradients(adapter_);

  const at::Tensor hidden = Network::Forward(*weights_, tokens, segments, {.adapter = &adapter_});
  at::Tensor loss;
  for (const Segment& segment : segments) {
    const at::Tensor part = Loss(hidden.narrow(0, segment.begin, segment.length));
    loss = loss.defined() ? loss + part : part;
  }
  loss.backward();

  EXPECT_NEAR(loss.item<double>(), expected_loss.item<double>(),
              1e-4 * std::abs(expected_loss.item<double>()));
  ExpectSameGradients(TakeGradients(adapter_), expected, kF32Error);
}

TEST_P(NetworkGradientTest, GradientsFlowThroughASharedPrefix) {
  const std::vector<int32_t> prefix = Ids(6, 1);
  const std::vector<int32_t> middle = Ids(3, 2);
  const std::vector<int64_t> lengths = {5, 8, 5};
  std::vector<int32_t> tokens = prefix;
  std::vector<Segment> segments = {{0, 6, -1, nullptr}, {6, 3, 0, nullptr}};
  tokens.insert(tokens.end(), middle.begin(), middle.end());
  at::Tensor expected_loss;
  for (size_t i = 0; i < lengths.size(); ++i) {
    const std::vector<int32_t> ids = Ids(lengths[i], static_cast<int32_t>(10 + i));
    segments.push_back({static_cast<int64_t>(tokens.size()), lengths[i], 1, nullptr});
    tokens.insert(tokens.end(), ids.begin(), ids.end());
    std::vector<int32_t> joined = prefix;
    joined.insert(joined.end(), middle.begin(), middle.end());
    joined.insert(joined.end(), ids.begin(), ids.end());
    const at::Tensor loss =
        Loss(ReferenceForward(*weights_, joined, &adapter_).narrow(0, 9, lengths[i]));
    expected_loss = expected_loss.defined() ? expected_loss + loss : loss;
  }
  expected_loss.backward();
  const std::vector<at::Tensor> expected = TakeGradients(adapter_);

  const at::Tensor hidden = Network::Forward(*weights_, tokens, segments, {.adapter = &adapter_});
  at::Tensor loss;
  for (size_t i = 2; i < segments.size(); ++i) {
    const at::Tensor part = Loss(hidden.narrow(0, segments[i].begin, segments[i].length));
    loss = loss.defined() ? loss + part : part;
  }
  loss.backward();

  ExpectSameGradients(TakeGradients(adapter_), expected, kF32Error);
}

TEST_P(NetworkGradientTest, TheSameBatchGivesTheSameGradientBytes) {
  std::vector<int32_t> tokens = Ids(6, 1);
  std::vector<Segment> segments = {{0, 6, -1, nullptr}};
  for (int32_t i = 0; i < 4; ++i) {
    const std::vector<int32_t> ids = Ids(5 + i, i);
    segments.push_back(
        {static_cast<int64_t>(tokens.size()), static_cast<int64_t>(ids.size()), 0, nullptr});
    tokens.insert(tokens.end(), ids.begin(), ids.end());
  }
  const auto gradients = [&] {
    Loss(Network::Forward(*weights_, tokens, segments, {.adapter = &adapter_})).backward();
    return TakeGradients(adapter_);
  };

  const std::vector<at::Tensor> first = gradients();
  const std::vector<at::Tensor> second = gradients();

  for (size_t i = 0; i < first.size(); ++i) EXPECT_TRUE(at::equal(first[i], second[i])) << i;
}

TEST_P(NetworkGradientTest, UpperBlocksGetTheSameGradientsWithoutAnAdapterBelow) {
  Adapter whole = TrainableAdapter(*weights_);
  Adapter upper = whole.Clone();
  upper.first_layer = 1;
  upper.layers[0] = {};
  for (at::Tensor& parameter : upper.Parameters()) parameter.set_requires_grad(true);
  for (LowRankPair& pair : whole.layers[0]) {
    const at::NoGradGuard no_grad;
    pair.b.zero_();  // below, the whole one changes nothing either
  }
  const std::vector<int32_t> ids = Ids(9, 1);
  const std::vector<Segment> segments = {{0, 9, -1, nullptr}};

  Loss(Network::Forward(*weights_, ids, segments, {.adapter = &whole})).backward();
  Loss(Network::Forward(*weights_, ids, segments, {.adapter = &upper})).backward();

  std::vector<at::Tensor> expected = TakeGradients(whole);
  expected.erase(expected.begin(), expected.begin() + 2 * kLinearsPerLayer);
  ExpectSameGradients(TakeGradients(upper), expected, kF32Error);
}

TEST_P(NetworkGradientTest, FrozenWeightsGetNoGradient) {
  const std::vector<int32_t> tokens = Ids(8, 1);
  const std::vector<Segment> segments = {{0, 8, -1, nullptr}};

  Loss(Network::Forward(*weights_, tokens, segments, {.adapter = &adapter_})).backward();

  TakeGradients(adapter_);
  EXPECT_FALSE(weights_->embedding.grad().defined());
  for (const LayerWeights& layer : weights_->layers) {
    EXPECT_FALSE(layer.query_key_value.requires_grad());
    EXPECT_FALSE(layer.query_key_value.grad().defined());
    EXPECT_FALSE(layer.linear[0].grad().defined());
  }
}

TEST_P(NetworkGradientTest, TheLayerHookIsCalledForwardAndBackward) {
  const std::vector<int32_t> tokens = Ids(8, 1);
  const std::vector<Segment> segments = {{0, 8, -1, nullptr}};
  int calls = 0;

  const at::Tensor hidden = Network::Forward(
      *weights_, tokens, segments, {.adapter = &adapter_, .layer_hook = [&calls] { ++calls; }});
  const int forward = calls;
  Loss(hidden).backward();

  EXPECT_EQ(forward, 3);
  EXPECT_EQ(calls, 6);
  TakeGradients(adapter_);
}

TEST_P(NetworkGradientTest, WithoutGradModeNothingIsRecorded) {
  const at::NoGradGuard no_grad;
  const std::vector<int32_t> tokens = Ids(8, 1);
  const std::vector<Segment> segments = {{0, 8, -1, nullptr}};

  const at::Tensor hidden = Network::Forward(*weights_, tokens, segments, {.adapter = &adapter_});

  EXPECT_FALSE(hidden.requires_grad());
  EXPECT_LT(RelativeError(hidden, ReferenceForward(*weights_, tokens, &adapter_)), 1e-5);
}

TEST_P(NetworkGradientTest, Bfloat16GradientsPointTheSameWay) {
  Placement placement = testing::TestPlacement("bf16");
  placement.compute = at::kBFloat16;
  const auto weights = MakeRandomModel(GetParam().config, placement);
  const Adapter adapter = TrainableAdapter(*weights);
  const std::vector<int32_t> tokens = Ids(12, 1);
  const std::vector<Segment> segments = {{0, 12, -1, nullptr}};
  Loss(ReferenceForward(*weights, tokens, &adapter)).backward();
  const std::vector<at::Tensor> expected = TakeGradients(adapter);

  Loss(Network::Forward(*weights, tokens, segments, {.adapter = &adapter})).backward();

  const std::vector<at::Tensor> actual = TakeGradients(adapter);
  for (const at::Tensor& gradient : actual) EXPECT_EQ(gradient.scalar_type(), at::kFloat);
  ExpectSameGradients(actual, expected, 0.1);
}

INSTANTIATE_TEST_SUITE_P(Families, NetworkGradientTest, ::testing::ValuesIn(Variants()),
                         [](const auto& instance) { return std::string(instance.param.name); });

}  // namespace
}  // namespace imprint::model
