// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/update/job_runner.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "server/update/replay.h"
#include "spdlog/spdlog.h"

namespace imprint::update {
namespace {

// Nothing: the job goes on.
using Ended = std::optional<RunResult>;

RunResult ServerFault(const absl::Status& status) {
  return {.end = RunEnd::kServerFault, .message = std::string(status.message())};
}

// What an error of training or of asking says of the job.
RunResult WorkError(const absl::Status& status) {
  const std::string message(status.message());
  switch (status.code()) {
    case absl::StatusCode::kCancelled:
      return {.end = RunEnd::kInterrupted, .message = message};
    case absl::StatusCode::kUnavailable:  // the engine is on its way out, or the disk fails
    case absl::StatusCode::kDataLoss:     // a row of the store, perhaps of another experience
    case absl::StatusCode::kFailedPrecondition:  // the server's own limits let nothing be trained
      return {.end = RunEnd::kServerFault, .message = message};
    case absl::StatusCode::kResourceExhausted:  // memory may be free the next time
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kUnknown:
      return {.end = RunEnd::kFailedOnce, .message = message};
    default:  // the same bytes come out of the same input
      return {.end = RunEnd::kUnfit, .message = message};
  }
}

std::vector<const store::TargetRecord*> Pointers(const std::vector<store::TargetRecord>& records) {
  std::vector<const store::TargetRecord*> pointers;
  pointers.reserve(records.size());
  for (const store::TargetRecord& record : records) pointers.push_back(&record);
  return pointers;
}

// One run; lives as long as JobRunner::Run.
class JobRun {
 public:
  JobRun(const UpdaterDeps& deps, JobLedger* ledger, store::JobRecord& job,
         const std::function<void(const store::JobRecord&)>& advanced,
         const std::function<bool()>& cancelled)
      : deps_(deps),
        ledger_(ledger),
        job_(job),
        advanced_(advanced),
        cancelled_(cancelled),
        parent_(deps.versions->current()),
        phase_begin_(deps.clock->Now()) {}

  Ended Plan() {
    if (absl::Status status = KeepReadyOnes(); !status.ok()) return ServerFault(status);
    if (job_.sequences().empty()) {
      return RunResult{.end = RunEnd::kNothingLeft,
                       .message = "none of its experiences is READY any more"};
    }
    if (absl::Status status = LoadTargets(); !status.ok()) return ServerFault(status);
    job_.clear_report();
    EndPhase("plan");
    if (cancelled_()) return RunResult{.end = RunEnd::kInterrupted, .message = "plan"};
    if (absl::Status status = ledger_->Begin(job_, parent_->number); !status.ok()) {
      return ServerFault(status);
    }
    advanced_(job_);
    return std::nullopt;
  }

  Ended Train(const generator::RetentionText& retention,
              const std::function<void(const DistillProgress&)>& progress) {
    const DistillInput input{.targets = Pointers(targets_),
                             .replay = Pointers(replay_),
                             .retention = Pointers(retention.train)};
    const model::Adapter* start = parent_->deltas.empty() ? nullptr : parent_->deltas.back().get();
    absl::StatusOr<DistillResult> trained =
        deps_.train ? deps_.train(start, input, progress, cancelled_)
                    : deps_.distiller->Train(start, input, progress, cancelled_);
    if (!trained.ok()) return WorkError(trained.status());
    job_.mutable_report()->set_steps(trained->last.step);
    job_.mutable_report()->set_trained_tokens(trained->last.tokens);

    // The job goes on with the last adapter; those before it stay as they are.
    std::vector<std::shared_ptr<const model::Adapter>> deltas = parent_->deltas;
    if (deltas.empty()) deltas.emplace_back();
    deltas.back() = std::move(trained->adapter);
    absl::StatusOr<engine::SharedVersion> candidate =
        deps_.versions->MakeCandidate(job_.version(), parent_->number, std::move(deltas));
    if (!candidate.ok()) return WorkError(candidate.status());
    candidate_ = *std::move(candidate);
    return Enter("train", store::STORED_JOB_STATE_GATING);
  }

  Ended Judge(const std::vector<store::TargetRecord>& heldout) {
    const std::vector<int64_t> sequences(job_.sequences().begin(), job_.sequences().end());
    absl::StatusOr<GateVerdict> verdict =
        deps_.gate->Judge(candidate_, sequences, deps_.versions->Contained(), heldout, cancelled_);
    if (!verdict.ok()) return WorkError(verdict.status());
    store::JobReportRecord& report = *job_.mutable_report();
    report.MergeFrom(verdict->report);
    if (!verdict->passed) {
      EndPhase("gate");
      return RunResult{.end = RunEnd::kRejected,
                       .message = absl::StrCat(verdict->reason, ": ", verdict->message),
                       .rejected_for = verdict->reason};
    }
    earlier_efficacies_ = std::move(verdict->earlier_efficacies);
    return Enter("gate", store::STORED_JOB_STATE_PUBLISHING);
  }

  RunResult Publish() {
    const absl::StatusOr<int64_t> size_bytes = deps_.versions->Save(*candidate_);
    if (!size_bytes.ok()) return ServerFault(size_bytes.status());
    if (cancelled_()) return {.end = RunEnd::kInterrupted, .message = "before the commit"};

    const store::JobReportRecord& report = job_.report();
    store::VersionRecord version;
    version.set_job(job_.id());
    version.mutable_added()->CopyFrom(job_.sequences());
    if (report.has_efficacy()) version.set_efficacy(report.efficacy());
    version.set_retention_kl(report.retention_kl());
    version.set_retention_perplexity_ratio(report.retention_perplexity_ratio());
    version.set_size_bytes(*size_bytes);

    EndPhase("publish");
    const std::vector<int64_t> sequences(job_.sequences().begin(), job_.sequences().end());
    const std::map<int64_t, double> efficacies(report.experience_efficacies().begin(),
                                               report.experience_efficacies().end());
    store::JobRecord committed = job_;
    const absl::Status written = deps_.versions->Commit(
        candidate_, version,
        [&](store::Transaction& transaction, absl::FunctionRef<bool(int64_t)>) -> absl::Status {
          ledger_->StageAdvance(transaction, committed, store::STORED_JOB_STATE_COMMITTED);
          return deps_.log->StageIntegrated(transaction, sequences, candidate_->number, efficacies);
        });
    if (absl::IsAborted(written)) {
      return {.end = RunEnd::kInterrupted, .message = std::string(written.message())};
    }
    if (!written.ok()) {
      // The log may hold staged changes that did not come to be.
      if (const absl::Status status = deps_.log->Refresh(); !status.ok()) {
        spdlog::warn("the experience log is behind the store: {}", status.ToString());
      }
      return ServerFault(written);
    }
    job_ = std::move(committed);
    FollowCommit();
    return {.end = RunEnd::kCommitted};
  }

 private:
  // A job that waited may have lost experiences: rolled back, quarantined.
  absl::Status KeepReadyOnes() {
    std::vector<int64_t> ready;
    for (const int64_t sequence : job_.sequences()) {
      IMPRINT_ASSIGN_OR_RETURN(const store::ExperienceRecord row,
                               deps_.store->GetExperience(sequence));
      if (row.state() == store::STORED_STATE_READY) ready.push_back(sequence);
    }
    job_.mutable_sequences()->Assign(ready.begin(), ready.end());
    return absl::OkStatus();
  }

  absl::Status LoadTargets() {
    for (const int64_t sequence : job_.sequences()) {
      IMPRINT_ASSIGN_OR_RETURN(std::vector<store::TargetRecord> own,
                               deps_.store->GetTargets(sequence));
      std::move(own.begin(), own.end(), std::back_inserter(targets_));
    }
    const double budget = std::ceil(deps_.replay_share * static_cast<double>(targets_.size()));
    IMPRINT_ASSIGN_OR_RETURN(replay_, ChooseReplay(*deps_.store, deps_.versions->Contained(),
                                                   static_cast<size_t>(std::max(budget, 0.0)),
                                                   static_cast<uint64_t>(job_.version())));
    return absl::OkStatus();
  }

  // Ends the phase that was, and writes the job's row in the state of the next.
  Ended Enter(const char* finished, store::StoredJobState state) {
    EndPhase(finished);
    if (cancelled_()) return RunResult{.end = RunEnd::kInterrupted, .message = finished};
    if (absl::Status status = ledger_->Advance(job_, state); !status.ok()) {
      return ServerFault(status);
    }
    advanced_(job_);
    return std::nullopt;
  }

  void EndPhase(const char* phase) {
    const absl::Time now = deps_.clock->Now();
    const double seconds = absl::ToDoubleSeconds(now - phase_begin_);
    phase_begin_ = now;
    (*job_.mutable_report()->mutable_phase_seconds())[phase] = seconds;
    if (deps_.metrics != nullptr) deps_.metrics->phase_seconds.at(phase)->Observe(seconds);
  }

  // The version is durable and current; what follows only makes it known.
  void FollowCommit() {
    const absl::Time begin = deps_.clock->Now();
    deps_.engine->SetCurrent(candidate_);
    const absl::Time swapped = deps_.clock->Now();
    if (const absl::Status status = deps_.log->Refresh(); !status.ok()) {
      spdlog::warn("the experience log is behind the store: {}", status.ToString());
    }
    if (const absl::Status status =
            deps_.log->RecordEfficacy(earlier_efficacies_, candidate_->number);
        !status.ok()) {
      spdlog::warn("efficacies of earlier experiences were not recorded: {}", status.ToString());
    }
    ledger_->Tell(job_);
    advanced_(job_);
    if (deps_.metrics == nullptr) return;
    const store::JobReportRecord& report = job_.report();
    deps_.metrics->swap_seconds->Observe(absl::ToDoubleSeconds(swapped - begin));
    deps_.metrics->live_version->Set(static_cast<double>(candidate_->number));
    if (report.has_efficacy()) deps_.metrics->efficacy->Set(report.efficacy());
    if (report.has_earlier_efficacy()) {
      deps_.metrics->earlier_efficacy->Set(report.earlier_efficacy());
    }
    deps_.metrics->retention_kl->Set(report.retention_kl());
    deps_.metrics->retention_perplexity_ratio->Set(report.retention_perplexity_ratio());
  }

  const UpdaterDeps& deps_;
  JobLedger* const ledger_;
  store::JobRecord& job_;
  const std::function<void(const store::JobRecord&)>& advanced_;
  const std::function<bool()>& cancelled_;
  const engine::SharedVersion parent_;
  absl::Time phase_begin_;
  std::vector<store::TargetRecord> targets_;
  std::vector<store::TargetRecord> replay_;
  engine::SharedVersion candidate_;
  std::map<int64_t, double> earlier_efficacies_;
};

}  // namespace

JobRunner::JobRunner(const UpdaterDeps& deps, JobLedger* ledger) : deps_(deps), ledger_(ledger) {}

RunResult JobRunner::Run(store::JobRecord& job, const generator::RetentionText& retention,
                         const std::function<void(const store::JobRecord&)>& advanced,
                         const std::function<void(const DistillProgress&)>& progress,
                         const std::function<bool()>& cancelled) {
  JobRun run(deps_, ledger_, job, advanced, cancelled);
  if (Ended ended = run.Plan(); ended.has_value()) return *std::move(ended);
  if (Ended ended = run.Train(retention, progress); ended.has_value()) return *std::move(ended);
  if (Ended ended = run.Judge(retention.heldout); ended.has_value()) return *std::move(ended);
  return run.Publish();
}

}  // namespace imprint::update
