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

struct SwiGluFunction : torch::autograd::Function<SwiGluFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& gate_up) {
    context->save_for_backward({gate_up});
    if (gate_up.device().is_cpu()) return FusedSwiGlu(gate_up);
    const int64_t size = gate_up.size(-1) / 2;
    return at::silu(gate_up.narrow(-1, 0, size)).mul_(gate_up.narrow(-1, size, size));
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const at::Tensor gate_up = context->get_saved_variables()[0];
    if (gate_up.device().is_cpu()) return {FusedSwiGluBackward(gate_up, grads[0])};
    const int64_t size = gate_up.size(-1) / 2;
    const at::Tensor gate = gate_up.narrow(-1, 0, size);
    const at::Tensor up = gate_up.narrow(-1, size, size);
    const at::Tensor grad_gate_up = at::empty_like(gate_up);
    at::Tensor grad_gate = grad_gate_up.narrow(-1, 0, size);
    at::Tensor grad_up = grad_gate_up.narrow(-1, size, size);
    at::mul_out(grad_up, grads[0], at::silu(gate));
    at::silu_backward_out(grad_gate, grads[0] * up, gate);
    return {grad_gate_up};
  }
};

}  // namespace

at::Tensor SwiGlu(const at::Tensor& gate_up) {
  if (at::GradMode::is_enabled() && gate_up.requires_grad()) {
    return SwiGluFunction::apply(gate_up);
  }
  if (gate_up.device().is_cpu()) return FusedSwiGlu(gate_up);
  const int64_t size = gate_up.size(-1) / 2;
  at::Tensor gate = gate_up.narrow(-1, 0, size);
  return at::silu_(gate).mul_(gate_up.narrow(-1, size, size));
}

}  // namespace imprint::model
