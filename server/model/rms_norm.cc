// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "ATen/ATen.h"
#include "ATen/core/grad_mode.h"
#include "server/model/fused_rows.h"
#include "server/model/operators.h"
#include "torch/csrc/autograd/custom_function.h"

namespace imprint::model {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// 1 / rms(x), [..., 1] in f32.
at::Tensor ReciprocalRms(const at::Tensor& x, double epsilon) {
  const at::Tensor norm = at::linalg_vector_norm(x, 2, -1, /*keepdim=*/true, at::kFloat);
  return norm.square_().mul_(1.0 / static_cast<double>(x.size(-1))).add_(epsilon).rsqrt_();
}

at::Tensor Normalise(const at::Tensor& x, const at::Tensor& reciprocal, const at::Tensor& weight) {
  // bf16 times f32 is f32: rounded once, at the end.
  return (x * reciprocal).mul_(weight).to(weight.scalar_type());
}

struct RmsNormFunction : torch::autograd::Function<RmsNormFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight,
                            double epsilon) {
    if (x.device().is_cpu()) {
      at::Tensor reciprocal;
      const at::Tensor y = FusedRmsNorm(x, weight, epsilon, &reciprocal);
      context->save_for_backward({x, reciprocal, weight});
      return y;
    }
    const at::Tensor reciprocal = ReciprocalRms(x, epsilon);
    context->save_for_backward({x, reciprocal, weight});
    return Normalise(x, reciprocal, weight);
  }

  // With r = 1 / rms(x) and g = grad * weight: dx = r g - x r^3 mean(g x).
  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor& x = saved[0];
    const at::Tensor& reciprocal = saved[1];
    if (x.device().is_cpu()) {
      return {FusedRmsNormBackward(x, reciprocal, saved[2], grads[0]), {}, {}};
    }
    at::Tensor grad = grads[0].to(at::kFloat) * saved[2];
    const at::Tensor mean = (grad * x).mean(-1, /*keepdim=*/true);
    const at::Tensor shrink = mean.mul_(reciprocal.pow(3));
    grad.mul_(reciprocal).addcmul_(x.to(at::kFloat), shrink, -1);
    return {grad.to(x.scalar_type()), {}, {}};
  }
};

}  // namespace

at::Tensor RmsNorm(const at::Tensor& x, const at::Tensor& weight, double epsilon) {
  if (at::GradMode::is_enabled() && x.requires_grad()) {
    return RmsNormFunction::apply(x, weight, epsilon);
  }
  if (x.device().is_cpu()) return FusedRmsNorm(x, weight, epsilon, /*reciprocal=*/nullptr);
  return Normalise(x, ReciprocalRms(x, epsilon), weight);
}

}  // namespace imprint::model
