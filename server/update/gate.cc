// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/update/gate.h"

#include <cmath>
#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/status_macros.h"
#include "server/update/sample.h"

namespace imprint::update {
namespace {

// Rows read for one that has a recorded efficacy, at most: many unmeasurable experiences
// must not make the gate read the whole log.
constexpr size_t kRowsPerSample = 4;

// nullopt: nothing was measured.
std::optional<double> Mean(const std::map<int64_t, double>& efficacies) {
  if (efficacies.empty()) return std::nullopt;
  double sum = 0;
  for (const auto& [sequence, efficacy] : efficacies) sum += efficacy;
  return sum / static_cast<double>(efficacies.size());
}

// "" where all is finite, else what is not.
std::string NotFinite(const std::map<int64_t, double>& efficacies,
                      const probe::RetentionScore& retention) {
  for (const auto& [sequence, efficacy] : efficacies) {
    if (!std::isfinite(efficacy)) {
      return absl::StrCat("the efficacy of experiences/", sequence, " is ", efficacy);
    }
  }
  if (!std::isfinite(retention.kl)) return absl::StrCat("retention KL is ", retention.kl);
  if (!std::isfinite(retention.perplexity_ratio)) {
    return absl::StrCat("the ratio of perplexities is ", retention.perplexity_ratio);
  }
  return "";
}

// Probes without an experience: retention probes.
constexpr int64_t kNoExperience = 0;

// Of a retention probe, whose teacher is the base model itself.
double KlPerToken(const probe::ProbeScore& score) {
  return score.tokens == 0 ? 0 : score.kl_student / score.tokens;
}

void Reject(GateVerdict& verdict, const char* reason, std::string message) {
  verdict.passed = false;
  verdict.reason = reason;
  verdict.message = std::move(message);
}

}  // namespace

Gate::Gate(const GateOptions& options, const store::Store* store, const probe::Prober* prober)
    : options_(options), store_(store), prober_(prober) {}

absl::StatusOr<GateVerdict> Gate::Judge(const engine::SharedVersion& candidate,
                                        const std::vector<int64_t>& sequences,
                                        const std::vector<int64_t>& earlier,
                                        const std::vector<store::TargetRecord>& heldout,
                                        const std::function<bool()>& cancelled) const {
  IMPRINT_ASSIGN_OR_RETURN(const auto efficacies, Measure(candidate, sequences, cancelled));
  IMPRINT_ASSIGN_OR_RETURN(
      const auto recorded,
      SampleEarlier(earlier, options_.seed ^ static_cast<uint64_t>(candidate->number)));
  std::vector<int64_t> sampled;
  for (const auto& [sequence, efficacy] : recorded) sampled.push_back(sequence);
  GateVerdict verdict;
  IMPRINT_ASSIGN_OR_RETURN(verdict.earlier_efficacies, Measure(candidate, sampled, cancelled));
  IMPRINT_ASSIGN_OR_RETURN(const probe::RetentionScore retention,
                           prober_->Retention(candidate, heldout, cancelled));
  IMPRINT_ASSIGN_OR_RETURN(const std::optional<probe::ProbeScore> worst_probe,
                           WorstRetentionProbe(candidate, cancelled));

  // Before and after over the same experiences.
  std::map<int64_t, double> before;
  for (const auto& [sequence, efficacy] : verdict.earlier_efficacies) {
    before[sequence] = recorded.at(sequence);
  }
  const std::optional<double> efficacy = Mean(efficacies);
  const std::optional<double> earlier_before = Mean(before);
  const std::optional<double> earlier_after = Mean(verdict.earlier_efficacies);

  store::JobReportRecord& report = verdict.report;
  if (efficacy.has_value()) report.set_efficacy(*efficacy);
  report.set_unmeasurable(static_cast<int32_t>(sequences.size() - efficacies.size()));
  if (earlier_after.has_value()) report.set_earlier_efficacy(*earlier_after);
  report.set_retention_kl(retention.kl);
  report.set_retention_perplexity_ratio(retention.perplexity_ratio);
  report.mutable_experience_efficacies()->insert(efficacies.begin(), efficacies.end());
  report.mutable_earlier_efficacies()->insert(verdict.earlier_efficacies.begin(),
                                              verdict.earlier_efficacies.end());

  if (worst_probe.has_value()) report.set_retention_probe_kl(KlPerToken(*worst_probe));

  std::string not_finite = NotFinite(efficacies, retention);
  if (not_finite.empty()) not_finite = NotFinite(verdict.earlier_efficacies, {});
  if (worst_probe.has_value() && !std::isfinite(worst_probe->kl_student)) {
    not_finite =
        absl::StrCat("the KL of probes/", worst_probe->probe.id(), " is ", worst_probe->kl_student);
  }
  if (!not_finite.empty()) {
    Reject(verdict, "nan", std::move(not_finite));
  } else if (retention.kl > options_.max_retention_kl) {
    Reject(verdict, "retention",
           absl::StrFormat("retention KL is %.4f nats per token; the limit is %.4f "
                           "(--gate.max_retention_kl)",
                           retention.kl, options_.max_retention_kl));
  } else if (worst_probe.has_value() && KlPerToken(*worst_probe) > options_.max_probe_kl) {
    Reject(verdict, "retention",
           absl::StrFormat("the answer to probes/%d (\"%s\") moves by %.3f nats per token; the "
                           "limit is %.3f (--gate.max_probe_kl)",
                           worst_probe->probe.id(), worst_probe->probe.question(),
                           KlPerToken(*worst_probe), options_.max_probe_kl));
  } else if (efficacy.has_value() && *efficacy < options_.min_efficacy) {
    Reject(verdict, "efficacy",
           absl::StrFormat("mean efficacy of %d new experiences is %.3f; at least %.3f is wanted "
                           "(--gate.min_efficacy)",
                           efficacies.size(), *efficacy, options_.min_efficacy));
  } else if (earlier_after.has_value() &&
             *earlier_before - *earlier_after > options_.max_earlier_loss) {
    Reject(
        verdict, "earlier",
        absl::StrFormat("mean efficacy of %d earlier experiences falls from %.3f to %.3f; it "
                        "may fall by %.3f (--gate.max_earlier_loss)",
                        before.size(), *earlier_before, *earlier_after, options_.max_earlier_loss));
  } else {
    verdict.passed = true;
  }
  return verdict;
}

absl::StatusOr<std::optional<double>> Gate::MeanEfficacy(
    const engine::SharedVersion& candidate, const std::vector<int64_t>& sequences,
    const std::function<bool()>& cancelled) const {
  IMPRINT_ASSIGN_OR_RETURN(const auto efficacies, Measure(candidate, sequences, cancelled));
  return Mean(efficacies);
}

absl::StatusOr<std::map<int64_t, double>> Gate::SampleEarlier(const std::vector<int64_t>& earlier,
                                                              uint64_t seed) const {
  std::map<int64_t, double> recorded;
  const size_t wanted = static_cast<size_t>(std::max(options_.earlier_sample, 0));
  for (const int64_t sequence : Sample(earlier, wanted * kRowsPerSample, seed)) {
    if (recorded.size() == wanted) break;
    IMPRINT_ASSIGN_OR_RETURN(const store::ExperienceRecord row, store_->GetExperience(sequence));
    if (row.has_efficacy()) recorded[sequence] = row.efficacy();
  }
  return recorded;
}

absl::StatusOr<std::map<int64_t, double>> Gate::Measure(
    const engine::SharedVersion& candidate, const std::vector<int64_t>& sequences,
    const std::function<bool()>& cancelled) const {
  std::vector<store::ProbeRecord> probes;
  for (const int64_t sequence : sequences) {
    IMPRINT_ASSIGN_OR_RETURN(std::vector<store::ProbeRecord> own, store_->GetProbes(sequence));
    for (store::ProbeRecord& probe : own) probes.push_back(std::move(probe));
  }
  IMPRINT_ASSIGN_OR_RETURN(const std::vector<probe::ProbeScore> scores,
                           prober_->Ask(candidate, probes, /*with_answers=*/false, cancelled));
  return probe::Efficacies(scores);
}

absl::StatusOr<std::optional<probe::ProbeScore>> Gate::WorstRetentionProbe(
    const engine::SharedVersion& candidate, const std::function<bool()>& cancelled) const {
  IMPRINT_ASSIGN_OR_RETURN(const std::vector<store::ProbeRecord> probes,
                           store_->GetProbes(kNoExperience));
  IMPRINT_ASSIGN_OR_RETURN(std::vector<probe::ProbeScore> scores,
                           prober_->Ask(candidate, probes, /*with_answers=*/false, cancelled));
  std::optional<probe::ProbeScore> worst;
  for (probe::ProbeScore& score : scores) {
    const bool finite = std::isfinite(score.kl_student);
    if (!worst.has_value() || !finite || KlPerToken(score) > KlPerToken(*worst)) {
      worst = std::move(score);
    }
    if (!finite) break;
  }
  return worst;
}

}  // namespace imprint::update
