// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/model/multiply.h"

#ifdef _OPENMP
#include <omp.h>
#endif

#include <algorithm>
#include <optional>
#include <string_view>

#include "ATen/ATen.h"
#include "ATen/Parallel.h"
#include "ATen/core/List.h"
#include "ATen/core/dispatch/Dispatcher.h"
#include "ATen/core/grad_mode.h"
#include "c10/core/InferenceMode.h"
#include "server/model/team.h"
#include "server/model/tile_multiply.h"

namespace imprint::model {
namespace {

// From more tokens on it pays a library to bring the weights into its own order first
// (model_bench).
constexpr int64_t kTiledRows = 64;
// Tokens that a thread takes at least of a product that is cut by tokens.
constexpr int64_t kRowsAThread = 64;
// Outputs that a thread takes at least of a product that is cut by outputs.
constexpr int64_t kOutputsAThread = 128;

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

// On libtorch's threads.
at::Tensor MultiplyAlone(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  if (MultipliesApart(x)) {
    return OneDnnLinear()->call(x, weight, bias.defined() ? std::optional(bias) : std::nullopt,
                                "none", c10::List<std::optional<at::Scalar>>(), "");
  }
  return bias.defined() ? at::addmm(bias, x, weight.t()) : at::mm(x, weight.t());
}

// Libtorch's operators compute in one thread of the caller's while it lives.
class OneThread {
 public:
  OneThread() : before_(at::get_num_threads()) { Set(1); }
  ~OneThread() { Set(before_); }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  // at::set_num_threads would do so for all threads.
  static void Set([[maybe_unused]] int threads) {
#ifdef _OPENMP
    omp_set_num_threads(threads);
#endif
  }

  const int before_;
};

// In as many parts as the team has threads: by tokens where there are enough of them, since what
// comes of these lies together, else by outputs.
at::Tensor MultiplyTogether(Team& team, const at::Tensor& x, const at::Tensor& weight,
                            const at::Tensor& bias) {
  const int64_t tokens = x.size(0), outputs = weight.size(0);
  const bool by_tokens = tokens >= 2 * kRowsAThread;
  const int64_t length = by_tokens ? tokens : outputs;
  const int64_t parts =
      std::min<int64_t>(team.threads(), length / (by_tokens ? kRowsAThread : kOutputsAThread));
  if (parts < 2) return MultiplyAlone(x, weight, bias);
  const bool inference = c10::InferenceMode::is_enabled();
  at::Tensor y = at::empty({tokens, outputs}, x.options());
  team.Run(parts, /*grain=*/1, [&](int64_t first, int64_t last) {
    const OneThread one_thread;
    std::optional<c10::InferenceMode> mode;
    if (inference) mode.emplace();
    const at::NoGradGuard no_grad;
    for (int64_t part = first; part < last; ++part) {
      const int64_t begin = part * length / parts;
      const int64_t count = (part + 1) * length / parts - begin;
      if (by_tokens) {
        y.narrow(0, begin, count).copy_(MultiplyAlone(x.narrow(0, begin, count), weight, bias));
      } else {
        const at::Tensor some = bias.defined() ? bias.narrow(0, begin, count) : bias;
        y.narrow(1, begin, count).copy_(MultiplyAlone(x, weight.narrow(0, begin, count), some));
      }
    }
  });
  return y;
}

}  // namespace

bool MultipliesApart(const at::Tensor& x) {
  return x.device().is_cpu() && x.scalar_type() == at::kFloat && OneDnnLinear().has_value();
}

at::Tensor Multiply(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  TORCH_CHECK(x.dim() == 2 && weight.dim() == 2 && x.size(1) == weight.size(1), "a product of ",
              x.sizes(), " with weights of ", weight.sizes());
  if (x.size(0) <= kTiledRows && FitsTiles(weight)) return TileMultiply(x, weight, bias);
  Team* const team = Team::OfThisThread();
  if (team != nullptr && x.device().is_cpu()) return MultiplyTogether(*team, x, weight, bias);
  return MultiplyAlone(x, weight, bias);
}

}  // namespace imprint::model
