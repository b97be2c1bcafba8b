// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// The demo model's greedy output against transformers' (tests/golden/smollm2_greedy.json).

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <vector>

#include "ATen/ATen.h"
#include "ATen/core/grad_mode.h"
#include "nlohmann/json.hpp"
#include "server/model/network.h"
#include "tests/model/model_folder.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/test_device.h"

namespace imprint::model {
namespace {

constexpr char kModel[] = "build/models/smollm2-135m-instruct";
// Where the two best logits are nearer than this, either may win.
constexpr double kTie = 1e-3;

struct Continuation {
  std::vector<int32_t> expected;
  std::vector<double> gaps;
  KvCache cache;
  std::vector<int32_t> next;  // tokens to be run
  size_t done = 0;            // tokens that agreed
  bool parted = false;
};

TEST(DemoModelTest, GreedyOutputEqualsTransformers) {
  if (!std::filesystem::exists(std::filesystem::path(kModel) / "model.safetensors")) {
    ASSERT_EQ(std::getenv("IMPRINT_REQUIRE_DEMO_MODEL"), nullptr)
        << kModel << " is missing; deploy/demo_model.py makes it";
    GTEST_SKIP() << kModel << " is missing; deploy/demo_model.py makes it";
  }
  const at::NoGradGuard no_grad;
  IMPRINT_ASSERT_OK_AND_ASSIGN(const auto weights,
                               LoadWeights(kModel, testing::TestPlacement("f32")));
  const auto golden = nlohmann::json::parse(ReadText("tests/golden/smollm2_greedy.json"));
  std::vector<Continuation> all;
  for (const auto& prompt : golden["prompts"]) {
    all.push_back({prompt["tokens"], prompt["gaps"],
                   KvCache(weights->config, weights->placement, 256), prompt["ids"]});
  }
  ASSERT_GE(all.size(), 20u);

  // All prompts in one batch, and then token by token with their caches.
  while (true) {
    std::vector<int32_t> tokens;
    std::vector<Segment> segments;
    std::vector<int64_t> last_rows;
    std::vector<Continuation*> running;
    for (Continuation& one : all) {
      if (one.parted || one.done == one.expected.size()) continue;
      running.push_back(&one);
      segments.push_back({static_cast<int64_t>(tokens.size()),
                          static_cast<int64_t>(one.next.size()), -1, &one.cache});
      tokens.insert(tokens.end(), one.next.begin(), one.next.end());
      last_rows.push_back(static_cast<int64_t>(tokens.size()) - 1);
    }
    if (running.empty()) break;
    const at::Tensor hidden = Network::Forward(*weights, tokens, segments);
    const at::Tensor best =
        Network::Logits(*weights,
                        hidden.index_select(0, at::tensor(last_rows).to(weights->placement.device)))
            .argmax(-1)
            .cpu();
    for (size_t i = 0; i < running.size(); ++i) {
      Continuation& one = *running[i];
      const auto token = static_cast<int32_t>(best[static_cast<int64_t>(i)].item<int64_t>());
      if (token != one.expected[one.done]) {
        EXPECT_LT(one.gaps[one.done], kTie)
            << "prompt " << &one - all.data() << ", token " << one.done << ": " << token
            << ", transformers says " << one.expected[one.done];
        one.parted = true;
      }
      ++one.done;
      one.next = {token};
    }
  }

  size_t whole = 0;
  for (const Continuation& one : all) whole += one.parted ? 0 : 1;
  EXPECT_GE(whole, all.size() / 2);
}

}  // namespace
}  // namespace imprint::model
