// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/cli/calls.h"

namespace imprint::client {

grpc::Status GetStatus(const Command& command, v1::GetStatusResponse& status) {
  grpc::ClientContext context;
  command.client->Prepare(context);
  return command.client->admin().GetStatus(&context, {}, &status);
}

grpc::Status GetExperience(const Command& command, const std::string& name, v1::ExperienceView view,
                           v1::Experience& experience) {
  grpc::ClientContext context;
  command.client->Prepare(context);
  v1::GetExperienceRequest request;
  request.set_name(name);
  request.set_view(view);
  v1::GetExperienceResponse response;
  const grpc::Status status = command.client->imprint().GetExperience(&context, request, &response);
  if (status.ok()) experience.Swap(response.mutable_experience());
  return status;
}

grpc::Status GetJob(const Command& command, const std::string& name, v1::Job& job) {
  grpc::ClientContext context;
  command.client->Prepare(context);
  v1::GetJobRequest request;
  request.set_name(name);
  v1::GetJobResponse response;
  const grpc::Status status = command.client->admin().GetJob(&context, request, &response);
  if (status.ok()) job.Swap(response.mutable_job());
  return status;
}

grpc::Status ListJobs(const Command& command, int64_t limit, std::vector<v1::Job>& jobs) {
  return ListAll<v1::ListJobsRequest, v1::ListJobsResponse, v1::Job>(
      *command.client, {}, limit,
      [&command](auto& context, const auto& page, auto* response) {
        return command.client->admin().ListJobs(&context, page, response);
      },
      &v1::ListJobsResponse::mutable_jobs, jobs);
}

grpc::Status ListVersions(const Command& command, int64_t limit,
                          std::vector<v1::Version>& versions) {
  return ListAll<v1::ListVersionsRequest, v1::ListVersionsResponse, v1::Version>(
      *command.client, {}, limit,
      [&command](auto& context, const auto& page, auto* response) {
        return command.client->admin().ListVersions(&context, page, response);
      },
      &v1::ListVersionsResponse::mutable_versions, versions);
}

grpc::Status RunProbes(const Command& command, const v1::VersionSelector& version,
                       const std::vector<std::string>& experiences,
                       v1::RunProbesResponse& response) {
  grpc::ClientContext context;
  command.client->PrepareLong(context);
  v1::RunProbesRequest request;
  if (version.has_number()) request.set_version(version.number());
  if (version.has_base()) request.set_version(0);
  for (const std::string& name : experiences) {
    request.add_experiences(ResourceName("experiences", name));
  }
  return command.client->admin().RunProbes(&context, request, &response);
}

}  // namespace imprint::client
