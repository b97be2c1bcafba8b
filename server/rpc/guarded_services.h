// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// The two services as callers reach them: the guard is asked, then the service. A method that is
// missing here is never handed on: gRPC's UNIMPLEMENTED without a word, which CallObserver takes
// for an unreadable request (INVALID_ARGUMENT).

#ifndef IMPRINT_SERVER_RPC_GUARDED_SERVICES_H_
#define IMPRINT_SERVER_RPC_GUARDED_SERVICES_H_

#include "imprint/v1/admin_service.grpc.pb.h"
#include "imprint/v1/imprint_service.grpc.pb.h"
#include "server/rpc/admin_service.h"
#include "server/rpc/guard.h"
#include "server/rpc/imprint_service.h"

namespace imprint::rpc {

class GuardedImprintService final : public v1::ImprintService::CallbackService {
 public:
  // Both outlive it.
  GuardedImprintService(ImprintServiceImpl* service, const Guard* guard)
      : service_(*service), guard_(*guard) {}

  grpc::ServerUnaryReactor* InjectContext(grpc::CallbackServerContext* context,
                                          const v1::InjectContextRequest* request,
                                          v1::InjectContextResponse* response) override;
  grpc::ServerWriteReactor<v1::QueryResponse>* Query(grpc::CallbackServerContext* context,
                                                     const v1::QueryRequest* request) override;
  grpc::ServerUnaryReactor* Score(grpc::CallbackServerContext* context,
                                  const v1::ScoreRequest* request,
                                  v1::ScoreResponse* response) override;
  grpc::ServerUnaryReactor* GetExperience(grpc::CallbackServerContext* context,
                                          const v1::GetExperienceRequest* request,
                                          v1::GetExperienceResponse* response) override;
  grpc::ServerUnaryReactor* ListExperiences(grpc::CallbackServerContext* context,
                                            const v1::ListExperiencesRequest* request,
                                            v1::ListExperiencesResponse* response) override;
  grpc::ServerUnaryReactor* ForgetExperience(grpc::CallbackServerContext* context,
                                             const v1::ForgetExperienceRequest* request,
                                             v1::ForgetExperienceResponse* response) override;

 private:
  ImprintServiceImpl& service_;
  const Guard& guard_;
};

class GuardedAdminService final : public v1::AdminService::CallbackService {
 public:
  // Both outlive it.
  GuardedAdminService(AdminServiceImpl* service, const Guard* guard)
      : service_(*service), guard_(*guard) {}

  grpc::ServerUnaryReactor* GetStatus(grpc::CallbackServerContext* context,
                                      const v1::GetStatusRequest* request,
                                      v1::GetStatusResponse* response) override;
  grpc::ServerUnaryReactor* ListJobs(grpc::CallbackServerContext* context,
                                     const v1::ListJobsRequest* request,
                                     v1::ListJobsResponse* response) override;
  grpc::ServerUnaryReactor* GetJob(grpc::CallbackServerContext* context,
                                   const v1::GetJobRequest* request,
                                   v1::GetJobResponse* response) override;
  grpc::ServerUnaryReactor* CancelJob(grpc::CallbackServerContext* context,
                                      const v1::CancelJobRequest* request,
                                      v1::CancelJobResponse* response) override;
  grpc::ServerUnaryReactor* ApproveJob(grpc::CallbackServerContext* context,
                                       const v1::ApproveJobRequest* request,
                                       v1::ApproveJobResponse* response) override;
  grpc::ServerUnaryReactor* DropJob(grpc::CallbackServerContext* context,
                                    const v1::DropJobRequest* request,
                                    v1::DropJobResponse* response) override;
  grpc::ServerUnaryReactor* PauseUpdates(grpc::CallbackServerContext* context,
                                         const v1::PauseUpdatesRequest* request,
                                         v1::PauseUpdatesResponse* response) override;
  grpc::ServerUnaryReactor* ResumeUpdates(grpc::CallbackServerContext* context,
                                          const v1::ResumeUpdatesRequest* request,
                                          v1::ResumeUpdatesResponse* response) override;
  grpc::ServerUnaryReactor* RunUpdate(grpc::CallbackServerContext* context,
                                      const v1::RunUpdateRequest* request,
                                      v1::RunUpdateResponse* response) override;
  grpc::ServerUnaryReactor* RebuildVersion(grpc::CallbackServerContext* context,
                                           const v1::RebuildVersionRequest* request,
                                           v1::RebuildVersionResponse* response) override;
  grpc::ServerUnaryReactor* ListVersions(grpc::CallbackServerContext* context,
                                         const v1::ListVersionsRequest* request,
                                         v1::ListVersionsResponse* response) override;
  grpc::ServerUnaryReactor* GetVersion(grpc::CallbackServerContext* context,
                                       const v1::GetVersionRequest* request,
                                       v1::GetVersionResponse* response) override;
  grpc::ServerUnaryReactor* RollbackVersion(grpc::CallbackServerContext* context,
                                            const v1::RollbackVersionRequest* request,
                                            v1::RollbackVersionResponse* response) override;
  grpc::ServerUnaryReactor* CreateProbe(grpc::CallbackServerContext* context,
                                        const v1::CreateProbeRequest* request,
                                        v1::CreateProbeResponse* response) override;
  grpc::ServerUnaryReactor* ListProbes(grpc::CallbackServerContext* context,
                                       const v1::ListProbesRequest* request,
                                       v1::ListProbesResponse* response) override;
  grpc::ServerUnaryReactor* DeleteProbe(grpc::CallbackServerContext* context,
                                        const v1::DeleteProbeRequest* request,
                                        v1::DeleteProbeResponse* response) override;
  grpc::ServerUnaryReactor* RunProbes(grpc::CallbackServerContext* context,
                                      const v1::RunProbesRequest* request,
                                      v1::RunProbesResponse* response) override;
  grpc::ServerUnaryReactor* ReleaseExperience(grpc::CallbackServerContext* context,
                                              const v1::ReleaseExperienceRequest* request,
                                              v1::ReleaseExperienceResponse* response) override;
  grpc::ServerWriteReactor<v1::StreamEventsResponse>* StreamEvents(
      grpc::CallbackServerContext* context, const v1::StreamEventsRequest* request) override;
  grpc::ServerUnaryReactor* CreateBackup(grpc::CallbackServerContext* context,
                                         const v1::CreateBackupRequest* request,
                                         v1::CreateBackupResponse* response) override;
  grpc::ServerUnaryReactor* ListBackups(grpc::CallbackServerContext* context,
                                        const v1::ListBackupsRequest* request,
                                        v1::ListBackupsResponse* response) override;
  grpc::ServerUnaryReactor* DeleteBackup(grpc::CallbackServerContext* context,
                                         const v1::DeleteBackupRequest* request,
                                         v1::DeleteBackupResponse* response) override;
  grpc::ServerWriteReactor<v1::ExportVersionResponse>* ExportVersion(
      grpc::CallbackServerContext* context, const v1::ExportVersionRequest* request) override;

 private:
  AdminServiceImpl& service_;
  const Guard& guard_;
};

}  // namespace imprint::rpc

#endif  // IMPRINT_SERVER_RPC_GUARDED_SERVICES_H_
