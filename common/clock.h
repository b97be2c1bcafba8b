// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// The time, as something that a test can turn.

#ifndef IMPRINT_COMMON_CLOCK_H_
#define IMPRINT_COMMON_CLOCK_H_

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace imprint {

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time Now() const = 0;

  // The machine's clock; lives as long as the program.
  static const Clock* Real();
};

}  // namespace imprint

#endif  // IMPRINT_COMMON_CLOCK_H_
