// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include <initializer_list>
#include <optional>
#include <utility>
#include <vector>

#include "ATen/ATen.h"
#include "ATen/core/grad_mode.h"
#include "server/model/fused_rows.h"
#include "server/model/multiply.h"
#include "server/model/operators.h"
#include "torch/csrc/autograd/custom_function.h"

namespace imprint::model {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr size_t kMaxPairs = 3;

// x A^T for all pairs beside one another, [tokens, pairs * rank], and the A's behind one
// another, [pairs * rank, in].
struct Narrowed {
  at::Tensor a;
  at::Tensor x_a;
};

Narrowed Narrow(const at::Tensor& x, const std::vector<at::Tensor>& a) {
  Narrowed narrowed;
  narrowed.a = (a.size() == 1 ? a[0] : at::cat(a)).to(x.scalar_type());
  narrowed.x_a = at::mm(x, narrowed.a.t());
  return narrowed;
}

// Adds scale * (x A^T) B^T of each pair to its columns of `y`.
void AddWidened(at::Tensor y, const at::Tensor& x_a, const std::vector<at::Tensor>& b,
                double scale) {
  int64_t column = 0;
  for (size_t i = 0; i < b.size(); ++i) {
    const int64_t out = b[i].size(0);
    const int64_t rank = b[i].size(1);
    y.narrow(1, column, out)
        .addmm_(x_a.narrow(1, static_cast<int64_t>(i) * rank, rank), b[i].t(), /*beta=*/1, scale);
    column += out;
  }
}

// residual + x W^T + bias + scale * (x A^T) B^T; `overwrite`: into the residual.
at::Tensor Compute(const at::Tensor& residual, const at::Tensor& x, const at::Tensor& weight,
                   const at::Tensor& bias, const at::Tensor& x_a, const std::vector<at::Tensor>& b,
                   double scale, bool overwrite) {
  // at::addmm adds to the residual by itself.
  const bool fused =
      residual.defined() && residual.scalar_type() == x.scalar_type() && !MultipliesApart(x);
  at::Tensor y;
  if (!fused) {
    y = Multiply(x, weight, bias);
  } else {
    y = overwrite ? residual.addmm_(x, weight.t()) : at::addmm(residual, x, weight.t());
    if (bias.defined()) y.add_(bias);
  }
  AddWidened(y, x_a, b, scale);
  if (fused || !residual.defined()) return y;
  if (y.device().is_cpu() && residual.is_contiguous()) return FusedAdd(residual, y, overwrite);
  return overwrite ? residual.add_(y) : residual + y;
}

std::vector<at::Tensor> Defined(std::initializer_list<std::optional<at::Tensor>> tensors,
                                at::ScalarType dtype) {
  std::vector<at::Tensor> defined;
  for (const std::optional<at::Tensor>& tensor : tensors) {
    if (tensor.has_value() && tensor->defined()) defined.push_back(tensor->to(dtype));
  }
  return defined;
}

struct LinearFunction : torch::autograd::Function<LinearFunction> {
  // Places of the arguments among the gradients.
  enum Argument { kResidual, kX, kWeight, kBias, kScale, kPairs, kArguments = kPairs + 6 };

  // An argument that may be undefined is optional, because autograd asks the others for
  // their device.
  using Maybe = std::optional<at::Tensor>;

  static at::Tensor forward(AutogradContext* context, const Maybe& residual, const at::Tensor& x,
                            const at::Tensor& weight, const Maybe& bias, double scale,
                            const Maybe& a0, const Maybe& b0, const Maybe& a1, const Maybe& b1,
                            const Maybe& a2, const Maybe& b2) {
    const std::vector<at::Tensor> b = Defined({b0, b1, b2}, x.scalar_type());
    const Narrowed narrowed = Narrow(x, Defined({a0, a1, a2}, x.scalar_type()));
    const at::Tensor y =
        Compute(residual.value_or(at::Tensor()), x, weight, bias.value_or(at::Tensor()),
                narrowed.x_a, b, scale, /*overwrite=*/false);
    variable_list saved = {x, weight, narrowed.a, narrowed.x_a};
    saved.insert(saved.end(), b.begin(), b.end());
    context->save_for_backward(std::move(saved));
    context->saved_data["scale"] = scale;
    context->saved_data["residual"] = residual.has_value() && residual->defined();
    context->saved_data["x_needs_grad"] = x.requires_grad();
    return y;
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor& x = saved[0];
    const at::Tensor& weight = saved[1];
    const at::Tensor& a = saved[2];
    const at::Tensor& x_a = saved[3];
    const double scale = context->saved_data["scale"].toDouble();
    // The residual, and so its gradient, may be finer than what the products run in.
    const at::Tensor grad = grads[0].to(x.scalar_type());

    variable_list result(kArguments);
    if (context->saved_data["residual"].toBool()) result[kResidual] = grads[0];
    const at::Tensor grad_x_a = at::empty_like(x_a);
    int64_t column = 0;
    for (size_t i = 0; i + 4 < saved.size(); ++i) {
      const at::Tensor& b = saved[i + 4];
      const auto first = static_cast<int64_t>(i) * b.size(1);
      const at::Tensor grad_out = grad.narrow(1, column, b.size(0));
      column += b.size(0);
      result[kPairs + 2 * i + 1] =
          grad_out.t().mm(x_a.narrow(1, first, b.size(1))).to(at::kFloat).mul_(scale);
      grad_x_a.narrow(1, first, b.size(1)).copy_(grad_out.mm(b));
    }
    grad_x_a.mul_(scale);
    const at::Tensor grad_a = grad_x_a.t().mm(x).to(at::kFloat);
    for (size_t i = 0; i + 4 < saved.size(); ++i) {
      const int64_t rank = saved[i + 4].size(1);
      result[kPairs + 2 * i] = grad_a.narrow(0, static_cast<int64_t>(i) * rank, rank);
    }
    if (context->saved_data["x_needs_grad"].toBool()) {
      result[kX] = Multiply(grad, weight.t()).addmm_(grad_x_a, a);
    }
    return result;
  }
};

bool WantGradient(const at::Tensor& residual, const at::Tensor& x, const LinearMaps& maps) {
  if (!at::GradMode::is_enabled()) return false;
  if (x.requires_grad() || (residual.defined() && residual.requires_grad())) return true;
  for (const LowRankPair& pair : maps.pairs) {
    if (pair.a.requires_grad() || pair.b.requires_grad()) return true;
  }
  return false;
}

}  // namespace

at::Tensor ApplyLinear(const at::Tensor& residual, const at::Tensor& x, const LinearMaps& maps) {
  TORCH_CHECK(maps.pairs.size() <= kMaxPairs, "at most ", kMaxPairs, " maps share an input");
  if (WantGradient(residual, x, maps)) {
    TORCH_CHECK(!maps.pairs.empty(), "gradients flow through an adapter's maps only");
    LowRankPair pairs[kMaxPairs];
    for (size_t i = 0; i < maps.pairs.size(); ++i) pairs[i] = maps.pairs[i];
    using Maybe = LinearFunction::Maybe;
    return LinearFunction::apply(Maybe(residual), x, maps.weight, Maybe(maps.bias), maps.scale,
                                 Maybe(pairs[0].a), Maybe(pairs[0].b), Maybe(pairs[1].a),
                                 Maybe(pairs[1].b), Maybe(pairs[2].a), Maybe(pairs[2].b));
  }
  std::vector<at::Tensor> a;
  std::vector<at::Tensor> b;
  for (const LowRankPair& pair : maps.pairs) {
    a.push_back(pair.a);
    b.push_back(pair.b.to(x.scalar_type()));
  }
  const at::Tensor x_a = a.empty() ? at::Tensor() : Narrow(x, a).x_a;
  return Compute(residual, x, maps.weight, maps.bias, x_a, b, maps.scale, /*overwrite=*/true);
}

}  // namespace imprint::model
