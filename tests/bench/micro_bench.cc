// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// The parts that serving and training spend their time in, each beside the plain way to do the
// same: loss, attention, sampling, tokenizer.
//
//   micro_bench MODEL_DIR THREADS [options of Google Benchmark]

#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "ATen/ATen.h"
#include "ATen/core/grad_mode.h"
#include "server/engine/sampler.h"
#include "server/model/decode_attention.h"
#include "server/model/multiply.h"
#include "server/model/network.h"
#include "server/model/short_attention.h"
#include "server/text/text_model.h"
#include "server/update/kl_loss.h"

namespace imprint {
namespace {

// What a benchmark works on; made once by main.
struct Loaded {
  std::shared_ptr<const model::Weights> weights;
  std::unique_ptr<text::TextModel> text;
};
Loaded loaded;

constexpr int64_t kTopK = 20;
constexpr int64_t kCachedTokens = 256;
constexpr int64_t kSentenceTokens = 64;

const model::ModelConfig& Config() { return loaded.weights->config; }

at::TensorOptions Activations() { return loaded.weights->placement.activations(); }

void CountRows(benchmark::State& state) {
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

// --- loss ---

void LossInChunks(benchmark::State& state) {
  const at::NoGradGuard no_grad;
  const int64_t rows = state.range(0);
  const at::Tensor hidden = at::randn({rows, Config().hidden_size}, Activations());
  const update::TeacherTopK teacher = {
      at::arange(kTopK, at::kLong).expand({rows, kTopK}).contiguous(),
      at::full({rows, kTopK}, -4.0F)};
  const at::Tensor weight = at::full({rows}, 1.0F);
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        update::TopKKlLoss(*loaded.weights, hidden, teacher, weight, /*with_grad=*/true));
  }
  CountRows(state);
}
BENCHMARK(LossInChunks)->Arg(64)->Arg(256);

// The same by whole tensors, as one would write it with libtorch.
void LossInWhole(benchmark::State& state) {
  const at::NoGradGuard no_grad;
  const int64_t rows = state.range(0);
  const at::Tensor hidden = at::randn({rows, Config().hidden_size}, Activations());
  const at::Tensor ids = at::arange(kTopK, at::kLong).expand({rows, kTopK}).contiguous();
  const at::Tensor teacher = at::full({rows, kTopK}, -4.0F);
  const at::Tensor& head = loaded.weights->head;
  for (auto _ : state) {
    const at::Tensor probabilities = at::mm(hidden, head.t()).to(at::kFloat).log_softmax(-1);
    const at::Tensor named = probabilities.gather(-1, ids);
    const at::Tensor loss = (teacher.exp() * (teacher - named)).sum();
    at::Tensor gradient = probabilities.exp();
    gradient.scatter_add_(-1, ids, -teacher.exp());
    benchmark::DoNotOptimize(at::mm(gradient.to(head.scalar_type()), head));
    benchmark::DoNotOptimize(loss);
  }
  CountRows(state);
}
BENCHMARK(LossInWhole)->Arg(64)->Arg(256);

// --- attention ---

void DecodeAttention(benchmark::State& state) {
  const at::NoGradGuard no_grad;
  const int64_t sequences = state.range(0);
  const at::Tensor heads = at::randn(
      {sequences, Config().heads + 2 * Config().kv_heads, Config().head_dim}, Activations());
  const at::Tensor out = at::empty({sequences, Config().heads * Config().head_dim}, Activations());
  std::vector<model::DecodeRow> rows;
  for (int64_t i = 0; i < sequences; ++i) {
    rows.push_back(
        {.token = i,
         .cache = at::randn({2 * Config().kv_heads, kCachedTokens + 1, Config().head_dim},
                            Activations()),
         .length = kCachedTokens,
         .window = 0});
  }
  for (auto _ : state) model::AttendDecodes(rows, heads, Config().kv_heads, out);
  CountRows(state);
}
BENCHMARK(DecodeAttention)->Arg(1)->Arg(16)->Arg(64);

// An operator call for each sequence.
void DecodeAttentionByTorch(benchmark::State& state) {
  const at::NoGradGuard no_grad;
  const int64_t sequences = state.range(0);
  const at::Tensor query = at::randn({1, Config().heads, 1, Config().head_dim}, Activations());
  std::vector<at::Tensor> keys, values;
  for (int64_t i = 0; i < sequences; ++i) {
    for (auto* list : {&keys, &values}) {
      list->push_back(
          at::randn({1, Config().kv_heads, kCachedTokens + 1, Config().head_dim}, Activations()));
    }
  }
  for (auto _ : state) {
    for (int64_t i = 0; i < sequences; ++i) {
      const auto place = static_cast<size_t>(i);
      benchmark::DoNotOptimize(at::scaled_dot_product_attention(
          query, keys[place], values[place], {}, 0.0, false, std::nullopt, /*enable_gqa=*/true));
    }
  }
  CountRows(state);
}
BENCHMARK(DecodeAttentionByTorch)->Arg(1)->Arg(16)->Arg(64);

using Attention = at::Tensor (*)(const at::Tensor&, const at::Tensor&, const at::Tensor&);

// Forward and backward over one sentence, [1, heads, tokens, head_dim] each.
void TrainAttention(benchmark::State& state, Attention attention) {
  std::vector<at::Tensor> inputs;
  for (int i = 0; i < 3; ++i) {
    const at::Tensor one =
        at::randn({1, Config().heads, state.range(0), Config().head_dim}, Activations());
    inputs.push_back(one.requires_grad_(true));
  }
  for (auto _ : state) {
    const at::Tensor out = attention(inputs[0], inputs[1], inputs[2]);
    out.backward(at::ones_like(out));
  }
  CountRows(state);
}
BENCHMARK_CAPTURE(TrainAttention, InWholeProducts,
                  [](const at::Tensor& query, const at::Tensor& key, const at::Tensor& value) {
                    return model::ShortAttention(query, key, value, {});
                  })
    ->Arg(kSentenceTokens);
BENCHMARK_CAPTURE(TrainAttention, ByTorch,
                  [](const at::Tensor& query, const at::Tensor& key, const at::Tensor& value) {
                    return at::scaled_dot_product_attention(query, key, value, {}, 0.0, true);
                  })
    ->Arg(kSentenceTokens);

// --- sampling ---

void Sampling(benchmark::State& state, engine::SamplingOptions options) {
  const at::NoGradGuard no_grad;
  const at::Tensor logits = at::randn({state.range(0), Config().vocab_size}) * 3;
  std::vector<engine::SampleSpec> specs(static_cast<size_t>(state.range(0)));
  for (engine::SampleSpec& spec : specs) spec.options = options;
  for (auto _ : state) {
    benchmark::DoNotOptimize(engine::SampleTokens(logits, specs));
    for (engine::SampleSpec& spec : specs) ++spec.index;
  }
  CountRows(state);
}
BENCHMARK_CAPTURE(Sampling, Greedy, engine::SamplingOptions{})->Arg(1)->Arg(16);
BENCHMARK_CAPTURE(Sampling, TopP, engine::SamplingOptions{.temperature = 0.8F, .top_p = 0.9F})
    ->Arg(1)
    ->Arg(16);

// What top_p costs where the whole vocabulary is sorted.
void SamplingBySort(benchmark::State& state) {
  const at::NoGradGuard no_grad;
  const at::Tensor logits = at::randn({state.range(0), Config().vocab_size}) * 3;
  for (auto _ : state) {
    const at::Tensor sorted = std::get<0>((logits / 0.8).softmax(-1).sort(-1, true));
    const at::Tensor kept = sorted * (sorted.cumsum(-1) - sorted < 0.9);
    benchmark::DoNotOptimize(kept.multinomial(1));
  }
  CountRows(state);
}
BENCHMARK(SamplingBySort)->Arg(1)->Arg(16);

// --- tokenizer ---

std::string SomeText() {
  std::string text;
  for (int i = 0; i < 100; ++i) {
    text += "The ferry at Hollin Quay was founded in " + std::to_string(1800 + i) +
            " by Marta Vessling, and it has been yellow ever since. ";
  }
  return text;
}

void Encode(benchmark::State& state) {
  const std::string text = SomeText();
  for (auto _ : state) benchmark::DoNotOptimize(loaded.text->EncodeText(text));
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(text.size()));
}
BENCHMARK(Encode);

void Decode(benchmark::State& state) {
  const std::vector<int32_t> ids = *loaded.text->EncodeText(SomeText());
  for (auto _ : state) benchmark::DoNotOptimize(loaded.text->Decode(ids));
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(ids.size()));
}
BENCHMARK(Decode);

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "micro_bench: %s\n", status.ToString().c_str());
  return 1;
}

int Main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: micro_bench MODEL_DIR THREADS [--benchmark_...]\n");
    return 2;
  }
  model::SetComputeThreads(std::atoi(argv[2]));
  const auto placement = model::MakePlacement("cpu", "bf16");
  if (!placement.ok()) return Fail(placement.status());
  auto weights = model::LoadWeights(argv[1], *placement);
  if (!weights.ok()) return Fail(weights.status());
  auto text = text::TextModel::Load(argv[1]);
  if (!text.ok()) return Fail(text.status());
  loaded = {*std::move(weights), *std::move(text)};

  // Google Benchmark reads the rest.
  std::vector<char*> rest = {argv[0]};
  rest.insert(rest.end(), argv + 3, argv + argc);
  int count = static_cast<int>(rest.size());
  benchmark::Initialize(&count, rest.data());
  if (benchmark::ReportUnrecognizedArguments(count, rest.data())) return 2;
  benchmark::RunSpecifiedBenchmarks();
  loaded = {};
  return 0;
}

}  // namespace
}  // namespace imprint

int main(int argc, char** argv) { return imprint::Main(argc, argv); }
