// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/cli/covered.h"

#include <functional>
#include <utility>

#include "client/cli/wait.h"

namespace imprint::client {
namespace {

grpc::Status ForEach(const Command& command, const v1::ListExperiencesRequest& request,
                     const std::function<void(v1::Experience&)>& visit) {
  return ListEach<v1::ListExperiencesRequest, v1::ListExperiencesResponse, v1::Experience>(
      *command.client, request, /*limit=*/0,
      [&command](auto& context, const auto& page, auto* response) {
        return command.client->imprint().ListExperiences(&context, page, response);
      },
      &v1::ListExperiencesResponse::mutable_experiences, visit);
}

bool IsUntouched(const v1::Experience& experience, const ExperiencesByName& before) {
  const auto found = before.find(experience.name());
  if (found == before.end()) return false;
  const v1::Experience& earlier = found->second;
  return earlier.state() == experience.state() &&
         earlier.update_time().seconds() == experience.update_time().seconds() &&
         earlier.update_time().nanos() == experience.update_time().nanos();
}

}  // namespace

grpc::Status ListSetAside(const Command& command, ExperiencesByName& out) {
  for (const v1::ExperienceState state :
       {v1::EXPERIENCE_STATE_HELD, v1::EXPERIENCE_STATE_QUARANTINED,
        v1::EXPERIENCE_STATE_FORGOTTEN}) {
    v1::ListExperiencesRequest request;
    request.set_state(state);
    const grpc::Status status = ForEach(command, request, [&out](v1::Experience& experience) {
      experience.clear_content();
      const std::string name = experience.name();
      out[name] = std::move(experience);
    });
    if (!status.ok()) return status;
  }
  return grpc::Status::OK;
}

grpc::Status ListCovered(const Command& command, int64_t last_sequence,
                         const ExperiencesByName& before, Covered& out) {
  return ForEach(command, {}, [&](v1::Experience& experience) {
    if (experience.sequence() > last_sequence) return;
    if (experience.state() == v1::EXPERIENCE_STATE_INTEGRATED) return;
    experience.clear_content();
    auto& list =
        IsSetAside(experience) && IsUntouched(experience, before) ? out.set_aside : out.waited_for;
    list.push_back(std::move(experience));
  });
}

}  // namespace imprint::client
