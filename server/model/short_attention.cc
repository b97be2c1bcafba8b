// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/model/short_attention.h"

#include <cmath>
#include <limits>
#include <optional>

#include "ATen/ATen.h"
#include "ATen/core/grad_mode.h"
#include "torch/csrc/autograd/custom_function.h"

namespace imprint::model {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct ShortAttentionFunction : torch::autograd::Function<ShortAttentionFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& query,
                            const at::Tensor& key, const at::Tensor& value,
                            const std::optional<at::Tensor>& mask) {
    const at::Tensor out = at::scaled_dot_product_attention(query, key, value, mask,
                                                            /*dropout_p=*/0, !mask.has_value());
    context->save_for_backward({query, key, value, out, mask.value_or(at::Tensor())});
    return out;
  }

  // With S = scale q k^T, P = softmax(S) and O = P v:
  //   dv = P^T dO, dP = dO v^T, dS = P (dP - sum(dO O)), dq = scale dS k, dk = scale dS^T q
  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor& query = saved[0];
    const at::Tensor& key = saved[1];
    const at::Tensor& value = saved[2];
    const at::Tensor& out = saved[3];
    const at::Tensor& mask = saved[4];
    const at::Tensor grad = grads[0].contiguous();
    const double scale = 1 / std::sqrt(static_cast<double>(query.size(-1)));

    // Scores that were rounded to bf16 would be off by hundredths, and the gradient of the weights
    // is a difference of near equals: these two products are f32.
    at::Tensor weights =
        at::matmul(query.to(at::kFloat), key.to(at::kFloat).transpose(-2, -1)).mul_(scale);
    if (mask.defined()) {
      weights.add_(mask);
    } else {
      const at::Tensor hidden =
          at::ones({weights.size(-2), weights.size(-1)}, weights.options().dtype(at::kBool))
              .triu_(1);
      weights.masked_fill_(hidden, -std::numeric_limits<double>::infinity());
    }
    weights = at::softmax(weights, -1);

    const at::Tensor grad_value =
        at::matmul(weights.to(value.scalar_type()).transpose(-2, -1), grad);
    const at::Tensor grad_f32 = grad.to(at::kFloat);
    const at::Tensor said = (grad_f32 * out).sum(-1, /*keepdim=*/true);
    const at::Tensor grad_scores = at::matmul(grad_f32, value.to(at::kFloat).transpose(-2, -1))
                                       .sub_(said)
                                       .mul_(weights)
                                       .mul_(scale)
                                       .to(query.scalar_type());
    return {at::matmul(grad_scores, key), at::matmul(grad_scores.transpose(-2, -1), query),
            grad_value, at::Tensor()};
  }
};

}  // namespace

bool IsShortAttention(const at::Tensor& query, const at::Tensor& key) {
  return at::GradMode::is_enabled() && query.requires_grad() && query.device().is_cpu() &&
         query.numel() / query.size(-1) * key.size(-2) <= kMostScores;
}

at::Tensor ShortAttention(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                          const at::Tensor& mask) {
  return ShortAttentionFunction::apply(
      query, key, value, mask.defined() ? std::optional<at::Tensor>(mask) : std::nullopt);
}

}  // namespace imprint::model
