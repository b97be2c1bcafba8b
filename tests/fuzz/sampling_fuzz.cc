// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// The sampling parameters of a request and the logits of a row, both any numbers. Parameters that
// are taken give a token of the vocabulary, the same one each time, and one that is allowed
// wherever the logits are an order.

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include "ATen/ATen.h"
#include "server/engine/sampler.h"
#include "server/engine/top_k.h"
#include "server/rpc/validate.h"
#include "tests/fuzz/fuzz.h"

namespace imprint::fuzz {
namespace {

constexpr int64_t kMaxVocab = 2000;

v1::QueryRequest TakeRequest(Input& input) {
  v1::QueryRequest request;
  v1::ChatMessage& message = *request.add_messages();
  message.set_role("user");
  message.set_content("?");
  request.set_temperature(input.Take<float>());
  request.set_top_p(input.Take<float>());
  request.set_top_k(input.Take<int32_t>());
  request.set_seed(input.Take<uint64_t>());
  return request;
}

// The rest, over again until there are so many as the input says.
std::vector<float> TakeLogits(Input& input) {
  const size_t vocab = 1 + input.Take<uint16_t>() % kMaxVocab;
  std::vector<float> given;
  while (!input.empty() && given.size() < vocab) given.push_back(input.Take<float>());
  if (given.empty()) given.push_back(0);
  std::vector<float> logits(vocab);
  for (size_t i = 0; i < vocab; ++i) logits[i] = given[i % given.size()];
  return logits;
}

void CheckTopK(const std::vector<float>& logits, int64_t k) {
  const auto vocab = static_cast<int64_t>(logits.size());
  const engine::TopKRow top = engine::TopKOfRow(logits.data(), vocab, k);
  FUZZ_CHECK(static_cast<int64_t>(top.ids.size()) == std::clamp<int64_t>(k, 1, vocab));
  FUZZ_CHECK(top.values.size() == top.ids.size());
  FUZZ_CHECK(std::is_sorted(top.values.rbegin(), top.values.rend()));
  const std::set<int32_t> once(top.ids.begin(), top.ids.end());
  FUZZ_CHECK(once.size() == top.ids.size());
  FUZZ_CHECK(*once.begin() >= 0 && *once.rbegin() < vocab);
}

void CheckToken(const std::vector<float>& logits, const engine::SamplingOptions& options,
                int32_t token) {
  FUZZ_CHECK(token >= 0 && token < static_cast<int32_t>(logits.size()));
  std::vector<float> ordered = logits;
  if (std::any_of(ordered.begin(), ordered.end(), [](float x) { return std::isnan(x); })) return;
  std::sort(ordered.begin(), ordered.end(), std::greater<>());
  const float chosen = logits[static_cast<size_t>(token)];
  if (options.temperature == 0) FUZZ_CHECK(chosen == ordered.front());
  // What is impossible is chosen only where all is.
  if (std::isfinite(ordered.front())) FUZZ_CHECK(std::isfinite(chosen));
  if (options.top_k > 0 && static_cast<size_t>(options.top_k) < ordered.size()) {
    FUZZ_CHECK(chosen >= ordered[static_cast<size_t>(options.top_k) - 1]);
  }
}

}  // namespace
}  // namespace imprint::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  namespace fuzz = imprint::fuzz;
  namespace engine = imprint::engine;
  fuzz::Input input(data, size);
  const imprint::v1::QueryRequest request = fuzz::TakeRequest(input);
  const auto index = input.Take<uint16_t>();
  std::vector<float> logits = fuzz::TakeLogits(input);
  fuzz::CheckTopK(logits, request.top_k());

  const imprint::rpc::Limits limits = {.vocab_size = 100, .window = 100};
  if (!imprint::rpc::ValidateQuery(request, limits).ok()) return 0;
  engine::SampleSpec spec = {.options = {.temperature = request.temperature(),
                                         .top_p = request.top_p() > 0 ? request.top_p() : 1,
                                         .top_k = request.top_k(),
                                         .seed = request.seed()},
                             .index = index};
  const double uniform = engine::UniformAt(spec.options.seed, spec.index);
  FUZZ_CHECK(uniform >= 0 && uniform < 1);
  const at::Tensor logits_RV =
      at::from_blob(logits.data(), {1, static_cast<int64_t>(logits.size())}, at::kFloat);
  const std::vector<int32_t> tokens = engine::SampleTokens(logits_RV, {&spec, 1});
  FUZZ_CHECK(tokens.size() == 1);
  fuzz::CheckToken(logits, spec.options, tokens[0]);
  FUZZ_CHECK(engine::SampleTokens(logits_RV, {&spec, 1}) == tokens);
  return 0;
}
