// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/probe/kl.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace imprint::probe {

double TopKKl(absl::Span<const float> teacher_log_probs,
              absl::Span<const float> student_log_probs) {
  const size_t k = std::min(teacher_log_probs.size(), student_log_probs.size());
  double kl = 0;
  double teacher_mass = 0;
  double student_mass = 0;
  for (size_t i = 0; i < k; ++i) {
    const double teacher = std::exp(static_cast<double>(teacher_log_probs[i]));
    student_mass += std::exp(static_cast<double>(student_log_probs[i]));
    // lim p->0 of p log p is 0, where the difference of logarithms is not a number.
    if (teacher == 0) continue;
    teacher_mass += teacher;
    kl += teacher * (static_cast<double>(teacher_log_probs[i]) - student_log_probs[i]);
  }
  // Written so that a NaN stays one: std::max would hide it.
  const auto rest = [](double mass) { return 1 - mass < kMinRestMass ? kMinRestMass : 1 - mass; };
  const double teacher_rest = rest(teacher_mass);
  kl += teacher_rest * std::log(teacher_rest / rest(student_mass));
  // The clamp lets the two sides sum to a little more than 1.
  return kl < 0 ? 0 : kl;
}

}  // namespace imprint::probe
