// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/rpc/admin_service.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/resource_name.h"
#include "common/status_macros.h"
#include "common/string_view.h"
#include "google/protobuf/util/time_util.h"
#include "server/rpc/backup_calls.h"
#include "server/rpc/convert.h"
#include "server/rpc/errors.h"
#include "server/rpc/event_stream.h"
#include "server/rpc/export_stream.h"
#include "server/rpc/lookup.h"
#include "server/rpc/page_token.h"
#include "server/rpc/probe_calls.h"
#include "server/rpc/unary.h"
#include "server/rpc/validate.h"

namespace imprint::rpc {
namespace {

using google::protobuf::util::TimeUtil;

// Rows of jobs read at once: one may name a hundred thousand experiences.
constexpr int kReadAhead = 32;

absl::Status GetStatus(const ServiceDeps& deps, v1::GetStatusResponse* response) {
  response->set_version(deps.versions->current()->number);
  for (int64_t number : deps.versions->Live()) response->add_live_versions(number);
  response->set_updates_paused(deps.updater->paused());
  response->set_updates_stopped_reason(deps.updater->stopped_reason());
  if (std::optional<update::Updater::Running> running = deps.updater->running()) {
    response->set_running_job(FormatResourceName(kJobs, running->job.id()));
  }
  if (const std::optional<int64_t> job = deps.updater->awaiting_approval()) {
    response->set_job_awaiting_approval(FormatResourceName(kJobs, *job));
  }
  const experience::StateCounts counts = deps.log->Counts();
  response->set_queued(counts.queued);
  response->set_ready(counts.ready - counts.training);
  response->set_training(counts.training);
  response->set_integrated(counts.integrated);
  response->set_held(counts.held);
  response->set_quarantined(counts.quarantined);
  response->set_forgotten(counts.forgotten);
  IMPRINT_ASSIGN_OR_RETURN(const update::Updater::Forgetting forgetting,
                           deps.updater->forgetting());
  response->set_forgotten_in_weights(forgetting.in_weights);
  response->set_forgotten_in_files(forgetting.in_files);
  response->set_last_sequence(deps.log->last_sequence());
  if (std::optional<absl::Time> oldest = deps.log->OldestWaiting()) {
    const absl::Duration age = std::max(absl::ZeroDuration(), deps.clock->Now() - *oldest);
    *response->mutable_oldest_waiting_age() =
        TimeUtil::MicrosecondsToDuration(absl::ToInt64Microseconds(age));
  }
  const engine::EngineLoad load = deps.engine->load();
  response->set_running_queries(load.running);
  response->set_waiting_queries(load.waiting);
  if (const metrics::EngineMetrics* counted = deps.engine_metrics) {
    response->set_prompt_tokens(static_cast<int64_t>(counted->prompt_tokens->Value()));
    response->set_output_tokens(static_cast<int64_t>(counted->output_tokens->Value()));
  }
  response->set_model(deps.info.model);
  response->set_device(deps.info.device);
  response->set_dtype(deps.info.dtype);
  response->set_server_version(deps.info.version);
  *response->mutable_start_time() = ToTimestamp(absl::ToUnixMicros(deps.info.start_time));
  return absl::OkStatus();
}

absl::Status ListJobs(const ServiceDeps& deps, const v1::ListJobsRequest& request,
                      v1::ListJobsResponse* response) {
  IMPRINT_ASSIGN_OR_RETURN(Page page, ParsePage("jobs", request.page_size(), request.page_token()));
  const std::optional<update::Updater::Running> running = deps.updater->running();
  PageRoom room(page.size);
  int64_t before = page.position.value_or(0);
  while (true) {
    IMPRINT_ASSIGN_OR_RETURN(const std::vector<store::JobRecord> records,
                             deps.store->ListJobs(before, kReadAhead));
    if (records.empty()) return absl::OkStatus();
    for (const store::JobRecord& record : records) {
      v1::Job job = ToProto(record, running);
      if (!room.Take(job.ByteSizeLong())) {
        response->set_next_page_token(MakePageToken("jobs", before));
        return absl::OkStatus();
      }
      *response->add_jobs() = std::move(job);
      before = record.id();
    }
  }
}

absl::Status GetJob(const ServiceDeps& deps, int64_t id, v1::Job* job) {
  IMPRINT_ASSIGN_OR_RETURN(store::JobRecord record,
                           Found(deps.store->GetJob(id), ToAbsl(kJobs), id, kReasonJobNotFound));
  *job = ToProto(record, deps.updater->running(), kNamesInOne);
  return absl::OkStatus();
}

// Does `act`, one of the updater's commands, to the job of that name, and gives it as it is then.
absl::Status ChangeJob(const ServiceDeps& deps, const std::string& name,
                       absl::Status (update::Updater::*act)(int64_t), v1::Job* job) {
  IMPRINT_ASSIGN_OR_RETURN(int64_t id, ParseNameField("name", ToAbsl(kJobs), name));
  // First, so that an unknown job is told apart from one that is over.
  IMPRINT_RETURN_IF_ERROR(GetJob(deps, id, job));
  IMPRINT_RETURN_IF_ERROR((deps.updater->*act)(id));
  return GetJob(deps, id, job);
}

absl::Status RunUpdate(const ServiceDeps& deps, v1::RunUpdateResponse* response) {
  // What a commit integrated just now is told by the store already, and waits no more.
  IMPRINT_RETURN_IF_ERROR(deps.log->Refresh());
  IMPRINT_ASSIGN_OR_RETURN(int64_t last, deps.updater->RunNow());
  response->set_last_sequence(last);
  int64_t waiting = deps.log->CountQueued(last);
  for (const auto& ready : deps.log->Ready()) waiting += ready.sequence <= last ? 1 : 0;
  response->set_waiting(waiting);
  return absl::OkStatus();
}

absl::Status Rebuild(const ServiceDeps& deps, const v1::RebuildVersionRequest& request,
                     v1::RebuildVersionResponse* response) {
  std::optional<int64_t> anchor;
  if (!request.anchor().empty()) {
    IMPRINT_ASSIGN_OR_RETURN(anchor, ParseNameField("anchor", ToAbsl(kVersions), request.anchor()));
    if (*anchor != 0) {
      IMPRINT_RETURN_IF_ERROR(
          Found(deps.store->GetVersion(*anchor), ToAbsl(kVersions), *anchor, kReasonVersionNotFound)
              .status());
    }
  }
  IMPRINT_ASSIGN_OR_RETURN(const update::Updater::PlannedRebuild planned,
                           deps.updater->Rebuild(anchor, request.dry_run()));
  *response->mutable_cost() = ToProto(planned.cost);
  if (request.dry_run()) return absl::OkStatus();
  return GetJob(deps, planned.job, response->mutable_job());
}

VersionState StateOf(int64_t number, int64_t current, const std::vector<int64_t>& live) {
  return {number == current, std::find(live.begin(), live.end(), number) != live.end()};
}

absl::StatusOr<v1::Version> GetVersion(const ServiceDeps& deps, int64_t number) {
  const VersionState state =
      StateOf(number, deps.versions->current()->number, deps.versions->Live());
  if (number == 0) return BaseVersion(state);
  IMPRINT_ASSIGN_OR_RETURN(
      store::VersionRecord record,
      Found(deps.store->GetVersion(number), ToAbsl(kVersions), number, kReasonVersionNotFound));
  return ToProto(record, state);
}

absl::Status ListVersions(const ServiceDeps& deps, const v1::ListVersionsRequest& request,
                          v1::ListVersionsResponse* response) {
  IMPRINT_ASSIGN_OR_RETURN(Page page,
                           ParsePage("versions", request.page_size(), request.page_token()));
  IMPRINT_ASSIGN_OR_RETURN(std::vector<store::VersionRecord> records, deps.store->ListVersions());
  const int64_t current = deps.versions->current()->number;
  const std::vector<int64_t> live = deps.versions->Live();
  PageRoom room(page.size);
  auto add = [&](int64_t number, v1::Version version) {
    if (page.position.has_value() && number >= *page.position) return true;
    if (!room.Take(version.ByteSizeLong())) {
      response->set_next_page_token(
          MakePageToken("versions", response->versions().rbegin()->number()));
      return false;
    }
    *response->add_versions() = std::move(version);
    return true;
  };
  for (auto record = records.rbegin(); record != records.rend(); ++record) {
    const int64_t number = record->number();
    if (!add(number, ToProto(*record, StateOf(number, current, live)))) return absl::OkStatus();
  }
  add(0, BaseVersion(StateOf(0, current, live)));
  return absl::OkStatus();
}

absl::Status Rollback(const ServiceDeps& deps, const v1::RollbackVersionRequest& request,
                      v1::RollbackVersionResponse* response) {
  IMPRINT_ASSIGN_OR_RETURN(int64_t number,
                           ParseNameField("name", ToAbsl(kVersions), request.name()));
  IMPRINT_RETURN_IF_ERROR(GetVersion(deps, number).status());
  IMPRINT_ASSIGN_OR_RETURN(int64_t held, deps.updater->Rollback(number));
  response->set_held(held);
  IMPRINT_ASSIGN_OR_RETURN(*response->mutable_version(), GetVersion(deps, number));
  return absl::OkStatus();
}

absl::Status Release(const ServiceDeps& deps, const v1::ReleaseExperienceRequest& request,
                     v1::ReleaseExperienceResponse* response) {
  IMPRINT_ASSIGN_OR_RETURN(int64_t sequence,
                           ParseNameField("name", ToAbsl(kExperiences), request.name()));
  IMPRINT_ASSIGN_OR_RETURN(store::ExperienceRecord record,
                           Found(deps.log->Release(sequence), ToAbsl(kExperiences), sequence,
                                 kReasonExperienceNotFound));
  *response->mutable_experience() =
      ToProto(record, deps.log->IsTraining(sequence), Content::kWithout);
  return absl::OkStatus();
}

}  // namespace

grpc::ServerUnaryReactor* AdminServiceImpl::GetStatus(grpc::CallbackServerContext* context,
                                                      const v1::GetStatusRequest*,
                                                      v1::GetStatusResponse* response) {
  return RunOn(deps_.quick, context, [this, response] { return rpc::GetStatus(deps_, response); });
}

grpc::ServerUnaryReactor* AdminServiceImpl::ListJobs(grpc::CallbackServerContext* context,
                                                     const v1::ListJobsRequest* request,
                                                     v1::ListJobsResponse* response) {
  return RunOn(deps_.quick, context,
               [this, request, response] { return rpc::ListJobs(deps_, *request, response); });
}

grpc::ServerUnaryReactor* AdminServiceImpl::GetJob(grpc::CallbackServerContext* context,
                                                   const v1::GetJobRequest* request,
                                                   v1::GetJobResponse* response) {
  return RunOn(deps_.quick, context, [this, request, response]() -> absl::Status {
    IMPRINT_ASSIGN_OR_RETURN(int64_t id, ParseNameField("name", ToAbsl(kJobs), request->name()));
    return rpc::GetJob(deps_, id, response->mutable_job());
  });
}

grpc::ServerUnaryReactor* AdminServiceImpl::CancelJob(grpc::CallbackServerContext* context,
                                                      const v1::CancelJobRequest* request,
                                                      v1::CancelJobResponse* response) {
  return RunOn(deps_.quick, context, [this, request, response] {
    return ChangeJob(deps_, request->name(), &update::Updater::Cancel, response->mutable_job());
  });
}

grpc::ServerUnaryReactor* AdminServiceImpl::ApproveJob(grpc::CallbackServerContext* context,
                                                       const v1::ApproveJobRequest* request,
                                                       v1::ApproveJobResponse* response) {
  return RunOn(deps_.slow, context, [this, request, response] {
    return ChangeJob(deps_, request->name(), &update::Updater::Approve, response->mutable_job());
  });
}

grpc::ServerUnaryReactor* AdminServiceImpl::DropJob(grpc::CallbackServerContext* context,
                                                    const v1::DropJobRequest* request,
                                                    v1::DropJobResponse* response) {
  return RunOn(deps_.slow, context, [this, request, response] {
    return ChangeJob(deps_, request->name(), &update::Updater::Drop, response->mutable_job());
  });
}

grpc::ServerUnaryReactor* AdminServiceImpl::PauseUpdates(grpc::CallbackServerContext* context,
                                                         const v1::PauseUpdatesRequest*,
                                                         v1::PauseUpdatesResponse*) {
  return RunOn(deps_.quick, context, [this] { return deps_.updater->Pause(); });
}

grpc::ServerUnaryReactor* AdminServiceImpl::ResumeUpdates(grpc::CallbackServerContext* context,
                                                          const v1::ResumeUpdatesRequest*,
                                                          v1::ResumeUpdatesResponse*) {
  return RunOn(deps_.quick, context, [this] { return deps_.updater->Resume(); });
}

grpc::ServerUnaryReactor* AdminServiceImpl::RunUpdate(grpc::CallbackServerContext* context,
                                                      const v1::RunUpdateRequest*,
                                                      v1::RunUpdateResponse* response) {
  return RunOn(deps_.quick, context, [this, response] { return rpc::RunUpdate(deps_, response); });
}

grpc::ServerUnaryReactor* AdminServiceImpl::RebuildVersion(grpc::CallbackServerContext* context,
                                                           const v1::RebuildVersionRequest* request,
                                                           v1::RebuildVersionResponse* response) {
  return RunOn(deps_.slow, context,
               [this, request, response] { return Rebuild(deps_, *request, response); });
}

grpc::ServerUnaryReactor* AdminServiceImpl::ListVersions(grpc::CallbackServerContext* context,
                                                         const v1::ListVersionsRequest* request,
                                                         v1::ListVersionsResponse* response) {
  return RunOn(deps_.quick, context,
               [this, request, response] { return rpc::ListVersions(deps_, *request, response); });
}

grpc::ServerUnaryReactor* AdminServiceImpl::GetVersion(grpc::CallbackServerContext* context,
                                                       const v1::GetVersionRequest* request,
                                                       v1::GetVersionResponse* response) {
  return RunOn(deps_.quick, context, [this, request, response]() -> absl::Status {
    IMPRINT_ASSIGN_OR_RETURN(int64_t number,
                             ParseNameField("name", ToAbsl(kVersions), request->name()));
    IMPRINT_ASSIGN_OR_RETURN(*response->mutable_version(), rpc::GetVersion(deps_, number));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* AdminServiceImpl::RollbackVersion(
    grpc::CallbackServerContext* context, const v1::RollbackVersionRequest* request,
    v1::RollbackVersionResponse* response) {
  return RunOn(deps_.slow, context,
               [this, request, response] { return Rollback(deps_, *request, response); });
}

grpc::ServerUnaryReactor* AdminServiceImpl::CreateProbe(grpc::CallbackServerContext* context,
                                                        const v1::CreateProbeRequest* request,
                                                        v1::CreateProbeResponse* response) {
  return RunLongOn(deps_.slow, context, [this, request, response](const auto& cancelled) {
    return rpc::CreateProbe(deps_, *request, cancelled, response);
  });
}

grpc::ServerUnaryReactor* AdminServiceImpl::ListProbes(grpc::CallbackServerContext* context,
                                                       const v1::ListProbesRequest* request,
                                                       v1::ListProbesResponse* response) {
  return RunOn(deps_.quick, context,
               [this, request, response] { return rpc::ListProbes(deps_, *request, response); });
}

grpc::ServerUnaryReactor* AdminServiceImpl::DeleteProbe(grpc::CallbackServerContext* context,
                                                        const v1::DeleteProbeRequest* request,
                                                        v1::DeleteProbeResponse*) {
  return RunOn(deps_.quick, context, [this, request] { return rpc::DeleteProbe(deps_, *request); });
}

grpc::ServerUnaryReactor* AdminServiceImpl::RunProbes(grpc::CallbackServerContext* context,
                                                      const v1::RunProbesRequest* request,
                                                      v1::RunProbesResponse* response) {
  return RunLongOn(deps_.slow, context, [this, request, response](const auto& cancelled) {
    return rpc::RunProbes(deps_, *request, cancelled, response);
  });
}

grpc::ServerUnaryReactor* AdminServiceImpl::ReleaseExperience(
    grpc::CallbackServerContext* context, const v1::ReleaseExperienceRequest* request,
    v1::ReleaseExperienceResponse* response) {
  return RunOn(deps_.quick, context,
               [this, request, response] { return Release(deps_, *request, response); });
}

grpc::ServerUnaryReactor* AdminServiceImpl::CreateBackup(grpc::CallbackServerContext* context,
                                                         const v1::CreateBackupRequest*,
                                                         v1::CreateBackupResponse* response) {
  return RunLongOn(deps_.slow, context, [this, response](const auto& cancelled) {
    return rpc::CreateBackup(deps_, cancelled, response);
  });
}

grpc::ServerUnaryReactor* AdminServiceImpl::ListBackups(grpc::CallbackServerContext* context,
                                                        const v1::ListBackupsRequest* request,
                                                        v1::ListBackupsResponse* response) {
  return RunOn(deps_.slow, context,
               [this, request, response] { return rpc::ListBackups(deps_, *request, response); });
}

grpc::ServerUnaryReactor* AdminServiceImpl::DeleteBackup(grpc::CallbackServerContext* context,
                                                         const v1::DeleteBackupRequest* request,
                                                         v1::DeleteBackupResponse*) {
  return RunOn(deps_.slow, context, [this, request] { return rpc::DeleteBackup(deps_, *request); });
}

grpc::ServerWriteReactor<v1::StreamEventsResponse>* AdminServiceImpl::StreamEvents(
    grpc::CallbackServerContext*, const v1::StreamEventsRequest* request) {
  return EventStream::Make(deps_.events, request->after_id());
}

grpc::ServerWriteReactor<v1::ExportVersionResponse>* AdminServiceImpl::ExportVersion(
    grpc::CallbackServerContext*, const v1::ExportVersionRequest* request) {
  return ExportStream::Make(&deps_, *request, &exporting_);
}

}  // namespace imprint::rpc
