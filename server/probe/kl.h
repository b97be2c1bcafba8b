// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// KL divergence from a teacher that is known by its k most likely tokens.

#ifndef IMPRINT_SERVER_PROBE_KL_H_
#define IMPRINT_SERVER_PROBE_KL_H_

#include "absl/types/span.h"

namespace imprint::probe {

// Everything outside the k named tokens is one bucket, whose mass is at least this on
// either side.
inline constexpr double kMinRestMass = 1e-6;

// KL(teacher||student) of one token in nats, over the k named tokens and the rest as one
// bucket: a lower bound of the KL over the vocabulary, equal to it when k covers it. Both
// spans are natural log-probabilities of the same ids.
double TopKKl(absl::Span<const float> teacher_log_probs, absl::Span<const float> student_log_probs);

}  // namespace imprint::probe

#endif  // IMPRINT_SERVER_PROBE_KL_H_
