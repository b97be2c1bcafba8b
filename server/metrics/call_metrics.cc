// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/metrics/call_metrics.h"

#include <algorithm>
#include <utility>

namespace imprint::metrics {

CallMetrics::CallMetrics(std::string method, prometheus::Family<prometheus::Counter>* requests,
                         prometheus::Histogram* seconds)
    : method_(std::move(method)), requests_(requests), seconds_(seconds) {
  CounterOf(static_cast<size_t>(absl::StatusCode::kOk));
}

void CallMetrics::Record(absl::StatusCode code, double seconds) {
  const auto index = std::min(static_cast<size_t>(code), kCodes - 1);
  CounterOf(index)->Increment();
  seconds_->Observe(seconds);
}

prometheus::Counter* CallMetrics::CounterOf(size_t code) {
  prometheus::Counter* counter = counters_[code].load(std::memory_order_acquire);
  if (counter != nullptr) return counter;
  // The family gives everybody the same one.
  const std::string name = absl::StatusCodeToString(static_cast<absl::StatusCode>(code));
  counter = &requests_->Add({{"method", method_}, {"code", name}});
  counters_[code].store(counter, std::memory_order_release);
  return counter;
}

}  // namespace imprint::metrics
