// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Decides whether a candidate may be published.

#ifndef IMPRINT_SERVER_UPDATE_GATE_H_
#define IMPRINT_SERVER_UPDATE_GATE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/engine/engine.h"
#include "server/probe/prober.h"
#include "server/store/store.h"

namespace imprint::update {

struct GateOptions {
  // Nats per token against the base, on held-out retention text (--gate.max_retention_kl). It
  // adds up over versions: one job takes about a third of it on the demo model.
  double max_retention_kl = 0.1;
  // Mean efficacy that new experiences must reach together (--gate.min_efficacy). Far below
  // what is usual: two or three probes of one experience are noisy.
  double min_efficacy = 0.1;
  // By how much the mean efficacy of the sampled earlier experiences may fall
  // (--gate.max_earlier_loss).
  double max_earlier_loss = 0.15;
  // Nats per token by which the base model's answer to any retention probe may move
  // (--gate.max_probe_kl).
  double max_probe_kl = 0.5;
  // Earlier experiences asked, at most (--gate.earlier_sample).
  int earlier_sample = 16;
  uint64_t seed = 1;
};

struct GateVerdict {
  bool passed = false;
  // "retention", "efficacy", "earlier" or "nan"; empty when passed. A metric label.
  std::string reason;
  std::string message;  // for a person, with figures and the flag
  store::JobReportRecord report;
  // What the sampled earlier experiences have in the candidate, by sequence; only the
  // measurable ones.
  std::map<int64_t, double> earlier_efficacies;
};

// Thread-safe. All pointers outlive it.
class Gate {
 public:
  Gate(const GateOptions& options, const store::Store* store, const probe::Prober* prober);

  // Asks the candidate: all probes of `sequences`, those of a bounded sample of `earlier`,
  // the retention probes, and retention on `heldout`. The same candidate number draws the same
  // sample. Earlier experiences are held to what was last recorded of them, so that a job answers
  // for its own damage only. Where no new experience is measurable there is nothing to hold
  // efficacy against, and that check passes. An error means it could not be asked, not that
  // it failed.
  absl::StatusOr<GateVerdict> Judge(const engine::SharedVersion& candidate,
                                    const std::vector<int64_t>& sequences,
                                    const std::vector<int64_t>& earlier,
                                    const std::vector<store::TargetRecord>& heldout,
                                    const std::function<bool()>& cancelled) const;

  // Mean efficacy of `sequences` in the candidate, by their stored probes; nullopt: none can
  // be measured. For the record, without a verdict.
  absl::StatusOr<std::optional<double>> MeanEfficacy(const engine::SharedVersion& candidate,
                                                     const std::vector<int64_t>& sequences,
                                                     const std::function<bool()>& cancelled) const;

 private:
  // Up to earlier_sample of `earlier` that have a recorded efficacy, with it.
  absl::StatusOr<std::map<int64_t, double>> SampleEarlier(const std::vector<int64_t>& earlier,
                                                          uint64_t seed) const;
  absl::StatusOr<std::map<int64_t, double>> Measure(const engine::SharedVersion& candidate,
                                                    const std::vector<int64_t>& sequences,
                                                    const std::function<bool()>& cancelled) const;
  // The retention probe whose answer moved most, per token; nullopt: there is none.
  absl::StatusOr<std::optional<probe::ProbeScore>> WorstRetentionProbe(
      const engine::SharedVersion& candidate, const std::function<bool()>& cancelled) const;

  const GateOptions options_;
  const store::Store* const store_;
  const probe::Prober* const prober_;
};

}  // namespace imprint::update

#endif  // IMPRINT_SERVER_UPDATE_GATE_H_
