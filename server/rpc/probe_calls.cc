// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/rpc/probe_calls.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/resource_name.h"
#include "common/status_macros.h"
#include "common/string_view.h"
#include "server/rpc/convert.h"
#include "server/rpc/errors.h"
#include "server/rpc/lookup.h"
#include "server/rpc/page_token.h"
#include "server/rpc/validate.h"
#include "server/rpc/version_selection.h"

namespace imprint::rpc {
namespace {

constexpr char kAdminOrigin[] = "admin";

absl::StatusOr<int64_t> ParseExperience(absl::string_view field, const std::string& name) {
  return ParseNameField(field, ToAbsl(kExperiences), name);
}

absl::StatusOr<store::ExperienceRecord> GetExperience(const ServiceDeps& deps, int64_t sequence) {
  return Found(deps.store->GetExperience(sequence), ToAbsl(kExperiences), sequence,
               kReasonExperienceNotFound);
}

// Keeps the experience's count of probes true, in the transaction that changes them.
absl::Status ChangeProbeCount(int64_t sequence, int change, store::Transaction& transaction) {
  if (sequence == 0) return absl::OkStatus();
  IMPRINT_ASSIGN_OR_RETURN(store::ExperienceRecord record, transaction.GetExperience(sequence));
  if (record.state() == store::STORED_STATE_FORGOTTEN) {
    // One that its rebuild asks may go before; none is to come after.
    if (change <= 0) return absl::OkStatus();
    return absl::FailedPreconditionError(
        absl::StrCat("experiences/", sequence, " is forgotten; it takes no probes"));
  }
  record.set_probe_count(std::max(0, record.probe_count() + change));
  transaction.PutExperience(record);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<store::ProbeRecord>> ProbesToRun(const ServiceDeps& deps,
                                                            const v1::RunProbesRequest& request) {
  if (request.experiences().empty()) return deps.store->ListProbes(/*after=*/0, kMaxRunProbes);
  std::vector<store::ProbeRecord> probes;
  for (int i = 0; i < request.experiences_size(); ++i) {
    IMPRINT_ASSIGN_OR_RETURN(int64_t sequence, ParseExperience(absl::StrCat("experiences[", i, "]"),
                                                               request.experiences(i)));
    IMPRINT_RETURN_IF_ERROR(GetExperience(deps, sequence).status());
    IMPRINT_ASSIGN_OR_RETURN(std::vector<store::ProbeRecord> own, deps.store->GetProbes(sequence));
    if (probes.size() + own.size() > kMaxRunProbes) {
      return FieldError("experiences",
                        absl::StrCat("have more than ", kMaxRunProbes, " probes together"));
    }
    std::move(own.begin(), own.end(), std::back_inserter(probes));
  }
  return probes;
}

}  // namespace

absl::Status CreateProbe(const ServiceDeps& deps, const v1::CreateProbeRequest& request,
                         const std::function<bool()>& cancelled,
                         v1::CreateProbeResponse* response) {
  IMPRINT_RETURN_IF_ERROR(ValidateCreateProbe(request, deps.limits));
  store::ProbeRecord probe;
  probe.set_question(request.question());
  probe.set_expected_answer(request.expected_answer());
  probe.set_origin(kAdminOrigin);
  std::vector<std::string> contexts;
  if (!request.experience().empty()) {
    IMPRINT_ASSIGN_OR_RETURN(int64_t sequence, ParseExperience("experience", request.experience()));
    IMPRINT_ASSIGN_OR_RETURN(store::ExperienceRecord record, GetExperience(deps, sequence));
    probe.set_sequence(sequence);
    contexts.push_back(ExperienceText(record));
  }
  IMPRINT_ASSIGN_OR_RETURN(std::vector<store::ProbeRecord> completed,
                           deps.probe_maker->Complete({std::move(probe)}, contexts, cancelled));
  probe = std::move(completed.front());
  IMPRINT_RETURN_IF_ERROR(deps.store->Transact([&](store::Transaction& transaction) {
    probe.set_id(transaction.NextProbe());
    transaction.PutProbe(probe);
    return ChangeProbeCount(probe.sequence(), +1, transaction);
  }));
  *response->mutable_probe() = ToProto(probe);
  return absl::OkStatus();
}

absl::Status ListProbes(const ServiceDeps& deps, const v1::ListProbesRequest& request,
                        v1::ListProbesResponse* response) {
  const std::string list = absl::StrCat("probes/", request.experience());
  IMPRINT_ASSIGN_OR_RETURN(Page page, ParsePage(list, request.page_size(), request.page_token()));
  const int64_t after = page.position.value_or(0);
  std::vector<store::ProbeRecord> probes;
  if (request.experience().empty()) {
    IMPRINT_ASSIGN_OR_RETURN(probes, deps.store->ListProbes(after, page.size + 1));
  } else {
    IMPRINT_ASSIGN_OR_RETURN(int64_t sequence, ParseExperience("experience", request.experience()));
    IMPRINT_RETURN_IF_ERROR(GetExperience(deps, sequence).status());
    IMPRINT_ASSIGN_OR_RETURN(probes, deps.store->GetProbes(sequence));
    probes.erase(std::remove_if(probes.begin(), probes.end(),
                                [after](const auto& probe) { return probe.id() <= after; }),
                 probes.end());
  }
  PageRoom room(page.size);
  int64_t last = after;
  for (const store::ProbeRecord& record : probes) {
    v1::Probe probe = ToProto(record);
    if (!room.Take(probe.ByteSizeLong())) {
      response->set_next_page_token(MakePageToken(list, last));
      break;
    }
    *response->add_probes() = std::move(probe);
    last = record.id();
  }
  return absl::OkStatus();
}

absl::Status DeleteProbe(const ServiceDeps& deps, const v1::DeleteProbeRequest& request) {
  IMPRINT_ASSIGN_OR_RETURN(int64_t id, ParseNameField("name", ToAbsl(kProbes), request.name()));
  return deps.store->Transact([&](store::Transaction& transaction) -> absl::Status {
    IMPRINT_ASSIGN_OR_RETURN(
        store::ProbeRecord probe,
        Found(deps.store->GetProbe(id), ToAbsl(kProbes), id, kReasonProbeNotFound));
    transaction.DeleteProbe(probe);
    return ChangeProbeCount(probe.sequence(), -1, transaction);
  });
}

absl::Status RunProbes(const ServiceDeps& deps, const v1::RunProbesRequest& request,
                       const std::function<bool()>& cancelled, v1::RunProbesResponse* response) {
  engine::SharedVersion version = deps.versions->current();
  if (request.has_version() && request.version() != -1) {
    if (request.version() < 0) {
      return FieldError("version", absl::StrCat("is ", request.version(),
                                                "; give a version's number, or -1 for the current "
                                                "one"));
    }
    IMPRINT_ASSIGN_OR_RETURN(version, AcquireVersion(*deps.versions, request.version()));
  }
  IMPRINT_ASSIGN_OR_RETURN(std::vector<store::ProbeRecord> probes, ProbesToRun(deps, request));
  response->set_version(version->number);
  if (probes.empty()) return absl::OkStatus();
  IMPRINT_ASSIGN_OR_RETURN(std::vector<probe::ProbeScore> scores,
                           deps.prober->Ask(version, probes, /*with_answers=*/true, cancelled));
  for (const probe::ProbeScore& score : scores) {
    *response->add_results() = ToProto(score, version->number);
  }
  return absl::OkStatus();
}

}  // namespace imprint::rpc
