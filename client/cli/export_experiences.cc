// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/cli/export_experiences.h"

#include <algorithm>
#include <iostream>
#include <utility>

#include "absl/time/clock.h"
#include "client/cli/calls.h"

namespace imprint::client {
namespace {

using nlohmann::ordered_json;

void AddContent(const v1::ExperienceContent& content, ordered_json& item) {
  if (content.has_text()) {
    item["text"] = content.text();
    return;
  }
  for (const v1::ChatMessage& message : content.conversation().messages()) {
    item["messages"].push_back({{"role", message.role()}, {"content", message.content()}});
  }
}

void AddCallersOwn(const v1::Experience& experience, ordered_json& item) {
  for (const v1::StoredTarget& target : experience.targets()) {
    if (target.kind() != "caller") continue;
    if (target.prompt().empty()) {
      item["targets"].push_back({{"text", target.text()}});
    } else {
      item["targets"].push_back({{"question", target.prompt()}, {"answer", target.text()}});
    }
  }
  for (const v1::Probe& probe : experience.probes()) {
    if (probe.origin() != "caller") continue;
    ordered_json& added = item["probes"].emplace_back();
    added["question"] = probe.question();
    if (!probe.expected_answer().empty()) added["expected_answer"] = probe.expected_answer();
  }
}

// What the experience is still to replace, by request_id: a name means nothing in another log.
grpc::Status FindSuperseded(const Command& command, const v1::Experience& experience,
                            std::string* request_id) {
  if (experience.supersedes().empty()) return grpc::Status::OK;
  v1::Experience older;
  const grpc::Status status =
      GetExperience(command, experience.supersedes(), v1::EXPERIENCE_VIEW_STATE, older);
  if (status.ok() && older.state() != v1::EXPERIENCE_STATE_FORGOTTEN) {
    *request_id = older.request_id();
  }
  return status;
}

grpc::Status ExportOne(const Command& command, const std::string& name) {
  v1::Experience experience;
  grpc::Status status = GetExperience(command, name, v1::EXPERIENCE_VIEW_FULL, experience);
  // Forgotten since it was listed.
  if (!status.ok() || experience.state() == v1::EXPERIENCE_STATE_FORGOTTEN) return status;
  std::string supersedes;
  status = FindSuperseded(command, experience, &supersedes);
  if (!status.ok()) return status;
  std::cout << ToInjectItem(experience, supersedes, absl::Now()).dump() << "\n";
  return grpc::Status::OK;
}

}  // namespace

ordered_json ToInjectItem(const v1::Experience& experience, const std::string& supersedes,
                          absl::Time now) {
  ordered_json item;
  item["request_id"] = experience.request_id();
  AddContent(experience.content(), item);
  for (const auto& [key, value] : experience.labels()) item["labels"][key] = value;
  AddCallersOwn(experience, item);
  if (experience.has_expire_time()) {
    const absl::Duration left = absl::FromUnixSeconds(experience.expire_time().seconds()) - now;
    // One that is due is forgotten by the server that takes it.
    item["ttl_seconds"] = std::max<int64_t>(1, absl::ToInt64Seconds(left));
  }
  if (!supersedes.empty()) item["supersedes"] = supersedes;
  return item;
}

int Export(const Command& command, const std::vector<std::string>& labels) {
  v1::ListExperiencesRequest request;
  if (absl::Status status = ParseLabels(labels, *request.mutable_labels()); !status.ok()) {
    return Command::Fail(kUsage, status.message());
  }
  // One page's contents at a time: a log may be larger than memory.
  grpc::Status failed;
  const grpc::Status status =
      ListEach<v1::ListExperiencesRequest, v1::ListExperiencesResponse, v1::Experience>(
          *command.client, request, 0,
          [&command](auto& context, const auto& page, auto* response) {
            return command.client->imprint().ListExperiences(&context, page, response);
          },
          &v1::ListExperiencesResponse::mutable_experiences,
          [&](const v1::Experience& experience) {
            if (!failed.ok() || experience.state() == v1::EXPERIENCE_STATE_FORGOTTEN) return;
            failed = ExportOne(command, experience.name());
          });
  if (!status.ok()) return command.Fail(status);
  return failed.ok() ? kOk : command.Fail(failed);
}

}  // namespace imprint::client
