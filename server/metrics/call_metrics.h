// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef IMPRINT_SERVER_METRICS_CALL_METRICS_H_
#define IMPRINT_SERVER_METRICS_CALL_METRICS_H_

#include <array>
#include <atomic>
#include <string>

#include "absl/status/status.h"
#include "prometheus/counter.h"
#include "prometheus/family.h"
#include "prometheus/histogram.h"

namespace imprint::metrics {

// The calls of one method: how many by code, and how long they took. Thread-safe; families outlive
// it.
class CallMetrics {
 public:
  // Shows the method at 0 of OK. Other codes are there from their first call on.
  CallMetrics(std::string method, prometheus::Family<prometheus::Counter>* requests,
              prometheus::Histogram* seconds);

  // One finished call.
  void Record(absl::StatusCode code, double seconds);

 private:
  static constexpr size_t kCodes = 17;

  prometheus::Counter* CounterOf(size_t code);

  const std::string method_;
  prometheus::Family<prometheus::Counter>* const requests_;
  prometheus::Histogram* const seconds_;
  // By code; null: there was no such call yet.
  std::array<std::atomic<prometheus::Counter*>, kCodes> counters_ = {};
};

}  // namespace imprint::metrics

#endif  // IMPRINT_SERVER_METRICS_CALL_METRICS_H_
