// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/rpc/imprint_service.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/resource_name.h"
#include "common/status_macros.h"
#include "common/string_view.h"
#include "server/rpc/convert.h"
#include "server/rpc/lookup.h"
#include "server/rpc/page_token.h"
#include "server/rpc/query_call.h"
#include "server/rpc/score_call.h"
#include "server/rpc/unary.h"
#include "server/rpc/validate.h"

namespace imprint::rpc {
namespace {

// A page ends early rather than grow beyond what clients receive by default (4 MiB).
constexpr size_t kMaxPageBytes = size_t{2} << 20;
// Records read at once: each may be as large as --inject.max_bytes.
constexpr int kReadAhead = 32;

// Names the list and its filter, for page tokens.
std::string ListName(const v1::ListExperiencesRequest& request, const experience::Labels& labels) {
  std::string name = absl::StrCat("experiences/", static_cast<int>(request.state()));
  for (const auto& [key, value] : labels) {
    absl::StrAppend(&name, "/", key.size(), key, value.size(), value);
  }
  return name;
}

}  // namespace

grpc::ServerUnaryReactor* ImprintServiceImpl::InjectContext(grpc::CallbackServerContext* context,
                                                            const v1::InjectContextRequest* request,
                                                            v1::InjectContextResponse* response) {
  if (absl::Status valid = ValidateInject(*request, deps_.limits); !valid.ok()) {
    return Answer(context, valid);
  }
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  const auto answer = [reactor, request, response](absl::StatusOr<store::ExperienceRecord> record) {
    absl::Status status = record.status();
    if (absl::IsAlreadyExists(status)) {
      status = WithReason(std::move(status), kReasonRequestIdConflict,
                          {{"request_id", request->request_id()}});
    } else if (absl::IsNotFound(status)) {
      status = WithReason(std::move(status), kReasonExperienceNotFound,
                          {{"resource", request->supersedes()}});
    }
    if (status.ok()) {
      // The caller has the content; it need not travel back.
      *response->mutable_experience() = ToProto(*record, /*training=*/false, Content::kWithout);
    }
    reactor->Finish(ToGrpcStatus(status));
  };
  deps_.log->Append(ToRecord(*request), answer, request->supersedes());
  return reactor;
}

grpc::ServerUnaryReactor* ImprintServiceImpl::ForgetExperience(
    grpc::CallbackServerContext* context, const v1::ForgetExperienceRequest* request,
    v1::ForgetExperienceResponse* response) {
  return RunOn(deps_.slow, context,
               [this, request, response] { return ForgetExperienceNow(*request, response); });
}

absl::Status ImprintServiceImpl::ForgetExperienceNow(const v1::ForgetExperienceRequest& request,
                                                     v1::ForgetExperienceResponse* response) const {
  IMPRINT_RETURN_IF_ERROR(ValidateForget(request));
  experience::ForgetSelector selector;
  if (!request.name().empty()) {
    IMPRINT_ASSIGN_OR_RETURN(selector.sequence,
                             ParseNameField("name", ToAbsl(kExperiences), request.name()));
  }
  selector.request_id = request.request_id();
  selector.labels.insert(request.labels().begin(), request.labels().end());
  const absl::StatusOr<update::Updater::Forgotten> forgotten = deps_.updater->Forget(selector);
  if (absl::IsNotFound(forgotten.status())) {
    return WithReason(
        forgotten.status(), kReasonExperienceNotFound,
        {{"resource", request.name().empty() ? request.request_id() : request.name()}});
  }
  IMPRINT_RETURN_IF_ERROR(forgotten.status());
  for (const store::ExperienceRecord& tombstone : forgotten->experiences) {
    response->add_experiences(FormatResourceName(kExperiences, tombstone.sequence()));
  }
  response->set_rebuild_needed(forgotten->rebuild);
  return absl::OkStatus();
}

grpc::ServerWriteReactor<v1::QueryResponse>* ImprintServiceImpl::Query(
    grpc::CallbackServerContext* context, const v1::QueryRequest* request) {
  return QueryCall::Make(&deps_, context, request);
}

grpc::ServerUnaryReactor* ImprintServiceImpl::Score(grpc::CallbackServerContext* context,
                                                    const v1::ScoreRequest* request,
                                                    v1::ScoreResponse* response) {
  return ScoreCall::Make(&deps_, context, request, response);
}

grpc::ServerUnaryReactor* ImprintServiceImpl::GetExperience(grpc::CallbackServerContext* context,
                                                            const v1::GetExperienceRequest* request,
                                                            v1::GetExperienceResponse* response) {
  return RunOn(deps_.quick, context,
               [this, request, response] { return GetExperienceNow(*request, response); });
}

absl::Status ImprintServiceImpl::GetExperienceNow(const v1::GetExperienceRequest& request,
                                                  v1::GetExperienceResponse* response) const {
  IMPRINT_ASSIGN_OR_RETURN(int64_t sequence,
                           ParseNameField("name", ToAbsl(kExperiences), request.name()));
  IMPRINT_ASSIGN_OR_RETURN(
      store::ExperienceRecord record,
      Found(deps_.log->Get(sequence), ToAbsl(kExperiences), sequence, kReasonExperienceNotFound));
  v1::Experience& experience = *response->mutable_experience();
  experience = ToProto(record, deps_.log->IsTraining(sequence), Content::kWith);
  if (request.view() != v1::EXPERIENCE_VIEW_FULL) return absl::OkStatus();

  IMPRINT_ASSIGN_OR_RETURN(std::vector<store::TargetRecord> targets,
                           deps_.store->GetTargets(sequence));
  for (const store::TargetRecord& target : targets) *experience.add_targets() = ToProto(target);
  IMPRINT_ASSIGN_OR_RETURN(std::vector<store::ProbeRecord> probes,
                           deps_.store->GetProbes(sequence));
  for (const store::ProbeRecord& probe : probes) *experience.add_probes() = ToProto(probe);
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* ImprintServiceImpl::ListExperiences(
    grpc::CallbackServerContext* context, const v1::ListExperiencesRequest* request,
    v1::ListExperiencesResponse* response) {
  return RunOn(deps_.quick, context,
               [this, request, response] { return ListExperiencesNow(*request, response); });
}

absl::Status ImprintServiceImpl::ListExperiencesNow(const v1::ListExperiencesRequest& request,
                                                    v1::ListExperiencesResponse* response) const {
  IMPRINT_RETURN_IF_ERROR(ValidateListExperiences(request));
  experience::ExperienceLog::Filter filter;
  filter.state = ToStoredState(request.state());
  filter.labels.insert(request.labels().begin(), request.labels().end());
  const std::string list = ListName(request, filter.labels);
  IMPRINT_ASSIGN_OR_RETURN(Page page, ParsePage(list, request.page_size(), request.page_token()));

  int64_t after = page.position.value_or(0);
  size_t bytes = 0;
  while (true) {
    IMPRINT_ASSIGN_OR_RETURN(std::vector<store::ExperienceRecord> records,
                             deps_.log->List(filter, after, kReadAhead));
    if (records.empty()) return absl::OkStatus();
    for (const store::ExperienceRecord& record : records) {
      v1::Experience experience =
          ToProto(record, deps_.log->IsTraining(record.sequence()), Content::kWith);
      // READY and TRAINING are one to the log.
      const bool asked_for = request.state() == v1::EXPERIENCE_STATE_UNSPECIFIED ||
                             request.state() == experience.state();
      if (asked_for) {
        const size_t size = experience.ByteSizeLong();
        const bool page_full = response->experiences_size() >= page.size ||
                               (response->experiences_size() > 0 && bytes + size > kMaxPageBytes);
        if (page_full) {
          response->set_next_page_token(MakePageToken(list, after));
          return absl::OkStatus();
        }
        bytes += size;
        *response->add_experiences() = std::move(experience);
      }
      after = record.sequence();
    }
  }
}

}  // namespace imprint::rpc
