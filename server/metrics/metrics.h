// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Every metric of the server, registered once, initialised to 0, with handles that hot
// paths use without a look-up. Prometheus conventions: base units, `_total` for counters,
// no label with unbounded values.

#ifndef IMPRINT_SERVER_METRICS_METRICS_H_
#define IMPRINT_SERVER_METRICS_METRICS_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "prometheus/counter.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "prometheus/registry.h"
#include "server/metrics/call_metrics.h"

namespace imprint::metrics {

class CallbackCollector;

// Handles are owned by the registry.
struct EngineMetrics {
  prometheus::Counter* prompt_tokens;
  prometheus::Counter* output_tokens;
  prometheus::Counter* background_tokens;  // generated or scored by the server for itself
  prometheus::Histogram* time_to_first_token_seconds;
  prometheus::Histogram* inter_token_seconds;
  prometheus::Histogram* step_seconds;
  prometheus::Histogram* batch_size;
  prometheus::Gauge* running;
  prometheus::Gauge* waiting;
  prometheus::Gauge* kv_tokens;
  prometheus::Counter* prefix_hit_tokens;
  prometheus::Counter* prefix_miss_tokens;
};

struct GeneratorMetrics {
  // Of --generator.endpoint, by result: "ok", "unusable", "refused", "busy", "server_error",
  // "unreachable", "timeout".
  std::map<std::string, prometheus::Counter*> remote_requests;
  // By result: "kept", "dropped".
  std::map<std::string, prometheus::Counter*> remote_exchanges;
};

struct UpdateMetrics {
  // By result: "committed", "rejected", "failed", "cancelled".
  std::map<std::string, prometheus::Counter*> jobs;
  // By reason: "retention", "efficacy", "earlier", "nan", "approval".
  std::map<std::string, prometheus::Counter*> rejected;
  prometheus::Gauge* failed_in_a_row;
  // By phase: "plan", "train", "gate", "publish".
  std::map<std::string, prometheus::Histogram*> phase_seconds;
  prometheus::Counter* trained_tokens;
  prometheus::Gauge* running;
  prometheus::Gauge* paused;
  prometheus::Gauge* stopped;
  prometheus::Gauge* awaiting_approval;
  prometheus::Gauge* loss;
  // Of the current version's publish. NaN: could not be measured.
  prometheus::Gauge* efficacy;
  prometheus::Gauge* earlier_efficacy;
  prometheus::Gauge* retention_kl;
  prometheus::Gauge* retention_perplexity_ratio;
  prometheus::Gauge* live_version;
  prometheus::Histogram* swap_seconds;
};

struct AuthMetrics {
  // Calls, by reason: "no_token", "unknown_token", "scope", "quota".
  std::map<std::string, prometheus::Counter*> refused;
  // Of those, calls that may be made again later, by method: "InjectContext", "Query", "Score",
  // "other".
  std::map<std::string, prometheus::Counter*> beyond_quota;
  prometheus::Gauge* tokens;
  prometheus::Gauge* tokens_file_bad;
};

struct RpcMetrics {
  // Handles of a method, which is one of the service's own; the registry outlives them.
  std::function<std::shared_ptr<CallMetrics>(const std::string& method)> calls_of;
  prometheus::Gauge* tls_files_bad;
};

// Owns the registry. Thread-safe.
class Metrics {
 public:
  Metrics();

  EngineMetrics* engine() { return &engine_; }
  GeneratorMetrics* generator() { return &generator_; }
  UpdateMetrics* update() { return &update_; }
  AuthMetrics* auth() { return &auth_; }
  RpcMetrics* rpc() { return &rpc_; }

  // A gauge or counter that is read when scraped, on the scraping thread, until
  // RemoveCallbacks. The same name may come again with other labels; its first help counts.
  using Read = std::function<double()>;
  using ReadGauge = Read;
  void AddCallbackGauge(std::string name, std::string help,
                        std::map<std::string, std::string> labels, ReadGauge read);
  void AddCallbackCounter(std::string name, std::string help,
                          std::map<std::string, std::string> labels, Read read);
  // Lets go of all of them; none is running when it returns. Before what they read ends.
  void RemoveCallbacks();

  // Serves /metrics on `address` ("127.0.0.1:9464", port 0: any free one). Gives the port.
  // UNAVAILABLE naming the address when it is taken or cannot be bound.
  absl::StatusOr<int> Listen(const std::string& address);
  // The exposition as text.
  std::string Text() const;
  ~Metrics();

 private:
  struct Server;

  const std::shared_ptr<prometheus::Registry> registry_;
  const std::shared_ptr<CallbackCollector> callbacks_;
  EngineMetrics engine_;
  GeneratorMetrics generator_;
  UpdateMetrics update_;
  AuthMetrics auth_;
  RpcMetrics rpc_;
  std::unique_ptr<Server> server_;
};

}  // namespace imprint::metrics

#endif  // IMPRINT_SERVER_METRICS_METRICS_H_
