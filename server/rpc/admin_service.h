// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// What an operator calls. Validates, translates, hands on; no logic.

#ifndef IMPRINT_SERVER_RPC_ADMIN_SERVICE_H_
#define IMPRINT_SERVER_RPC_ADMIN_SERVICE_H_

#include <atomic>

#include "imprint/v1/admin_service.grpc.pb.h"
#include "server/rpc/service_deps.h"

namespace imprint::rpc {

class AdminServiceImpl final : public v1::AdminService::CallbackService {
 public:
  // `deps` outlives the service.
  explicit AdminServiceImpl(const ServiceDeps* deps) : deps_(*deps) {}

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
  const ServiceDeps& deps_;
  // One at a time: a version that is not live is merged for it.
  std::atomic<bool> exporting_{false};
};

}  // namespace imprint::rpc

#endif  // IMPRINT_SERVER_RPC_ADMIN_SERVICE_H_
