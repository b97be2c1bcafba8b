// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/model/fused_rows.h"

#include <algorithm>
#include <cmath>

#include "ATen/ATen.h"
#include "server/model/lanes.h"
#include "server/model/run_kernel.h"

namespace imprint::model {
namespace {

// A thread for fewer values costs more than it saves.
constexpr int64_t kValuesAThread = 32768;

// All rows of a kernel, of which each touches `values` of them.
template <typename Kernel>
void RunRows(const Kernel& kernel, int64_t rows, int64_t values) {
  RunKernel(kernel, rows, kValuesAThread / std::max<int64_t>(values, 1) + 1);
}

template <typename Scalar>
struct SwiGluKernel {
  const Scalar* gate_up;  // [rows, 2 * size]
  Scalar* out;            // [rows, size]
  int64_t size;

  [[gnu::always_inline]] void Rows(int64_t begin, int64_t end) const {
    for (int64_t row = begin; row < end; ++row) {
      const Scalar* gate = gate_up + row * 2 * size;
      const Scalar* up = gate + size;
      Scalar* to = out + row * size;
      ForLanes(size, [&](int64_t i, int64_t n) __attribute__((always_inline)) {
        Lanes g, u, e;
        Load(gate + i, n, &g);
        Load(up + i, n, &u);
        Exp(-g, &e);
        Store(g / (1.0F + e) * u, n, to + i);
      });
    }
  }
};

template <typename Scalar>
struct SwiGluBackwardKernel {
  const Scalar* gate_up;  // [rows, 2 * size]
  const Scalar* grad;     // [rows, size]
  Scalar* grad_gate_up;   // [rows, 2 * size]
  int64_t size;

  // With s = sigmoid(g): d silu(g) = s (1 + g (1 - s)).
  [[gnu::always_inline]] void Rows(int64_t begin, int64_t end) const {
    for (int64_t row = begin; row < end; ++row) {
      const Scalar* gate = gate_up + row * 2 * size;
      const Scalar* up = gate + size;
      const Scalar* from = grad + row * size;
      Scalar* to_gate = grad_gate_up + row * 2 * size;
      Scalar* to_up = to_gate + size;
      ForLanes(size, [&](int64_t i, int64_t n) __attribute__((always_inline)) {
        Lanes g, u, d, e;
        Load(gate + i, n, &g);
        Load(up + i, n, &u);
        Load(from + i, n, &d);
        Exp(-g, &e);
        const Lanes s = 1.0F / (1.0F + e);
        Store(d * u * s * (1.0F + g * (1.0F - s)), n, to_gate + i);
        Store(d * g * s, n, to_up + i);
      });
    }
  }
};

template <typename X, typename W>
struct RmsNormKernel {
  const X* x;  // [rows, size]
  const W* weight;
  W* out;             // [rows, size]
  float* reciprocal;  // [rows], or null
  int64_t size;
  float epsilon;

  [[gnu::always_inline]] void Rows(int64_t begin, int64_t end) const {
    for (int64_t row = begin; row < end; ++row) {
      const X* from = x + row * size;
      W* to = out + row * size;
      Lanes squares = {};
      ForLanes(size, [&](int64_t i, int64_t n) __attribute__((always_inline)) {
        Lanes value;
        Load(from + i, n, &value);
        squares += value * value;
      });
      const float mean = Sum(squares) / static_cast<float>(size);
      const float factor = 1.0F / std::sqrt(mean + epsilon);
      if (reciprocal != nullptr) reciprocal[row] = factor;
      ForLanes(size, [&](int64_t i, int64_t n) __attribute__((always_inline)) {
        Lanes value, w;
        Load(from + i, n, &value);
        Load(weight + i, n, &w);
        Store(value * factor * w, n, to + i);
      });
    }
  }
};

template <typename X, typename W>
struct RmsNormBackwardKernel {
  const X* x;               // [rows, size]
  const float* reciprocal;  // [rows]
  const W* weight;
  const W* grad;  // [rows, size]
  X* grad_x;      // [rows, size]
  int64_t size;

  // With r = 1 / rms(x) and g = grad * weight: dx = r g - x r^3 mean(g x).
  [[gnu::always_inline]] void Rows(int64_t begin, int64_t end) const {
    for (int64_t row = begin; row < end; ++row) {
      const X* from = x + row * size;
      const W* g = grad + row * size;
      X* to = grad_x + row * size;
      Lanes products = {};
      ForLanes(size, [&](int64_t i, int64_t n) __attribute__((always_inline)) {
        Lanes value, w, d;
        Load(from + i, n, &value);
        Load(weight + i, n, &w);
        Load(g + i, n, &d);
        products += d * w * value;
      });
      const float r = reciprocal[row];
      const float shrink = r * r * r * Sum(products) / static_cast<float>(size);
      ForLanes(size, [&](int64_t i, int64_t n) __attribute__((always_inline)) {
        Lanes value, w, d;
        Load(from + i, n, &value);
        Load(weight + i, n, &w);
        Load(g + i, n, &d);
        Store(d * w * r - value * shrink, n, to + i);
      });
    }
  }
};

template <typename Scalar>
struct RotateKernel {
  Scalar* heads;
  const float* cos;  // [tokens, half]
  const float* sin;
  int64_t token_stride;
  int64_t head_stride;
  int64_t count;  // heads of a token
  int64_t half;
  float sign;

  // [first, second] -> [first cos - second sin, second cos + first sin]
  [[gnu::always_inline]] void Rows(int64_t begin, int64_t end) const {
    for (int64_t token = begin; token < end; ++token) {
      const float* c = cos + token * half;
      const float* s = sin + token * half;
      for (int64_t head = 0; head < count; ++head) {
        Scalar* first = heads + token * token_stride + head * head_stride;
        Scalar* second = first + half;
        ForLanes(half, [&](int64_t i, int64_t n) __attribute__((always_inline)) {
          Lanes a, b, cosine, sine;
          Load(first + i, n, &a);
          Load(second + i, n, &b);
          Load(c + i, n, &cosine);
          Load(s + i, n, &sine);
          sine *= sign;
          Store(a * cosine - b * sine, n, first + i);
          Store(b * cosine + a * sine, n, second + i);
        });
      }
    }
  }
};

template <typename R, typename Y>
struct AddKernel {
  const R* residual;  // [rows, size]
  const Y* y;         // [rows, size]
  R* out;             // [rows, size]; may be the residual
  int64_t size;

  [[gnu::always_inline]] void Rows(int64_t begin, int64_t end) const {
    ForLanes((end - begin) * size, [&](int64_t i, int64_t n) __attribute__((always_inline)) {
      Lanes a, b;
      Load(residual + begin * size + i, n, &a);
      Load(y + begin * size + i, n, &b);
      Store(a + b, n, out + begin * size + i);
    });
  }
};

template <typename Scalar>
struct ExpSumsKernel {
  const Scalar* logits;  // [rows, size]
  const float* least;    // [rows]
  float* greatest;       // [rows]
  double* sum;           // [rows]
  int64_t size;

  [[gnu::always_inline]] void Rows(int64_t begin, int64_t end) const {
    // Values whose sum f32 holds well enough: those of a vocabulary are too many.
    constexpr int64_t kRun = 64 * kLanes;
    for (int64_t row = begin; row < end; ++row) {
      const Scalar* from = logits + row * size;
      const float maximum = Greatest(from, size, least[row]);
      double total = 0;
      for (int64_t run = 0; run < size; run += kRun) {
        Lanes sums = {};
        ForLanes(std::min(kRun, size - run),
                 [&](int64_t i, int64_t n) __attribute__((always_inline)) {
                   Lanes value, e;
                   Load(from + run + i, n, &value);
                   Exp(value - maximum, &e);
                   KeepFirst(n, 0, &e);
                   sums += e;
                 });
        total += static_cast<double>(Sum(sums));
      }
      greatest[row] = maximum;
      sum[row] = total;
    }
  }
};

template <typename Scalar>
struct ScaledExpKernel {
  Scalar* logits;         // [rows, size]
  const float* greatest;  // [rows]
  const float* factor;    // [rows]
  int64_t size;

  [[gnu::always_inline]] void Rows(int64_t begin, int64_t end) const {
    for (int64_t row = begin; row < end; ++row) {
      Scalar* values = logits + row * size;
      ForLanes(size, [&](int64_t i, int64_t n) __attribute__((always_inline)) {
        Lanes value, e;
        Load(values + i, n, &value);
        Exp(value - greatest[row], &e);
        Store(e * factor[row], n, values + i);
      });
    }
  }
};

// Calls use(Scalar()) with the type of the tensor's values.
template <typename Use>
void WithScalar(const at::Tensor& tensor, const Use& use) {
  TORCH_CHECK(tensor.device().is_cpu(), "a CPU tensor is wanted");
  if (tensor.scalar_type() == at::kBFloat16) {
    use(c10::BFloat16());
  } else {
    TORCH_CHECK(tensor.scalar_type() == at::kFloat, "f32 or bf16 is wanted, not ",
                tensor.scalar_type());
    use(float());
  }
}

int64_t RowsOf(const at::Tensor& tensor) {
  return tensor.size(-1) == 0 ? 0 : tensor.numel() / tensor.size(-1);
}

}  // namespace

at::Tensor FusedSwiGlu(const at::Tensor& gate_up) {
  const at::Tensor from = gate_up.contiguous();
  const int64_t size = from.size(-1) / 2;
  at::Tensor out = at::empty({RowsOf(from), size}, from.options());
  WithScalar(from, [&](auto scalar) {
    using Scalar = decltype(scalar);
    RunRows(SwiGluKernel<Scalar>{from.const_data_ptr<Scalar>(), out.data_ptr<Scalar>(), size},
            out.size(0), size);
  });
  return out;
}

at::Tensor FusedSwiGluBackward(const at::Tensor& gate_up, const at::Tensor& grad) {
  const at::Tensor from = gate_up.contiguous();
  const at::Tensor grad_out = grad.to(from.scalar_type()).contiguous();
  const int64_t size = from.size(-1) / 2;
  at::Tensor grad_gate_up = at::empty_like(from);
  WithScalar(from, [&](auto scalar) {
    using Scalar = decltype(scalar);
    RunRows(SwiGluBackwardKernel<Scalar>{from.const_data_ptr<Scalar>(),
                                         grad_out.const_data_ptr<Scalar>(),
                                         grad_gate_up.data_ptr<Scalar>(), size},
            RowsOf(from), size);
  });
  return grad_gate_up;
}

at::Tensor FusedRmsNorm(const at::Tensor& x, const at::Tensor& weight, double epsilon,
                        at::Tensor* reciprocal) {
  const at::Tensor from = x.contiguous();
  at::Tensor out = at::empty(from.sizes(), weight.options());
  if (reciprocal != nullptr) {
    *reciprocal = at::empty({RowsOf(from)}, from.options().dtype(at::kFloat));
  }
  float* const factors = reciprocal == nullptr ? nullptr : reciprocal->data_ptr<float>();
  WithScalar(from, [&](auto x_scalar) {
    using X = decltype(x_scalar);
    WithScalar(weight, [&](auto weight_scalar) {
      using W = decltype(weight_scalar);
      RunRows(RmsNormKernel<X, W>{from.const_data_ptr<X>(), weight.const_data_ptr<W>(),
                                  out.data_ptr<W>(), factors, from.size(-1),
                                  static_cast<float>(epsilon)},
              RowsOf(from), from.size(-1));
    });
  });
  return out;
}

at::Tensor FusedRmsNormBackward(const at::Tensor& x, const at::Tensor& reciprocal,
                                const at::Tensor& weight, const at::Tensor& grad) {
  const at::Tensor from = x.contiguous();
  const at::Tensor grad_out = grad.to(weight.scalar_type()).contiguous();
  at::Tensor grad_x = at::empty_like(from);
  WithScalar(from, [&](auto x_scalar) {
    using X = decltype(x_scalar);
    WithScalar(weight, [&](auto weight_scalar) {
      using W = decltype(weight_scalar);
      RunRows(
          RmsNormBackwardKernel<X, W>{from.const_data_ptr<X>(), reciprocal.const_data_ptr<float>(),
                                      weight.const_data_ptr<W>(), grad_out.const_data_ptr<W>(),
                                      grad_x.data_ptr<X>(), from.size(-1)},
          RowsOf(from), from.size(-1));
    });
  });
  return grad_x;
}

void FusedRotate(const at::Tensor& heads, const at::Tensor& cos, const at::Tensor& sin, bool back) {
  const at::Tensor c = cos.contiguous(), s = sin.contiguous();
  TORCH_CHECK(heads.stride(2) == 1, "the values of a head lie side by side");
  WithScalar(heads, [&](auto scalar) {
    using Scalar = decltype(scalar);
    RunRows(RotateKernel<Scalar>{heads.data_ptr<Scalar>(), c.const_data_ptr<float>(),
                                 s.const_data_ptr<float>(), heads.stride(0), heads.stride(1),
                                 heads.size(1), heads.size(2) / 2, back ? -1.0F : 1.0F},
            heads.size(0), heads.size(1) * heads.size(2));
  });
}

at::Tensor FusedAdd(const at::Tensor& residual, const at::Tensor& y, bool overwrite) {
  TORCH_CHECK(residual.is_contiguous() && y.is_contiguous() && residual.sizes() == y.sizes(),
              "two contiguous tensors of one shape are wanted");
  at::Tensor out = overwrite ? residual : at::empty_like(residual);
  WithScalar(residual, [&](auto residual_scalar) {
    using R = decltype(residual_scalar);
    WithScalar(y, [&](auto y_scalar) {
      using Y = decltype(y_scalar);
      RunRows(AddKernel<R, Y>{residual.const_data_ptr<R>(), y.const_data_ptr<Y>(),
                              out.data_ptr<R>(), residual.size(-1)},
              RowsOf(residual), residual.size(-1));
    });
  });
  return out;
}

ExpSums FusedExpSums(const at::Tensor& logits, const at::Tensor& least) {
  TORCH_CHECK(logits.is_contiguous() && least.is_contiguous(), "contiguous rows are wanted");
  ExpSums sums = {at::empty_like(least),
                  at::empty(least.sizes(), least.options().dtype(at::kDouble))};
  WithScalar(logits, [&](auto scalar) {
    using Scalar = decltype(scalar);
    RunRows(ExpSumsKernel<Scalar>{logits.const_data_ptr<Scalar>(), least.const_data_ptr<float>(),
                                  sums.greatest.data_ptr<float>(), sums.sum.data_ptr<double>(),
                                  logits.size(-1)},
            RowsOf(logits), logits.size(-1));
  });
  return sums;
}

void FusedScaledExp(const at::Tensor& logits, const at::Tensor& greatest,
                    const at::Tensor& factor) {
  TORCH_CHECK(logits.is_contiguous() && greatest.is_contiguous() && factor.is_contiguous(),
              "contiguous rows are wanted");
  WithScalar(logits, [&](auto scalar) {
    using Scalar = decltype(scalar);
    RunRows(ScaledExpKernel<Scalar>{logits.data_ptr<Scalar>(), greatest.const_data_ptr<float>(),
                                    factor.const_data_ptr<float>(), logits.size(-1)},
            RowsOf(logits), logits.size(-1));
  });
}

}  // namespace imprint::model
