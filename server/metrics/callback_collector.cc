// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/metrics/callback_collector.h"

#include <utility>

namespace imprint::metrics {

void CallbackCollector::Add(prometheus::MetricType type, std::string name, std::string help,
                            std::map<std::string, std::string> labels, Read read) {
  absl::MutexLock lock(&mutex_);
  auto [family, inserted] =
      families_.try_emplace(std::move(name), Family{type, std::move(help), {}});
  family->second.entries.push_back(Entry{std::move(labels), std::move(read)});
}

void CallbackCollector::Clear() {
  absl::MutexLock lock(&mutex_);
  families_.clear();
}

std::vector<prometheus::MetricFamily> CallbackCollector::Collect() const {
  absl::MutexLock lock(&mutex_);
  std::vector<prometheus::MetricFamily> collected;
  collected.reserve(families_.size());
  for (const auto& [name, family] : families_) {
    prometheus::MetricFamily& out = collected.emplace_back();
    out.name = name;
    out.help = family.help;
    out.type = family.type;
    for (const Entry& entry : family.entries) {
      prometheus::ClientMetric& metric = out.metric.emplace_back();
      for (const auto& [label, value] : entry.labels) metric.label.push_back({label, value});
      const double value = entry.read();
      if (family.type == prometheus::MetricType::Counter) {
        metric.counter.value = value;
      } else {
        metric.gauge.value = value;
      }
    }
  }
  return collected;
}

}  // namespace imprint::metrics
