// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/update/used_directions.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "common/status_macros.h"
#include "server/model/network.h"
#include "server/update/sample.h"

namespace imprint::update {
namespace {

using model::Linear;

constexpr size_t kPassTokens = 1024;
// Of many texts as many are read as have so many tokens, or so many for each direction of the
// widest input.
constexpr size_t kReadTokens = 4096;
constexpr size_t kReadForEachDirection = 8;
// Second moments in memory at once: those of further blocks take passes of their own.
constexpr int64_t kMomentBytes = int64_t{512} << 20;
// Of the subspace iteration: the directions then hold what the exact ones do but for some
// thousandths.
constexpr int kIterations = 4;

// A map that stands for all that have its input, and how many they are.
struct Input {
  Linear first;
  size_t maps;
};
constexpr Input kInputs[] = {
    {Linear::kQuery, 3}, {Linear::kOutput, 1}, {Linear::kGate, 2}, {Linear::kDown, 1}};

int64_t Width(const model::ModelConfig& config, Linear linear) {
  return model::LinearShape(config, linear)[1];
}

int64_t Count(double share, int64_t width) {
  return static_cast<int64_t>(std::round(share * static_cast<double>(width)));
}

// In an order drawn by lot: texts of one kind may come at every second place.
std::vector<PackItem> TextsToRead(const std::vector<PackItem>& texts, int64_t most_directions) {
  const size_t enough =
      std::max(kReadTokens, kReadForEachDirection * static_cast<size_t>(most_directions));
  std::vector<PackItem> read;
  size_t tokens = 0;
  for (const PackItem& text : Sample(texts, texts.size(), /*seed=*/1)) {
    if (tokens >= enough) break;
    tokens += text.prompt.size() + text.target.size();
    read.push_back(text);
  }
  return read;
}

// Of the widest input of a map.
int64_t Widest(const model::ModelConfig& config) {
  int64_t widest = 0;
  for (const Input& input : kInputs) widest = std::max(widest, Width(config, input.first));
  return widest;
}

// Of the second moments of one block.
int64_t BlockBytes(const model::ModelConfig& config) {
  int64_t bytes = 0;
  for (const Input& input : kInputs) {
    const int64_t width = Width(config, input.first);
    bytes += width * width * static_cast<int64_t>(sizeof(float));
  }
  return bytes;
}

int64_t BlocksAtOnce(const model::ModelConfig& config) {
  return std::max<int64_t>(1, kMomentBytes / BlockBytes(config));
}

// The `count` directions along which `moments` [n, n], symmetric, is greatest.
at::Tensor Greatest(const at::Tensor& moments, int64_t count) {
  at::Tensor columns = moments.narrow(1, 0, count);
  for (int i = 0; i < kIterations; ++i) {
    columns = std::get<0>(at::linalg_qr(moments.mm(columns)));
  }
  return columns.contiguous();
}

}  // namespace

absl::StatusOr<std::shared_ptr<const UsedDirections>> UsedDirections::Measure(
    const model::Weights& base, const std::vector<PackItem>& all_texts, int64_t first_layer,
    double share, engine::ComputeShare* compute, const std::function<bool()>& cancelled) {
  const at::NoGradGuard no_grad;
  const std::vector<PackItem> texts = TextsToRead(all_texts, Count(share, Widest(base.config)));
  const int64_t layers = base.config.layers;
  MapTensors columns(static_cast<size_t>(layers));
  for (int64_t begin = first_layer; begin < layers; begin += BlocksAtOnce(base.config)) {
    const int64_t end = std::min(begin + BlocksAtOnce(base.config), layers);
    MapTensors moments(static_cast<size_t>(layers));
    model::ForwardOptions options;
    if (compute != nullptr) options.layer_hook = [compute] { compute->Yield(); };
    options.input_hook = [&](int64_t layer, Linear first, const at::Tensor& x) {
      if (layer < begin || layer >= end || Count(share, x.size(1)) == 0) return;
      at::Tensor& sum = moments[static_cast<size_t>(layer)][static_cast<size_t>(first)];
      if (!sum.defined()) {
        sum = at::zeros({x.size(1), x.size(1)}, x.options().dtype(at::kFloat));
      }
      if (x.is_cpu() && x.scalar_type() == at::kBFloat16) {
        // Of one pass in bf16: a product in f32 takes a CPU many times as long.
        sum.add_(at::mm(x.t(), x));
      } else {
        const at::Tensor rows = x.to(at::kFloat);
        sum.addmm_(rows.t(), rows);
      }
    };
    for (size_t next = 0; next < texts.size();) {
      std::vector<PackItem> items;
      for (size_t tokens = 0; next < texts.size(); ++next) {
        tokens += texts[next].prompt.size() + texts[next].target.size();
        if (!items.empty() && tokens > kPassTokens) break;
        items.push_back(texts[next]);
      }
      if (cancelled && cancelled()) return absl::CancelledError("training was cancelled");
      const PackedBatch packed = Pack(items);
      model::Network::Forward(base, packed.tokens, packed.segments, options);
    }
    for (int64_t layer = begin; layer < end; ++layer) {
      if (cancelled && cancelled()) return absl::CancelledError("training was cancelled");
      const auto place = static_cast<size_t>(layer);
      for (const Input& input : kInputs) {
        const auto first = static_cast<size_t>(input.first);
        const at::Tensor& sum = moments[place][first];
        if (!sum.defined()) continue;
        const at::Tensor greatest = Greatest(sum, Count(share, sum.size(0)));
        for (size_t i = 0; i < input.maps; ++i) columns[place][first + i] = greatest;
        if (compute != nullptr) compute->Yield();
      }
    }
  }
  return std::shared_ptr<const UsedDirections>(new UsedDirections(std::move(columns)));
}

UsedDirections::Bytes UsedDirections::MostBytes(const model::ModelConfig& config,
                                                int64_t first_layer, double share) {
  const int64_t layers = config.layers - first_layer;
  Bytes bytes;
  const int64_t widest = Widest(config);
  for (const Input& input : kInputs) {
    const int64_t width = Width(config, input.first);
    bytes.held += layers * width * Count(share, width) * static_cast<int64_t>(sizeof(float));
  }
  bytes.measuring = std::min(layers, BlocksAtOnce(config)) * BlockBytes(config) +
                    widest * widest * static_cast<int64_t>(sizeof(c10::BFloat16));
  return bytes;
}

MapTensors UsedDirections::Along(const model::Adapter& adapter) const {
  const at::NoGradGuard no_grad;
  MapTensors along(adapter.layers.size());
  for (size_t layer = 0; layer < columns_.size(); ++layer) {
    for (size_t map = 0; map < model::kLinearsPerLayer; ++map) {
      const at::Tensor& a = adapter.layers[layer][map].a;
      if (columns_[layer][map].defined() && a.defined()) {
        along[layer][map] = a.mm(columns_[layer][map]);
      }
    }
  }
  return along;
}

void UsedDirections::Hold(const model::Adapter& adapter, const MapTensors& along) const {
  const at::NoGradGuard no_grad;
  for (size_t layer = 0; layer < columns_.size(); ++layer) {
    for (size_t map = 0; map < model::kLinearsPerLayer; ++map) {
      at::Tensor a = adapter.layers[layer][map].a;
      const at::Tensor& columns = columns_[layer][map];
      if (!columns.defined() || !a.defined()) continue;
      at::Tensor moved = a.mm(columns);
      if (!along.empty() && along[layer][map].defined()) moved.sub_(along[layer][map]);
      a.addmm_(moved, columns.t(), /*beta=*/1, /*alpha=*/-1);
    }
  }
}

}  // namespace imprint::update
