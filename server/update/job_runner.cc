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
#include "common/log_fields.h"
#include "common/status_macros.h"
#include "server/update/rebuild_plan.h"
#include "server/update/replay.h"
#include "server/update/version_gauges.h"
#include "spdlog/spdlog.h"

namespace imprint::update {
namespace {

// By how much replay grows each time that a job is begun again for what it costs earlier
// experiences.
constexpr double kMoreReplayFactor = 3;

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
        current_(deps.versions->current()),
        phase_begin_(deps.clock->Now()) {}

  Ended Plan() {
    if (absl::Status status = KeepReadyOnes(); !status.ok()) return ServerFault(status);
    if (absl::Status status = ChooseStart(); !status.ok()) return ServerFault(status);
    if (trained_.empty() && start_number_ == current_->number) {
      return RunResult{.end = RunEnd::kNothingLeft,
                       .message = job_.kind() == store::STORED_JOB_KIND_REBUILD
                                      ? "nothing is left to be rebuilt"
                                      : "none of its experiences is READY any more"};
    }
    job_.clear_report();
    if (cancelled_()) return RunResult{.end = RunEnd::kInterrupted, .message = "plan"};
    job_.set_replaces_version(current_->number);
    // Before the targets are in memory: a job that the server does not survive is to be counted.
    if (absl::Status status = ledger_->Begin(job_, start_number_); !status.ok()) {
      return ServerFault(status);
    }
    advanced_(job_);
    if (absl::Status status = LoadTargets(); !status.ok()) return ServerFault(status);
    EndPhase("plan");
    return std::nullopt;
  }

  Ended Train(const generator::RetentionText& retention,
              const std::function<void(const DistillProgress&)>& progress) {
    // What was learned last was what is forgotten: the anchor as it is will do.
    if (targets_.empty()) return Merge(start_deltas_);
    DistillInput input{
        .targets = Pointers(targets_), .replay = {}, .retention = Pointers(retention.train)};
    for (size_t i = 0; i < replays_; ++i) {
      input.replay.push_back(&ReplayedAt(i).sentence);
    }
    if (deps_.teacher_prompts) {
      input.teacher_prompts = [this](const std::vector<size_t>& sentences) {
        return TeacherPromptsOf(sentences);
      };
    }
    const model::Adapter* start = start_deltas_.empty() ? nullptr : start_deltas_.back().get();
    absl::StatusOr<DistillResult> trained =
        deps_.train ? deps_.train(start, input, progress, cancelled_)
                    : deps_.distiller->Train(start, input, progress, cancelled_);
    if (!trained.ok()) return WorkError(trained.status());
    job_.mutable_report()->set_steps(trained->last.step);
    job_.mutable_report()->set_trained_tokens(trained->last.tokens);

    // The job goes on with the last adapter; those before it stay as they are.
    Deltas deltas = start_deltas_;
    if (deltas.empty()) deltas.emplace_back();
    deltas.back() = std::move(trained->adapter);
    return Merge(std::move(deltas));
  }

  Ended Judge(const std::vector<store::TargetRecord>& heldout) {
    absl::StatusOr<GateVerdict> verdict =
        deps_.gate->Judge(candidate_, trained_, earlier_, heldout, cancelled_);
    if (!verdict.ok()) return WorkError(verdict.status());
    store::JobReportRecord& report = *job_.mutable_report();
    report.MergeFrom(verdict->report);
    std::vector<int64_t> gone = plan_.forgotten;
    gone.insert(gone.end(), plan_.superseded.begin(), plan_.superseded.end());
    const absl::StatusOr<std::optional<double>> known =
        deps_.gate->MeanEfficacy(candidate_, gone, cancelled_);
    if (!known.ok()) return WorkError(known.status());
    if (known->has_value()) report.set_forgotten_efficacy(**known);
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
    absl::StatusOr<int64_t> size_bytes;
    InBackground([&] { size_bytes = deps_.versions->Save(*candidate_); });
    if (!size_bytes.ok()) return ServerFault(size_bytes.status());
    if (cancelled_()) return {.end = RunEnd::kInterrupted, .message = "before the commit"};
    EndPhase("publish");
    job_.set_size_bytes(*size_bytes);
    return deps_.manual_approval && !OnlyForgets() ? AwaitApproval() : Commit();
  }

  // Makes ready for Commit what Run left on disk.
  Ended Restore() {
    if (current_->number != job_.replaces_version()) {
      return RunResult{.end = RunEnd::kInterrupted,
                       .message = absl::StrCat("versions/", current_->number, " is current now")};
    }
    absl::StatusOr<RebuildPlan> plan =
        PlanRebuild(*deps_.store, *deps_.log, *deps_.versions, deps_.rebuild, job_);
    if (!plan.ok()) return ServerFault(plan.status());
    plan_ = *std::move(plan);
    SetTrained();
    absl::StatusOr<engine::SharedVersion> candidate =
        deps_.versions->LoadCandidate(job_.version(), job_.parent_version());
    if (absl::IsResourceExhausted(candidate.status())) return ServerFault(candidate.status());
    if (!candidate.ok()) {
      return RunResult{.end = RunEnd::kFailedOnce,
                       .message = std::string(candidate.status().message())};
    }
    candidate_ = *std::move(candidate);
    const auto& earlier = job_.report().earlier_efficacies();
    earlier_efficacies_ = {earlier.begin(), earlier.end()};
    return std::nullopt;
  }

  RunResult Commit() {
    const store::JobReportRecord& report = job_.report();
    store::VersionRecord version;
    version.set_job(job_.id());
    version.mutable_added()->Add(trained_.begin(), trained_.end());
    if (report.has_efficacy()) version.set_efficacy(report.efficacy());
    version.set_retention_kl(report.retention_kl());
    version.set_retention_perplexity_ratio(report.retention_perplexity_ratio());
    version.set_size_bytes(job_.size_bytes());

    store::JobRecord committed = job_;
    const absl::Status written = deps_.versions->Commit(
        candidate_, current_->number, version,
        [&](store::Transaction& transaction, absl::FunctionRef<bool(int64_t)> contained) {
          return StageCommit(transaction, contained, committed);
        });
    if (!written.ok()) {
      // The log may hold staged changes that did not come to be.
      if (const absl::Status status = deps_.log->Refresh(); !status.ok()) {
        spdlog::warn("the experience log is behind the store: {}", status.ToString());
      }
      if (!absl::IsAborted(written)) return ServerFault(written);
      return {.end = RunEnd::kInterrupted, .message = std::string(written.message())};
    }
    job_ = std::move(committed);
    FollowCommit();
    return {.end = RunEnd::kCommitted};
  }

 private:
  using Deltas = std::vector<std::shared_ptr<const model::Adapter>>;

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

  // From which version the job trains, and which experiences it has to train for that.
  absl::Status ChooseStart() {
    IMPRINT_ASSIGN_OR_RETURN(
        plan_, PlanRebuild(*deps_.store, *deps_.log, *deps_.versions, deps_.rebuild, job_));
    job_.clear_rebuilt();
    if (job_.kind() == store::STORED_JOB_KIND_UPDATE && plan_.current_holds_superseded) {
      job_.set_kind(store::STORED_JOB_KIND_REBUILD);
      job_.set_trigger(store::STORED_TRIGGER_SUPERSEDE);
    }
    if (job_.kind() == store::STORED_JOB_KIND_REBUILD) {
      IMPRINT_RETURN_IF_ERROR(ChooseAnchor());
      IMPRINT_ASSIGN_OR_RETURN(const std::vector<int64_t> rebuilt,
                               MissingFrom(*deps_.versions, start_number_, plan_.keep));
      job_.mutable_rebuilt()->Add(rebuilt.begin(), rebuilt.end());
    } else {
      start_number_ = current_->number;
      start_deltas_ = current_->deltas;
    }
    SetTrained();
    IMPRINT_ASSIGN_OR_RETURN(earlier_, deps_.versions->ContainedIn(start_number_));
    // Nobody wants them back.
    std::erase_if(earlier_, [this](int64_t sequence) {
      return deps_.log->IsForgotten(sequence) || deps_.log->IsSuperseded(sequence);
    });
    return absl::OkStatus();
  }

  void SetTrained() {
    trained_.assign(job_.rebuilt().begin(), job_.rebuilt().end());
    trained_.insert(trained_.end(), job_.sequences().begin(), job_.sequences().end());
    std::sort(trained_.begin(), trained_.end());
  }

  // Nothing in it is new, and what is forgotten must not wait for anybody.
  bool OnlyForgets() const { return job_.sequences().empty() && !plan_.forgotten.empty(); }

  RunResult AwaitApproval() {
    const absl::Status written = ledger_->Advance(job_, store::STORED_JOB_STATE_AWAITING_APPROVAL);
    if (!written.ok()) return ServerFault(written);
    return {.end = RunEnd::kAwaitsApproval};
  }

  // The first anchor whose files are whole.
  absl::Status ChooseAnchor() {
    for (const int64_t anchor : plan_.anchors) {
      absl::StatusOr<Deltas> deltas = deps_.versions->Deltas(anchor);
      if (deltas.ok()) {
        start_number_ = anchor;
        start_deltas_ = *std::move(deltas);
        return absl::OkStatus();
      }
      if (!absl::IsDataLoss(deltas.status())) return deltas.status();
      spdlog::error("jobs/{} takes an older anchor: {}", job_.id(), deltas.status().ToString());
    }
    return absl::InternalError(absl::StrCat("jobs/", job_.id(), " has no anchor"));
  }

  // The i-th of the `replays_` that are trained on.
  const Replayed& ReplayedAt(size_t i) const { return replay_[i % replay_.size()]; }

  // For sentences of `targets_` and, behind them, the replayed ones; experience after experience,
  // whose text is read once. One that nothing can be told of gets none: what was written of it will
  // do.
  absl::StatusOr<std::vector<std::vector<int32_t>>> TeacherPromptsOf(
      const std::vector<size_t>& sentences) const {
    std::map<int64_t, std::vector<size_t>> by_experience;  // places in `sentences`
    for (size_t place = 0; place < sentences.size(); ++place) {
      const size_t i = sentences[place];
      const int64_t sequence =
          i < targets_.size() ? sequences_[i] : ReplayedAt(i - targets_.size()).sequence;
      by_experience[sequence].push_back(place);
    }
    std::vector<std::vector<int32_t>> prompts(sentences.size());
    for (const auto& [sequence, places] : by_experience) {
      std::vector<const store::TargetRecord*> own;
      for (const size_t place : places) {
        const size_t i = sentences[place];
        own.push_back(i < targets_.size() ? &targets_[i]
                                          : &ReplayedAt(i - targets_.size()).sentence);
      }
      auto of_experience = deps_.teacher_prompts(sequence, own, cancelled_);
      if (cancelled_()) return absl::CancelledError("training was cancelled");
      if (!of_experience.ok()) {
        // It may have been forgotten a moment ago; the job is then about to be interrupted.
        spdlog::warn("jobs/{} does not ask the student about experiences/{}: {}", job_.id(),
                     sequence, of_experience.status().ToString());
        continue;
      }
      for (size_t i = 0; i < places.size(); ++i) {
        prompts[places[i]] = std::move((*of_experience)[i]);
      }
    }
    return prompts;
  }

  void InBackground(absl::FunctionRef<void()> work) const {
    if (deps_.in_background) return deps_.in_background(work);
    work();
  }

  Ended Merge(Deltas deltas) {
    absl::StatusOr<engine::SharedVersion> candidate;
    InBackground([&] {
      candidate = deps_.versions->MakeCandidate(job_.version(), start_number_, std::move(deltas));
    });
    if (!candidate.ok()) return WorkError(candidate.status());
    candidate_ = *std::move(candidate);
    return Enter("train", store::STORED_JOB_STATE_GATING);
  }

  // All that the commit changes beside the version itself.
  absl::Status StageCommit(store::Transaction& transaction,
                           absl::FunctionRef<bool(int64_t)> contained,
                           store::JobRecord& committed) {
    for (const int64_t sequence : deps_.log->OpenTombstones()) {
      if (!contained(sequence)) continue;
      IMPRINT_ASSIGN_OR_RETURN(const store::ExperienceRecord row,
                               transaction.GetExperience(sequence));
      if (row.state() == store::STORED_STATE_FORGOTTEN) {
        return absl::AbortedError(
            absl::StrCat("experiences/", sequence, " was forgotten meanwhile"));
      }
    }
    // Tombstones of what awaited approval may be closed.
    for (const int64_t sequence : job_.sequences()) {
      IMPRINT_ASSIGN_OR_RETURN(const store::ExperienceRecord row,
                               transaction.GetExperience(sequence));
      if (row.state() != store::STORED_STATE_READY) {
        return absl::AbortedError(absl::StrCat("experiences/", sequence, " is not READY any more"));
      }
    }
    ledger_->StageAdvance(transaction, committed, store::STORED_JOB_STATE_COMMITTED);
    for (const int64_t sequence : plan_.superseded) {
      IMPRINT_RETURN_IF_ERROR(deps_.log->StageForget(
          transaction, sequence, absl::StrCat("superseded; jobs/", job_.id(), " replaced it"),
          /*keep_probes=*/false));
    }
    for (const int64_t sequence : plan_.forgotten) {
      IMPRINT_RETURN_IF_ERROR(deps_.log->StageDropProbes(transaction, sequence));
    }
    const auto& measured = job_.report().experience_efficacies();
    return deps_.log->StageIntegrated(transaction, trained_, candidate_->number,
                                      {measured.begin(), measured.end()});
  }

  absl::Status LoadTargets() {
    for (const int64_t sequence : trained_) {
      IMPRINT_ASSIGN_OR_RETURN(std::vector<store::TargetRecord> own,
                               deps_.store->GetTargets(sequence));
      sequences_.insert(sequences_.end(), own.size(), sequence);
      std::move(own.begin(), own.end(), std::back_inserter(targets_));
    }
    int64_t tokens = 0;
    for (const store::TargetRecord& target : targets_) tokens += target.target_ids_size();
    job_.mutable_report()->set_target_tokens(tokens);
    const double shared = std::ceil(deps_.replay_share * static_cast<double>(targets_.size()));
    const double usual = shared > 0 ? std::max(shared, static_cast<double>(deps_.min_replay)) : 0;
    const double budget = usual * std::pow(kMoreReplayFactor, job_.more_replay());
    const ReplayOrder order = job_.kind() == store::STORED_JOB_KIND_REBUILD
                                  ? ReplayOrder::kDrawn
                                  : ReplayOrder::kMostForgottenFirst;
    IMPRINT_ASSIGN_OR_RETURN(
        replay_,
        ChooseReplay(*deps_.store, earlier_, static_cast<size_t>(budget), SeedOf(targets_), order));
    // Where there are not so many, a job that replays more trains on each more often in a pass.
    replays_ =
        job_.more_replay() > 0 && !replay_.empty() ? static_cast<size_t>(budget) : replay_.size();
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
    LogWithFields(
        spdlog::level::info, "job phase",
        {{"job", absl::StrCat("jobs/", job_.id())}, {"phase", phase}, {"seconds", seconds}});
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
    ShowVersion(deps_.metrics, *deps_.store, candidate_->number);
    if (deps_.metrics == nullptr) return;
    deps_.metrics->swap_seconds->Observe(absl::ToDoubleSeconds(swapped - begin));
  }

  const UpdaterDeps& deps_;
  JobLedger* const ledger_;
  store::JobRecord& job_;
  const std::function<void(const store::JobRecord&)>& advanced_;
  const std::function<bool()>& cancelled_;
  // What is to be current still when it commits.
  const engine::SharedVersion current_;
  absl::Time phase_begin_;
  RebuildPlan plan_;
  // What it trains from: the current version, or the anchor of a REBUILD.
  int64_t start_number_ = 0;
  Deltas start_deltas_;
  std::vector<int64_t> trained_;  // in order
  std::vector<int64_t> earlier_;  // in the version it trains from, and to be kept
  std::vector<store::TargetRecord> targets_;
  std::vector<int64_t> sequences_;  // the experience of each of them
  std::vector<Replayed> replay_;
  size_t replays_ = 0;
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

RunResult JobRunner::Publish(store::JobRecord& job) {
  const std::function<void(const store::JobRecord&)> advanced = [](const store::JobRecord&) {};
  const std::function<bool()> cancelled = [] { return false; };
  JobRun run(deps_, ledger_, job, advanced, cancelled);
  if (Ended ended = run.Restore(); ended.has_value()) return *std::move(ended);
  return run.Commit();
}

}  // namespace imprint::update
