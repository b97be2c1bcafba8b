// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// How fast the network is on the demo model: prefill, decoding, and training steps, beside
// the rate of plain matrix products on the same machine in the same run.
//
//   model_bench [model folder] [cpu|cuda:N] [f32|bf16] [threads]

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "ATen/ATen.h"
#include "ATen/Parallel.h"
#include "ATen/core/grad_mode.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "server/model/multiply.h"
#include "server/model/network.h"

namespace imprint::model {
namespace {

double Seconds(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// The fastest of some runs: what the machine gives when nobody else wants it.
double Best(int runs, const std::function<void()>& work) {
  double best = Seconds(work);
  for (int i = 1; i < runs; ++i) best = std::min(best, Seconds(work));
  return best;
}

// Work on the device is done when a value arrives.
void Finish(const at::Tensor& tensor) { tensor.flatten()[0].item<double>(); }

std::vector<int32_t> Ids(int64_t count) {
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < count; ++i) ids.push_back(static_cast<int32_t>(100 + i * 37 % 9973));
  return ids;
}

// What the network multiplies with, or the operator of libtorch beside it.
enum class Product { kOurs, kTorch };

double GemmGigaflops(const Placement& placement, Product product, int64_t rows, int64_t in,
                     int64_t out) {
  const at::Tensor x = at::randn({rows, in}, placement.activations());
  const at::Tensor weight = at::randn({out, in}, placement.activations());
  const double seconds = Best(5, [&] {
    at::Tensor y;
    for (int i = 0; i < 10; ++i) {
      y = product == Product::kOurs ? Multiply(x, weight) : at::mm(x, weight.t());
    }
    Finish(y);
  });
  return 10 * 2e-9 * static_cast<double>(rows * in * out) / seconds;
}

double PrefillTokensPerSecond(const Weights& weights, int64_t length) {
  const std::vector<int32_t> ids = Ids(length);
  return static_cast<double>(length) / Best(3, [&] {
           KvCache cache(weights.config, weights.placement, length);
           Finish(Network::Forward(weights, ids, {Segment{0, length, -1, &cache}}));
         });
}

// Sequences of 128 cached tokens, the head included.
double DecodeTokensPerSecond(const Weights& weights, int64_t sequences) {
  std::vector<KvCache> caches;
  std::vector<Segment> segments;
  caches.reserve(static_cast<size_t>(sequences));
  for (int64_t i = 0; i < sequences; ++i) {
    caches.emplace_back(weights.config, weights.placement, 256);
    Network::Forward(weights, Ids(128), {Segment{0, 128, -1, &caches.back()}});
    segments.push_back({i, 1, -1, &caches.back()});
  }
  const std::vector<int32_t> tokens = Ids(sequences);
  constexpr int kSteps = 10;
  return static_cast<double>(sequences * kSteps) / Best(3, [&] {
           for (int step = 0; step < kSteps; ++step) {
             Finish(
                 Network::Logits(weights, Network::Forward(weights, tokens, segments)).argmax(-1));
           }
         });
}

// 20 segments of 50 tokens, after a shared prefix of 24 or alone.
double TrainTokensPerSecond(const Weights& weights, bool prefix, bool backward) {
  Adapter adapter = Adapter::Make(weights.config, weights.placement, 32, 64, 1);
  for (at::Tensor& parameter : adapter.Parameters()) parameter.set_requires_grad(true);
  std::vector<Segment> segments;
  int64_t tokens = 0;
  if (prefix) {
    segments.push_back({0, 24, -1, nullptr});
    tokens = 24;
  }
  for (int i = 0; i < 20; ++i) {
    segments.push_back({tokens, 50, prefix ? 0 : -1, nullptr});
    tokens += 50;
  }
  const std::vector<int32_t> ids = Ids(tokens);
  return static_cast<double>(tokens) / Best(3, [&] {
           const at::Tensor hidden =
               Network::Forward(weights, ids, segments, {.adapter = &adapter});
           if (!backward) return Finish(hidden);
           hidden.to(at::kFloat).square().mean().backward();
           Finish(adapter.Parameters()[0].grad());
         });
}

int Run(const std::string& dir, const std::string& device, const std::string& dtype, int threads) {
  SetComputeThreads(threads);
  const auto placement = MakePlacement(device, dtype);
  if (!placement.ok()) {
    std::fprintf(stderr, "%s\n", placement.status().ToString().c_str());
    return 1;
  }
  const auto loaded = LoadWeights(dir, *placement);
  if (!loaded.ok()) {
    std::fprintf(stderr, "%s\n", loaded.status().ToString().c_str());
    return 1;
  }
  const Weights& weights = **loaded;
  nlohmann::json line = {{"device", device},
                         {"dtype", dtype},
                         {"threads", threads},
                         {"compute", at::toString(placement->compute)}};
  const auto report = [&](const std::string& name, const char* unit, double value) {
    std::printf("%-44s %10.1f %s\n", name.c_str(), value, unit);
    std::fflush(stdout);
    line[name] = value;
  };
  {
    const at::NoGradGuard no_grad;
    const int64_t width = weights.config.hidden_size;
    for (const int64_t rows : {1, 4, 16, 64, 256, 1024}) {
      for (const int64_t out : {2 * weights.config.intermediate_size, weights.config.vocab_size}) {
        const std::string what = absl::StrCat(rows, " x ", width, " -> ", out);
        report(absl::StrCat("product ", what), "GFLOP/s",
               GemmGigaflops(*placement, Product::kOurs, rows, width, out));
        report(absl::StrCat("at::mm  ", what), "GFLOP/s",
               GemmGigaflops(*placement, Product::kTorch, rows, width, out));
      }
    }
    report("prefill of 512", "tokens/s", PrefillTokensPerSecond(weights, 512));
    report("decode, 1 sequence", "tokens/s", DecodeTokensPerSecond(weights, 1));
    report("decode, 16 sequences", "tokens/s", DecodeTokensPerSecond(weights, 16));
  }
  report("forward with adapter, 20 x 50", "tokens/s", TrainTokensPerSecond(weights, false, false));
  report("forward and backward, 20 x 50", "tokens/s", TrainTokensPerSecond(weights, false, true));
  report("forward and backward, prefix 24 + 20 x 50", "tokens/s",
         TrainTokensPerSecond(weights, true, true));
  std::printf("%s\n", line.dump().c_str());
  return 0;
}

}  // namespace
}  // namespace imprint::model

int main(int argc, char** argv) {
  const auto argument = [&](int index, const char* otherwise) {
    return std::string(argc > index ? argv[index] : otherwise);
  };
  return imprint::model::Run(argument(1, "build/models/smollm2-135m-instruct"), argument(2, "cpu"),
                             argument(3, "f32"), std::atoi(argument(4, "2").c_str()));
}
