// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/update/adamw.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <optional>
#include <utility>

namespace imprint::update {

AdamW::AdamW(const AdamWOptions& options, std::vector<at::Tensor> parameters)
    : options_(options), parameters_(std::move(parameters)) {
  for (const at::Tensor& parameter : parameters_) {
    first_moments_.push_back(at::zeros_like(parameter, parameter.options().requires_grad(false)));
    second_moments_.push_back(at::zeros_like(parameter, parameter.options().requires_grad(false)));
  }
}

void AdamW::SetGradients(const std::vector<at::Tensor>& gradients) {
  for (size_t i = 0; i < parameters_.size(); ++i) parameters_[i].mutable_grad() = gradients[i];
}

double AdamW::GradientNorm() const {
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> gradients;
  for (const at::Tensor& parameter : parameters_) {
    if (parameter.grad().defined()) gradients.push_back(parameter.grad());
  }
  if (gradients.empty()) return 0;
  // In f64 from here: the sum of squares of hundreds of norms.
  const at::Tensor norms = at::stack(at::_foreach_norm(gradients)).to(at::kDouble);
  return norms.square().sum().sqrt().item<double>();
}

void AdamW::Step(double learning_rate, double gradient_divisor) {
  const at::NoGradGuard no_grad;
  ++steps_;
  std::vector<at::Tensor> parameters, gradients, first, second;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    if (!parameters_[i].grad().defined()) continue;
    parameters.push_back(parameters_[i]);
    gradients.push_back(parameters_[i].grad());
    first.push_back(first_moments_[i]);
    second.push_back(second_moments_[i]);
  }
  if (parameters.empty()) return;
  const at::TensorOptions scalar = parameters[0].options().requires_grad(false);
  const std::vector<at::Tensor> steps(parameters.size(),
                                      at::full({}, static_cast<double>(steps_), scalar));
  std::optional<at::Tensor> divisor;
  if (gradient_divisor != 1) divisor = at::full({}, gradient_divisor, scalar);
  at::_fused_adamw_(parameters, gradients, first, second, /*max_exp_avg_sqs=*/{}, steps,
                    learning_rate, options_.beta1, options_.beta2, options_.weight_decay,
                    options_.epsilon, /*amsgrad=*/false, /*maximize=*/false, divisor);
}

void AdamW::ZeroGradients() {
  for (at::Tensor& parameter : parameters_) parameter.mutable_grad().reset();
}

}  // namespace imprint::update
