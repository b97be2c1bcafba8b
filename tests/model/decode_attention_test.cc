// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/model/decode_attention.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <tuple>
#include <utility>
#include <vector>

#include "ATen/ATen.h"
#include "ATen/core/grad_mode.h"
#include "tests/model/reference_network.h"

namespace imprint::model {
namespace {

constexpr int64_t kCapacity = 40;

// Query heads of a key head, head_dim, window, bf16.
class DecodeAttentionTest
    : public ::testing::TestWithParam<std::tuple<int64_t, int64_t, int64_t, bool>> {};

TEST_P(DecodeAttentionTest, EqualsAttentionOfEachSequenceAlone) {
  const at::NoGradGuard no_grad;
  const auto [queries, head_dim, window, bf16] = GetParam();
  constexpr int64_t kKvHeads = 2;
  const at::TensorOptions options =
      at::TensorOptions().device(at::kCPU).dtype(bf16 ? at::kBFloat16 : at::kFloat);
  at::manual_seed(1);
  const at::Tensor heads = at::randn({4, kKvHeads * (queries + 2), head_dim}, options);
  // Row 2 belongs to nobody.
  const std::vector<std::pair<int64_t, int64_t>> token_and_length = {{3, 0}, {0, 17}, {1, 39}};
  std::vector<DecodeRow> rows;
  std::vector<at::Tensor> before;
  for (const auto& [token, length] : token_and_length) {
    rows.push_back(
        {token, at::randn({2 * kKvHeads, kCapacity, head_dim}, options), length, window});
    before.push_back(rows.back().cache.clone());
  }
  const at::Tensor out = at::full({4, kKvHeads * queries * head_dim}, 7, options);

  AttendDecodes(rows, heads, kKvHeads, out);

  for (size_t i = 0; i < rows.size(); ++i) {
    const auto [token, length] = token_and_length[i];
    const at::Tensor row = heads[token];
    // The new token's keys and values, and nothing else, came to the cache.
    before[i].select(1, length).copy_(row.narrow(0, kKvHeads * queries, 2 * kKvHeads));
    EXPECT_TRUE(at::equal(rows[i].cache, before[i])) << "sequence " << i;
    const int64_t first = window == 0 ? 0 : std::max<int64_t>(length + 1 - window, 0);
    const at::Tensor seen = before[i].narrow(1, first, length + 1 - first).to(at::kFloat);
    const at::Tensor query =
        row.narrow(0, 0, kKvHeads * queries).view({kKvHeads, queries, head_dim}).to(at::kFloat);
    const at::Tensor expected = at::scaled_dot_product_attention(query, seen.narrow(0, 0, kKvHeads),
                                                                 seen.narrow(0, kKvHeads, kKvHeads))
                                    .reshape({-1});
    EXPECT_LT(RelativeError(out[token].to(at::kFloat), expected), bf16 ? 5e-3 : 1e-6)
        << "sequence " << i;
  }
  EXPECT_TRUE(at::equal(out[2], at::full_like(out[2], 7)));
}

INSTANTIATE_TEST_SUITE_P(Shapes, DecodeAttentionTest,
                         ::testing::Combine(::testing::Values(1, 3, 9),
                                            ::testing::Values(8, 20, 64), ::testing::Values(0, 5),
                                            ::testing::Bool()));

}  // namespace
}  // namespace imprint::model
