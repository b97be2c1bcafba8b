// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Asks probes of a version: how much of an experience is in the weights (efficacy), and
// how far they went from the base model elsewhere (retention).

#ifndef IMPRINT_SERVER_PROBE_PROBER_H_
#define IMPRINT_SERVER_PROBE_PROBER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/engine/engine.h"
#include "server/store/records.pb.h"
#include "server/text/text_model.h"

namespace imprint::probe {

// Below this many nats per token the context does not change the base model's answer:
// efficacy is unmeasurable.
inline constexpr double kMinMeasurableKl = 0.05;

struct ProbeScore {
  store::ProbeRecord probe;
  double kl_student = 0;  // summed over the answer's tokens, nats
  double kl_base = 0;
  int tokens = 0;
  std::string answer;  // greedy, of the version asked; empty unless asked for
};

struct RetentionScore {
  double kl = 0;  // KL(base||version), nats per token
  // Version / base, on the tokens of the same text that are among the base model's k most
  // likely: for those its log-probability is stored, so the base need not be asked again.
  double perplexity_ratio = 1;
  int64_t tokens = 0;
};

// Efficacy of each experience, by its sequence: 1 - sum kl_student / sum kl_base over its
// probes. Experiences whose sum kl_base is under kMinMeasurableKl per token are left out,
// as are retention probes. Not finite where a KL is not.
std::map<int64_t, double> Efficacies(const std::vector<ProbeScore>& scores);

// Thread-safe. All pointers outlive it.
class Prober {
 public:
  Prober(engine::Engine* engine, const text::TextModel* text);

  // In the order of `probes`. `with_answers`: also generates the version's greedy answers.
  // Errors of the engine pass through; CANCELLED when `cancelled` says so; DATA_LOSS: a
  // probe's stored distribution is broken.
  absl::StatusOr<std::vector<ProbeScore>> Ask(const engine::SharedVersion& version,
                                              const std::vector<store::ProbeRecord>& probes,
                                              bool with_answers,
                                              const std::function<bool()>& cancelled = {}) const;

  // On held-out retention text: `texts` carry the base model's distribution. Errors as above.
  absl::StatusOr<RetentionScore> Retention(const engine::SharedVersion& version,
                                           const std::vector<store::TargetRecord>& texts,
                                           const std::function<bool()>& cancelled = {}) const;

 private:
  engine::Engine* const engine_;
  const text::TextModel* const text_;
};

}  // namespace imprint::probe

#endif  // IMPRINT_SERVER_PROBE_PROBER_H_
