// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/rpc/guarded_services.h"

#include "server/rpc/access.h"
#include "server/rpc/errors.h"
#include "server/rpc/unary.h"

namespace imprint::rpc {
namespace {

constexpr const char* kImprint = v1::ImprintService::service_full_name();
constexpr const char* kAdmin = v1::AdminService::service_full_name();

// Answers at once with an error. Owns itself until gRPC is done with it.
template <typename Response>
class RefusedStream final : public grpc::ServerWriteReactor<Response> {
 public:
  explicit RefusedStream(const absl::Status& status) { this->Finish(ToGrpcStatus(status)); }

 private:
  void OnDone() override { delete this; }
};

// The call of one method: refused by the guard, or handed on to `service`.
template <typename Service>
class GuardedCall {
 public:
  GuardedCall(Service& service, const Guard& guard, grpc::CallbackServerContext* context,
              const char* service_name, absl::string_view method, const CallTraits& traits = {})
      : service_(service),
        context_(context),
        status_(guard.Check(*context, FindAccess(service_name, method), traits)) {}

  template <typename Request, typename Response>
  grpc::ServerUnaryReactor* Unary(grpc::ServerUnaryReactor* (Service::*call)(
                                      grpc::CallbackServerContext*, const Request*, Response*),
                                  const Request* request, Response* response) {
    if (!status_.ok()) return Answer(context_, status_);
    return (service_.*call)(context_, request, response);
  }

  template <typename Request, typename Response>
  grpc::ServerWriteReactor<Response>* Stream(grpc::ServerWriteReactor<Response>* (Service::*call)(
                                                 grpc::CallbackServerContext*, const Request*),
                                             const Request* request) {
    if (!status_.ok()) return new RefusedStream<Response>(status_);
    return (service_.*call)(context_, request);
  }

 private:
  Service& service_;
  grpc::CallbackServerContext* const context_;
  const absl::Status status_;
};

}  // namespace

grpc::ServerUnaryReactor* GuardedImprintService::InjectContext(
    grpc::CallbackServerContext* context, const v1::InjectContextRequest* request,
    v1::InjectContextResponse* response) {
  return GuardedCall(service_, guard_, context, kImprint, "InjectContext",
                     {.inject_bytes = static_cast<int64_t>(request->ByteSizeLong())})
      .Unary(&ImprintServiceImpl::InjectContext, request, response);
}

grpc::ServerWriteReactor<v1::QueryResponse>* GuardedImprintService::Query(
    grpc::CallbackServerContext* context, const v1::QueryRequest* request) {
  return GuardedCall(service_, guard_, context, kImprint, "Query")
      .Stream(&ImprintServiceImpl::Query, request);
}

grpc::ServerUnaryReactor* GuardedImprintService::Score(grpc::CallbackServerContext* context,
                                                       const v1::ScoreRequest* request,
                                                       v1::ScoreResponse* response) {
  return GuardedCall(service_, guard_, context, kImprint, "Score")
      .Unary(&ImprintServiceImpl::Score, request, response);
}

grpc::ServerUnaryReactor* GuardedImprintService::GetExperience(
    grpc::CallbackServerContext* context, const v1::GetExperienceRequest* request,
    v1::GetExperienceResponse* response) {
  return GuardedCall(service_, guard_, context, kImprint, "GetExperience",
                     {.state_alone = request->view() == v1::EXPERIENCE_VIEW_STATE})
      .Unary(&ImprintServiceImpl::GetExperience, request, response);
}

grpc::ServerUnaryReactor* GuardedImprintService::ListExperiences(
    grpc::CallbackServerContext* context, const v1::ListExperiencesRequest* request,
    v1::ListExperiencesResponse* response) {
  return GuardedCall(service_, guard_, context, kImprint, "ListExperiences")
      .Unary(&ImprintServiceImpl::ListExperiences, request, response);
}

grpc::ServerUnaryReactor* GuardedImprintService::ForgetExperience(
    grpc::CallbackServerContext* context, const v1::ForgetExperienceRequest* request,
    v1::ForgetExperienceResponse* response) {
  return GuardedCall(service_, guard_, context, kImprint, "ForgetExperience")
      .Unary(&ImprintServiceImpl::ForgetExperience, request, response);
}

grpc::ServerUnaryReactor* GuardedAdminService::GetStatus(grpc::CallbackServerContext* context,
                                                         const v1::GetStatusRequest* request,
                                                         v1::GetStatusResponse* response) {
  return GuardedCall(service_, guard_, context, kAdmin, "GetStatus")
      .Unary(&AdminServiceImpl::GetStatus, request, response);
}

grpc::ServerUnaryReactor* GuardedAdminService::ListJobs(grpc::CallbackServerContext* context,
                                                        const v1::ListJobsRequest* request,
                                                        v1::ListJobsResponse* response) {
  return GuardedCall(service_, guard_, context, kAdmin, "ListJobs")
      .Unary(&AdminServiceImpl::ListJobs, request, response);
}

grpc::ServerUnaryReactor* GuardedAdminService::GetJob(grpc::CallbackServerContext* context,
                                                      const v1::GetJobRequest* request,
                                                      v1::GetJobResponse* response) {
  return GuardedCall(service_, guard_, context, kAdmin, "GetJob")
      .Unary(&AdminServiceImpl::GetJob, request, response);
}

grpc::ServerUnaryReactor* GuardedAdminService::CancelJob(grpc::CallbackServerContext* context,
                                                         const v1::CancelJobRequest* request,
                                                         v1::CancelJobResponse* response) {
  return GuardedCall(service_, guard_, context, kAdmin, "CancelJob")
      .Unary(&AdminServiceImpl::CancelJob, request, response);
}

grpc::ServerUnaryReactor* GuardedAdminService::ApproveJob(grpc::CallbackServerContext* context,
                                                          const v1::ApproveJobRequest* request,
                                                          v1::ApproveJobResponse* response) {
  return GuardedCall(service_, guard_, context, kAdmin, "ApproveJob")
      .Unary(&AdminServiceImpl::ApproveJob, request, response);
}

grpc::ServerUnaryReactor* GuardedAdminService::DropJob(grpc::CallbackServerContext* context,
                                                       const v1::DropJobRequest* request,
                                                       v1::DropJobResponse* response) {
  return GuardedCall(service_, guard_, context, kAdmin, "DropJob")
      .Unary(&AdminServiceImpl::DropJob, request, response);
}

grpc::ServerUnaryReactor* GuardedAdminService::PauseUpdates(grpc::CallbackServerContext* context,
                                                            const v1::PauseUpdatesRequest* request,
                                                            v1::PauseUpdatesResponse* response) {
  return GuardedCall(service_, guard_, context, kAdmin, "PauseUpdates")
      .Unary(&AdminServiceImpl::PauseUpdates, request, response);
}

grpc::ServerUnaryReactor* GuardedAdminService::ResumeUpdates(
    grpc::CallbackServerContext* context, const v1::ResumeUpdatesRequest* request,
    v1::ResumeUpdatesResponse* response) {
  return GuardedCall(service_, guard_, context, kAdmin, "ResumeUpdates")
      .Unary(&AdminServiceImpl::ResumeUpdates, request, response);
}

grpc::ServerUnaryReactor* GuardedAdminService::RunUpdate(grpc::CallbackServerContext* context,
                                                         const v1::RunUpdateRequest* request,
                                                         v1::RunUpdateResponse* response) {
  return GuardedCall(service_, guard_, context, kAdmin, "RunUpdate")
      .Unary(&AdminServiceImpl::RunUpdate, request, response);
}

grpc::ServerUnaryReactor* GuardedAdminService::RebuildVersion(
    grpc::CallbackServerContext* context, const v1::RebuildVersionRequest* request,
    v1::RebuildVersionResponse* response) {
  return GuardedCall(service_, guard_, context, kAdmin, "RebuildVersion")
      .Unary(&AdminServiceImpl::RebuildVersion, request, response);
}

grpc::ServerUnaryReactor* GuardedAdminService::ListVersions(grpc::CallbackServerContext* context,
                                                            const v1::ListVersionsRequest* request,
                                                            v1::ListVersionsResponse* response) {
  return GuardedCall(service_, guard_, context, kAdmin, "ListVersions")
      .Unary(&AdminServiceImpl::ListVersions, request, response);
}

grpc::ServerUnaryReactor* GuardedAdminService::GetVersion(grpc::CallbackServerContext* context,
                                                          const v1::GetVersionRequest* request,
                                                          v1::GetVersionResponse* response) {
  return GuardedCall(service_, guard_, context, kAdmin, "GetVersion")
      .Unary(&AdminServiceImpl::GetVersion, request, response);
}

grpc::ServerUnaryReactor* GuardedAdminService::RollbackVersion(
    grpc::CallbackServerContext* context, const v1::RollbackVersionRequest* request,
    v1::RollbackVersionResponse* response) {
  return GuardedCall(service_, guard_, context, kAdmin, "RollbackVersion")
      .Unary(&AdminServiceImpl::RollbackVersion, request, response);
}

grpc::ServerUnaryReactor* GuardedAdminService::CreateProbe(grpc::CallbackServerContext* context,
                                                           const v1::CreateProbeRequest* request,
                                                           v1::CreateProbeResponse* response) {
  return GuardedCall(service_, guard_, context, kAdmin, "CreateProbe")
      .Unary(&AdminServiceImpl::CreateProbe, request, response);
}

grpc::ServerUnaryReactor* GuardedAdminService::ListProbes(grpc::CallbackServerContext* context,
                                                          const v1::ListProbesRequest* request,
                                                          v1::ListProbesResponse* response) {
  return GuardedCall(service_, guard_, context, kAdmin, "ListProbes")
      .Unary(&AdminServiceImpl::ListProbes, request, response);
}

grpc::ServerUnaryReactor* GuardedAdminService::DeleteProbe(grpc::CallbackServerContext* context,
                                                           const v1::DeleteProbeRequest* request,
                                                           v1::DeleteProbeResponse* response) {
  return GuardedCall(service_, guard_, context, kAdmin, "DeleteProbe")
      .Unary(&AdminServiceImpl::DeleteProbe, request, response);
}

grpc::ServerUnaryReactor* GuardedAdminService::RunProbes(grpc::CallbackServerContext* context,
                                                         const v1::RunProbesRequest* request,
                                                         v1::RunProbesResponse* response) {
  return GuardedCall(service_, guard_, context, kAdmin, "RunProbes")
      .Unary(&AdminServiceImpl::RunProbes, request, response);
}

grpc::ServerUnaryReactor* GuardedAdminService::ReleaseExperience(
    grpc::CallbackServerContext* context, const v1::ReleaseExperienceRequest* request,
    v1::ReleaseExperienceResponse* response) {
  return GuardedCall(service_, guard_, context, kAdmin, "ReleaseExperience")
      .Unary(&AdminServiceImpl::ReleaseExperience, request, response);
}

grpc::ServerWriteReactor<v1::StreamEventsResponse>* GuardedAdminService::StreamEvents(
    grpc::CallbackServerContext* context, const v1::StreamEventsRequest* request) {
  return GuardedCall(service_, guard_, context, kAdmin, "StreamEvents")
      .Stream(&AdminServiceImpl::StreamEvents, request);
}

grpc::ServerUnaryReactor* GuardedAdminService::CreateBackup(grpc::CallbackServerContext* context,
                                                            const v1::CreateBackupRequest* request,
                                                            v1::CreateBackupResponse* response) {
  return GuardedCall(service_, guard_, context, kAdmin, "CreateBackup")
      .Unary(&AdminServiceImpl::CreateBackup, request, response);
}

grpc::ServerUnaryReactor* GuardedAdminService::ListBackups(grpc::CallbackServerContext* context,
                                                           const v1::ListBackupsRequest* request,
                                                           v1::ListBackupsResponse* response) {
  return GuardedCall(service_, guard_, context, kAdmin, "ListBackups")
      .Unary(&AdminServiceImpl::ListBackups, request, response);
}

grpc::ServerUnaryReactor* GuardedAdminService::DeleteBackup(grpc::CallbackServerContext* context,
                                                            const v1::DeleteBackupRequest* request,
                                                            v1::DeleteBackupResponse* response) {
  return GuardedCall(service_, guard_, context, kAdmin, "DeleteBackup")
      .Unary(&AdminServiceImpl::DeleteBackup, request, response);
}

grpc::ServerWriteReactor<v1::ExportVersionResponse>* GuardedAdminService::ExportVersion(
    grpc::CallbackServerContext* context, const v1::ExportVersionRequest* request) {
  return GuardedCall(service_, guard_, context, kAdmin, "ExportVersion")
      .Stream(&AdminServiceImpl::ExportVersion, request);
}

}  // namespace imprint::rpc
