// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// What an agent backend calls. Validates, translates, hands on; no logic.

#ifndef IMPRINT_SERVER_RPC_IMPRINT_SERVICE_H_
#define IMPRINT_SERVER_RPC_IMPRINT_SERVICE_H_

#include <functional>

#include "imprint/v1/imprint_service.grpc.pb.h"
#include "server/rpc/service_deps.h"

namespace imprint::rpc {

// Experiences that ListExperiences looks at for one page: where few of many fit the filter, a
// page ends with fewer than asked for.
inline constexpr int kMaxRowsPerPage = 10'000;
// Of an answer with target sentences and probes: with what is around them it stays under what
// clients receive by default (4 MiB).
inline constexpr size_t kMaxFullBytes = size_t{3} << 20;

class ImprintServiceImpl final : public v1::ImprintService::CallbackService {
 public:
  // `deps` outlives the service.
  explicit ImprintServiceImpl(const ServiceDeps* deps) : deps_(*deps) {}

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
  absl::Status ForgetExperienceNow(const v1::ForgetExperienceRequest& request,
                                   v1::ForgetExperienceResponse* response) const;
  absl::Status GetExperienceNow(const v1::GetExperienceRequest& request,
                                v1::GetExperienceResponse* response) const;
  absl::Status AddTargetsAndProbes(int64_t sequence, v1::Experience& experience) const;
  absl::Status ListExperiencesNow(const v1::ListExperiencesRequest& request,
                                  const std::function<bool()>& cancelled,
                                  v1::ListExperiencesResponse* response) const;

  const ServiceDeps& deps_;
};

}  // namespace imprint::rpc

#endif  // IMPRINT_SERVER_RPC_IMPRINT_SERVICE_H_
