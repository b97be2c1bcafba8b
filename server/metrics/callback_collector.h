// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Metrics whose value is asked for at each scrape instead of being kept up to date.

#ifndef IMPRINT_SERVER_METRICS_CALLBACK_COLLECTOR_H_
#define IMPRINT_SERVER_METRICS_CALLBACK_COLLECTOR_H_

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "prometheus/collectable.h"
#include "prometheus/metric_family.h"

namespace imprint::metrics {

// Thread-safe.
class CallbackCollector : public prometheus::Collectable {
 public:
  using Read = std::function<double()>;

  void Add(prometheus::MetricType type, std::string name, std::string help,
           std::map<std::string, std::string> labels, Read read) ABSL_LOCKS_EXCLUDED(mutex_);
  // After it no callback runs nor will.
  void Clear() ABSL_LOCKS_EXCLUDED(mutex_);

  std::vector<prometheus::MetricFamily> Collect() const override ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Entry {
    std::map<std::string, std::string> labels;
    Read read;
  };
  struct Family {
    prometheus::MetricType type;
    std::string help;
    std::vector<Entry> entries;
  };

  mutable absl::Mutex mutex_;
  std::map<std::string, Family> families_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace imprint::metrics

#endif  // IMPRINT_SERVER_METRICS_CALLBACK_COLLECTOR_H_
