// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/model/multiply.h"

#include <optional>
#include <string_view>

#include "ATen/ATen.h"
#include "ATen/core/List.h"
#include "ATen/core/dispatch/Dispatcher.h"
#include "server/model/tile_multiply.h"

namespace imprint::model {
namespace {

// From here on it pays a library to bring the weights into its own order first (model_bench).
constexpr int64_t kTiledRows = 64;

// libtorch multiplies f32 on the CPU with MKL, which packs the weights for each product.
// oneDNN, which it carries too, reads them where they lie: up to twice as fast for a few
// rows, and no slower for many (model_bench, which measures both). Its operator is in
// libtorch's registry, but not in its headers.
using PointwiseLinear = at::Tensor(const at::Tensor&, const at::Tensor&,
                                   const std::optional<at::Tensor>&, std::string_view,
                                   c10::List<std::optional<at::Scalar>>,
                                   std::optional<std::string_view>);

// Nothing where this libtorch has no such operator.
const std::optional<c10::TypedOperatorHandle<PointwiseLinear>>& OneDnnLinear() {
  static const auto handle = []() -> std::optional<c10::TypedOperatorHandle<PointwiseLinear>> {
    const std::optional<c10::OperatorHandle> found =
        c10::Dispatcher::singleton().findSchema({"mkldnn::_linear_pointwise", ""});
    if (!found.has_value() || !at::hasMKLDNN()) return std::nullopt;
    return found->typed<PointwiseLinear>();
  }();
  return handle;
}

}  // namespace

bool MultipliesApart(const at::Tensor& x) {
  return x.device().is_cpu() && x.scalar_type() == at::kFloat && OneDnnLinear().has_value();
}

bool MultipliesOnTeam(int64_t rows, const at::Tensor& weight) {
  return rows <= kTiledRows && FitsTiles(weight);
}

at::Tensor Multiply(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  TORCH_CHECK(x.dim() == 2 && weight.dim() == 2 && x.size(1) == weight.size(1), "a product of ",
              x.sizes(), " with weights of ", weight.sizes());
  if (MultipliesApart(x)) {
    return OneDnnLinear()->call(x, weight, bias.defined() ? std::optional(bias) : std::nullopt,
                                "none", c10::List<std::optional<at::Scalar>>(), "");
  }
  if (MultipliesOnTeam(x.size(0), weight)) {
    const at::Tensor y = TileMultiply(x, weight);
    return bias.defined() ? y.add_(bias) : y;
  }
  return bias.defined() ? at::addmm(bias, x, weight.t()) : at::mm(x, weight.t());
}

}  // namespace imprint::model
