// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/metrics/metrics.h"

#include <exception>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "prometheus/exposer.h"
#include "prometheus/family.h"
#include "prometheus/text_serializer.h"
#include "server/metrics/callback_collector.h"
#include "server/metrics/process_stats.h"

namespace imprint::metrics {
namespace {

using Labels = std::map<std::string, std::string>;
using Buckets = prometheus::Histogram::BucketBoundaries;

// From one step of a tiny model to a query that waits for minutes.
Buckets LatencySeconds() {
  return {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300};
}

Buckets StepSeconds() {
  return {0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5};
}

Buckets PhaseSeconds() { return {0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600}; }

Buckets BatchSizes() { return {1, 2, 4, 8, 16, 32, 64, 128}; }

// Makes single metrics and families of a registry.
class Maker {
 public:
  explicit Maker(prometheus::Registry* registry) : registry_(*registry) {}

  prometheus::Counter* Counter(const std::string& name, const std::string& help,
                               const Labels& labels = {}) {
    return &prometheus::BuildCounter().Name(name).Help(help).Register(registry_).Add(labels);
  }
  prometheus::Gauge* Gauge(const std::string& name, const std::string& help) {
    return &prometheus::BuildGauge().Name(name).Help(help).Register(registry_).Add({});
  }
  prometheus::Histogram* Histogram(const std::string& name, const std::string& help,
                                   const Buckets& buckets, const Labels& labels = {}) {
    return &prometheus::BuildHistogram().Name(name).Help(help).Register(registry_).Add(labels,
                                                                                       buckets);
  }

 private:
  prometheus::Registry& registry_;
};

EngineMetrics MakeEngineMetrics(Maker make) {
  EngineMetrics engine;
  engine.prompt_tokens =
      make.Counter("imprint_prompt_tokens_total", "Prompt tokens of users' requests.");
  engine.output_tokens =
      make.Counter("imprint_output_tokens_total", "Tokens generated for users' requests.");
  engine.background_tokens =
      make.Counter("imprint_background_tokens_total",
                   "Tokens that the server generated or scored for its own work.");
  engine.time_to_first_token_seconds =
      make.Histogram("imprint_time_to_first_token_seconds",
                     "From a query's admission to its first token.", LatencySeconds());
  engine.inter_token_seconds = make.Histogram("imprint_inter_token_seconds",
                                              "Between two tokens of one query.", StepSeconds());
  engine.step_seconds =
      make.Histogram("imprint_engine_step_seconds", "One step of the engine.", StepSeconds());
  engine.batch_size =
      make.Histogram("imprint_engine_batch_size", "Sequences in one step.", BatchSizes());
  engine.running = make.Gauge("imprint_queries_running", "Sequences that run now.");
  engine.waiting = make.Gauge("imprint_queries_waiting", "Requests that wait to run.");
  engine.kv_tokens = make.Gauge("imprint_kv_tokens", "Tokens whose keys and values are held.");
  engine.prefix_hit_tokens =
      make.Counter("imprint_prefix_cache_hit_tokens_total",
                   "Prompt tokens whose keys and values came from the prefix cache.");
  engine.prefix_miss_tokens = make.Counter("imprint_prefix_cache_miss_tokens_total",
                                           "Prompt tokens that had to be computed.");
  return engine;
}

GeneratorMetrics MakeGeneratorMetrics(Maker make) {
  GeneratorMetrics generator;
  for (const char* result :
       {"ok", "unusable", "refused", "busy", "server_error", "unreachable", "timeout"}) {
    generator.remote_requests[result] = make.Counter(
        "imprint_generator_remote_requests_total",
        "Requests to --generator.endpoint, each attempt counted.", {{"result", result}});
  }
  for (const char* result : {"kept", "dropped"}) {
    generator.remote_exchanges[result] = make.Counter(
        "imprint_generator_remote_exchanges_total",
        "Questions with their answers that --generator.endpoint wrote; dropped: the text does not "
        "bear them out, they came before, or they are too long.",
        {{"result", result}});
  }
  return generator;
}

UpdateMetrics MakeUpdateMetrics(Maker make) {
  UpdateMetrics update;
  for (const char* result : {"committed", "rejected", "failed", "cancelled"}) {
    update.jobs[result] =
        make.Counter("imprint_jobs_total", "Finished update jobs.", {{"result", result}});
  }
  for (const char* reason : {"retention", "efficacy", "earlier", "nan", "approval"}) {
    update.rejected[reason] = make.Counter(
        "imprint_jobs_rejected_total", "Update jobs that the gate, or an administrator, rejected.",
        {{"reason", reason}});
  }
  update.failed_in_a_row =
      make.Gauge("imprint_jobs_failed_in_a_row",
                 "Update jobs rejected or failed since the last commit, or since the start.");
  for (const char* phase : {"plan", "train", "gate", "publish"}) {
    update.phase_seconds[phase] =
        make.Histogram("imprint_job_phase_seconds", "One phase of an update job.", PhaseSeconds(),
                       {{"phase", phase}});
  }
  update.trained_tokens = make.Counter("imprint_trained_tokens_total",
                                       "Tokens that training computed, prompts included.");
  update.running = make.Gauge("imprint_job_running", "1 while an update job runs.");
  update.paused = make.Gauge("imprint_updates_paused", "1 while updates are paused.");
  update.stopped = make.Gauge("imprint_updates_stopped",
                              "1 while updates stand still without a pause: a full disk, say.");
  update.awaiting_approval =
      make.Gauge("imprint_jobs_awaiting_approval",
                 "1 while a job awaits approval; no other starts meanwhile.");
  update.loss = make.Gauge("imprint_job_loss_nats",
                           "KL per target token of the last training steps, in nats.");
  update.efficacy =
      make.Gauge("imprint_publish_efficacy_ratio",
                 "Mean efficacy of the new experiences of the current version when it was "
                 "published; NaN: not measurable.");
  update.earlier_efficacy =
      make.Gauge("imprint_publish_earlier_efficacy_ratio",
                 "Mean efficacy of the sampled earlier experiences in the current version when it "
                 "was published; NaN: none was measured.");
  update.retention_kl =
      make.Gauge("imprint_publish_retention_kl_nats",
                 "KL of the current version from the base model on held-out retention "
                 "text, in nats per token.");
  update.retention_perplexity_ratio =
      make.Gauge("imprint_publish_retention_perplexity_ratio",
                 "Perplexity of the current version over the base model's, on the same text.");
  update.live_version =
      make.Gauge("imprint_live_version", "Number of the current version; 0 is the base model.");
  update.swap_seconds = make.Histogram("imprint_swap_seconds",
                                       "From a version's commit to its first use.", StepSeconds());
  return update;
}

AuthMetrics MakeAuthMetrics(Maker make) {
  AuthMetrics auth;
  for (const char* reason : {"no_token", "unknown_token", "scope", "quota"}) {
    auth.refused[reason] =
        make.Counter("imprint_auth_refused_total",
                     "Calls refused for their token: none, an unknown one, one without the scope, "
                     "or its quota.",
                     {{"reason", reason}});
  }
  for (const char* method : {"InjectContext", "Query", "Score", "other"}) {
    auth.beyond_quota[method] =
        make.Counter("imprint_auth_beyond_quota_total",
                     "Calls refused with RESOURCE_EXHAUSTED for their token's quota, by method.",
                     {{"method", method}});
  }
  auth.tokens = make.Gauge("imprint_auth_tokens", "Tokens in force, of --auth.tokens_file.");
  auth.tokens_file_bad = make.Gauge(
      "imprint_auth_tokens_file_bad",
      "1 while --auth.tokens_file cannot be used and the tokens of before stay in force.");
  return auth;
}

RpcMetrics MakeRpcMetrics(prometheus::Registry* registry, Maker make) {
  // Families are as thread-safe as the registry that owns them, and find what was made
  // before by its labels.
  auto* requests = &prometheus::BuildCounter()
                        .Name("imprint_rpc_requests_total")
                        .Help("Finished calls by method and code.")
                        .Register(*registry);
  auto* latency = &prometheus::BuildHistogram()
                       .Name("imprint_rpc_duration_seconds")
                       .Help("From the arrival of a call to its last byte, by method.")
                       .Register(*registry);
  RpcMetrics rpc;
  rpc.calls_of = [requests, latency](const std::string& method) {
    return std::make_shared<CallMetrics>(method, requests,
                                         &latency->Add({{"method", method}}, LatencySeconds()));
  };
  rpc.tls_files_bad = make.Gauge("imprint_rpc_tls_files_bad",
                                 "1 while --tls_cert, --tls_key or --tls_client_ca cannot be used "
                                 "and the certificate of before stays in force.");
  return rpc;
}

}  // namespace

struct Metrics::Server {
  explicit Server(const std::string& address) : exposer(address, /*num_threads=*/1) {}
  prometheus::Exposer exposer;
};

Metrics::Metrics()
    : registry_(std::make_shared<prometheus::Registry>()),
      callbacks_(std::make_shared<CallbackCollector>()),
      engine_(MakeEngineMetrics(Maker(registry_.get()))),
      generator_(MakeGeneratorMetrics(Maker(registry_.get()))),
      update_(MakeUpdateMetrics(Maker(registry_.get()))),
      auth_(MakeAuthMetrics(Maker(registry_.get()))),
      rpc_(MakeRpcMetrics(registry_.get(), Maker(registry_.get()))) {
  AddCallbackCounter("imprint_process_cpu_seconds_total", "Processor time of all threads.", {},
                     ProcessCpuSeconds);
  AddCallbackGauge("imprint_process_resident_memory_bytes", "Memory that is in RAM.", {},
                   ProcessResidentBytes);
  AddCallbackGauge("imprint_process_open_files", "Open file descriptors.", {}, ProcessOpenFiles);
}

Metrics::~Metrics() = default;

void Metrics::AddCallbackGauge(std::string name, std::string help,
                               std::map<std::string, std::string> labels, ReadGauge read) {
  callbacks_->Add(prometheus::MetricType::Gauge, std::move(name), std::move(help),
                  std::move(labels), std::move(read));
}

void Metrics::AddCallbackCounter(std::string name, std::string help,
                                 std::map<std::string, std::string> labels, Read read) {
  callbacks_->Add(prometheus::MetricType::Counter, std::move(name), std::move(help),
                  std::move(labels), std::move(read));
}

void Metrics::RemoveCallbacks() { callbacks_->Clear(); }

absl::StatusOr<int> Metrics::Listen(const std::string& address) {
  // The exposer has no other way than an exception to say that it cannot listen.
  try {
    auto server = std::make_unique<Server>(address);
    const std::vector<int> ports = server->exposer.GetListeningPorts();
    if (ports.empty()) {
      return absl::UnavailableError(absl::StrCat("cannot serve metrics on ", address));
    }
    server->exposer.RegisterCollectable(registry_);
    server->exposer.RegisterCollectable(callbacks_);
    server_ = std::move(server);
    return ports.front();
  } catch (const std::exception&) {
    return absl::UnavailableError(
        absl::StrCat("cannot serve metrics on ", address,
                     ": the port is taken or the address is not this machine's; choose another "
                     "with --metrics_listen, or an empty one for none"));
  }
}

std::string Metrics::Text() const {
  std::vector<prometheus::MetricFamily> families = registry_->Collect();
  std::vector<prometheus::MetricFamily> read = callbacks_->Collect();
  families.insert(families.end(), std::make_move_iterator(read.begin()),
                  std::make_move_iterator(read.end()));
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace imprint::metrics
