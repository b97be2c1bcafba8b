// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// The logits that transformers gives for a tiny model of each family (tests/golden).

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "ATen/ATen.h"
#include "ATen/core/grad_mode.h"
#include "server/model/network.h"
#include "server/model/safetensors.h"
#include "tests/model/reference_network.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/test_device.h"

namespace imprint::model {
namespace {

constexpr char kRoot[] = "tests/golden";

std::vector<std::string> Families() {
  std::vector<std::string> families;
  for (const auto& entry : std::filesystem::directory_iterator(kRoot)) {
    if (std::filesystem::exists(entry.path() / "golden.safetensors")) {
      families.push_back(entry.path().filename().string());
    }
  }
  std::sort(families.begin(), families.end());
  return families;
}

class GoldenTest : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    const std::filesystem::path dir = std::filesystem::path(kRoot) / GetParam();
    auto file = SafetensorsFile::Open(dir / "golden.safetensors");
    IMPRINT_ASSERT_OK(file);
    file_ = std::make_unique<SafetensorsFile>(*std::move(file));
    auto weights = LoadWeights(dir, testing::TestPlacement("f32"));
    IMPRINT_ASSERT_OK(weights);
    weights_ = *std::move(weights);
  }

  at::Tensor Golden(const std::string& name) const {
    const StoredTensor& stored = file_->tensors().at(name);
    at::Tensor tensor = at::empty(
        stored.shape,
        at::TensorOptions().device(at::kCPU).dtype(stored.dtype == "I64" ? at::kLong : at::kFloat));
    EXPECT_TRUE(
        file_->Read(stored, {static_cast<std::byte*>(tensor.data_ptr()), tensor.nbytes()}).ok());
    return tensor;
  }
  std::vector<int32_t> Ids(int sequence) const {
    const at::Tensor ids = Golden("ids." + std::to_string(sequence));
    std::vector<int32_t> values;
    for (int64_t i = 0; i < ids.numel(); ++i) {
      values.push_back(static_cast<int32_t>(ids[i].item<int64_t>()));
    }
    return values;
  }
  at::Tensor Logits(int sequence) const { return Golden("logits." + std::to_string(sequence)); }

  static at::Tensor Run(const Weights& weights, const std::vector<int32_t>& tokens,
                        const std::vector<Segment>& segments) {
    return Network::Logits(weights, Network::Forward(weights, tokens, segments)).cpu();
  }
  static at::Tensor RunAlone(const Weights& weights, const std::vector<int32_t>& ids) {
    return Run(weights, ids, {{0, static_cast<int64_t>(ids.size()), -1, nullptr}});
  }
  // All sequences, behind one another.
  at::Tensor RunBatch(const Weights& weights) const {
    std::vector<int32_t> tokens;
    std::vector<Segment> segments;
    for (int sequence = 0; sequence < kSequences; ++sequence) {
      const std::vector<int32_t> ids = Ids(sequence);
      segments.push_back(
          {static_cast<int64_t>(tokens.size()), static_cast<int64_t>(ids.size()), -1, nullptr});
      tokens.insert(tokens.end(), ids.begin(), ids.end());
    }
    return Run(weights, tokens, segments);
  }
  at::Tensor BatchLogits() const {
    std::vector<at::Tensor> logits;
    for (int sequence = 0; sequence < kSequences; ++sequence) logits.push_back(Logits(sequence));
    return at::cat(logits);
  }
  // `chunk` tokens at a time, those before them in a cache.
  static at::Tensor RunInChunks(const Weights& weights, const std::vector<int32_t>& ids,
                                size_t chunk) {
    KvCache cache(weights.config, weights.placement, 4);
    std::vector<at::Tensor> logits;
    for (size_t begin = 0; begin < ids.size(); begin += chunk) {
      const size_t end = std::min(begin + chunk, ids.size());
      logits.push_back(
          Run(weights,
              {ids.begin() + static_cast<int64_t>(begin), ids.begin() + static_cast<int64_t>(end)},
              {{0, static_cast<int64_t>(end - begin), -1, &cache}}));
    }
    return at::cat(logits);
  }
  // What others pad, a packed batch lays behind one another.
  at::Tensor RunPadded(const Weights& weights) const {
    const at::Tensor ids = Golden("padded.ids");
    const at::Tensor mask = Golden("padded.mask");
    std::vector<int32_t> tokens;
    std::vector<Segment> segments;
    for (int64_t row = 0; row < ids.size(0); ++row) {
      const auto begin = static_cast<int64_t>(tokens.size());
      for (int64_t i = 0; i < ids.size(1); ++i) {
        if (mask[row][i].item<int64_t>() == 0) continue;
        tokens.push_back(static_cast<int32_t>(ids[row][i].item<int64_t>()));
      }
      segments.push_back({begin, static_cast<int64_t>(tokens.size()) - begin, -1, nullptr});
    }
    return Run(weights, tokens, segments);
  }
  at::Tensor PaddedLogits() const {
    const at::Tensor mask = Golden("padded.mask");
    const at::Tensor logits = Golden("padded.logits");
    return logits.reshape({-1, logits.size(2)})
        .index_select(0, at::nonzero(mask.reshape({-1})).squeeze(1));
  }
  // As numpy.allclose with rtol = atol = 1e-4.
  static void ExpectNear(const at::Tensor& actual, const at::Tensor& expected) {
    const at::Tensor excess = (actual - expected).abs() - (1e-4 + 1e-4 * expected.abs());
    EXPECT_LE(excess.max().item<double>(), 0);
  }

  // Of each golden file.
  static constexpr int kSequences = 4;

  const at::NoGradGuard no_grad_;
  std::unique_ptr<SafetensorsFile> file_;
  std::shared_ptr<const Weights> weights_;
};

TEST_P(GoldenTest, EachSequenceAlone) {
  for (int sequence = 0; sequence < kSequences; ++sequence) {
    ExpectNear(RunAlone(*weights_, Ids(sequence)), Logits(sequence));
  }
}

TEST_P(GoldenTest, AllSequencesInOneBatch) { ExpectNear(RunBatch(*weights_), BatchLogits()); }

TEST_P(GoldenTest, WithCacheInChunksAndTokenByToken) {
  for (const size_t chunk : {size_t{1}, size_t{5}, size_t{27}}) {
    ExpectNear(RunInChunks(*weights_, Ids(3), chunk), Logits(3));
  }
}

TEST_P(GoldenTest, ThePaddedBatchPacked) { ExpectNear(RunPadded(*weights_), PaddedLogits()); }

TEST_P(GoldenTest, InBfloat16) {
  constexpr double kTolerance = 2e-2;
  const Placement placed = testing::TestPlacement("bf16");
  for (const at::ScalarType compute : {at::kFloat, at::kBFloat16}) {
    SCOPED_TRACE(at::toString(compute));
    Placement placement = placed;
    placement.compute = compute;
    IMPRINT_ASSERT_OK_AND_ASSIGN(const auto weights,
                                 LoadWeights(std::filesystem::path(kRoot) / GetParam(), placement));

    EXPECT_LT(RelativeError(RunAlone(*weights, Ids(3)), Logits(3)), kTolerance);
    EXPECT_LT(RelativeError(RunBatch(*weights), BatchLogits()), kTolerance);
    EXPECT_LT(RelativeError(RunInChunks(*weights, Ids(3), 5), Logits(3)), kTolerance);
    EXPECT_LT(RelativeError(RunPadded(*weights), PaddedLogits()), kTolerance);
  }
}

INSTANTIATE_TEST_SUITE_P(Families, GoldenTest, ::testing::ValuesIn(Families()),
                         [](const auto& instance) {
                           std::string name = instance.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(GoldenFolderTest, HoldsEveryFamily) { EXPECT_GE(Families().size(), 7u); }

}  // namespace
}  // namespace imprint::model
