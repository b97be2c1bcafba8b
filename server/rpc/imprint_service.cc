// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/rpc/imprint_service.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "common/resource_name.h"
#include "common/status_macros.h"
#include "common/string_view.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "server/rpc/convert.h"
#include "server/rpc/lookup.h"
#include "server/rpc/page_token.h"
#include "server/rpc/query_call.h"
#include "server/rpc/score_call.h"
#include "server/rpc/unary.h"
#include "server/rpc/validate.h"

namespace imprint::rpc {
namespace {

// Records read at once: each may be as large as --inject.max_bytes.
constexpr int kReadAhead = 32;
// The kind of the target sentences that came with the experience.
constexpr char kCallers[] = "caller";
// Rows looked at between two looks at whether the caller waits still.
constexpr int kRowsAtOnce = 1024;

// Names the list and its filter, for page tokens.
std::string ListName(const v1::ListExperiencesRequest& request, const experience::Labels& labels) {
  std::string name = absl::StrCat("experiences/", static_cast<int>(request.state()));
  for (const auto& [key, value] : labels) {
    absl::StrAppend(&name, "/", key.size(), key, value.size(), value);
  }
  return name;
}

experience::ExperienceLog::Filter ToFilter(const v1::ListExperiencesRequest& request) {
  experience::ExperienceLog::Filter filter;
  filter.state = ToStoredState(request.state());
  // READY and TRAINING are stored as one.
  if (filter.state == store::STORED_STATE_READY) {
    filter.training = request.state() == v1::EXPERIENCE_STATE_TRAINING;
  }
  filter.labels.insert(request.labels().begin(), request.labels().end());
  return filter;
}

// Adds the first of `records`, as long as they fit into `room` bytes.
template <typename Record, typename Proto>
void AddWhatFits(absl::Span<const Record> records, size_t& room,
                 google::protobuf::RepeatedPtrField<Proto>* out) {
  for (const Record& record : records) {
    Proto proto = ToProto(record);
    const size_t bytes = proto.ByteSizeLong();
    if (bytes > room) return;
    room -= bytes;
    *out->Add() = std::move(proto);
  }
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
  const bool state_alone = request.view() == v1::EXPERIENCE_VIEW_STATE;
  IMPRINT_ASSIGN_OR_RETURN(
      store::ExperienceRecord record,
      Found(state_alone ? deps_.log->GetHead(sequence) : deps_.log->Get(sequence),
            ToAbsl(kExperiences), sequence, kReasonExperienceNotFound));
  v1::Experience& experience = *response->mutable_experience();
  experience = ToProto(record, deps_.log->IsTraining(sequence),
                       state_alone ? Content::kWithout : Content::kWith);
  if (request.view() != v1::EXPERIENCE_VIEW_FULL) return absl::OkStatus();
  return AddTargetsAndProbes(sequence, experience);
}

absl::Status ImprintServiceImpl::AddTargetsAndProbes(int64_t sequence,
                                                     v1::Experience& experience) const {
  IMPRINT_ASSIGN_OR_RETURN(const std::vector<store::ProbeRecord> probes,
                           deps_.store->GetProbes(sequence));
  IMPRINT_ASSIGN_OR_RETURN(std::vector<store::TargetRecord> targets,
                           deps_.store->GetTargets(sequence));
  const auto others = std::stable_partition(
      targets.begin(), targets.end(),
      [](const store::TargetRecord& target) { return target.kind() == kCallers; });
  const absl::Span<const store::TargetRecord> all = targets;
  const auto callers = static_cast<size_t>(others - targets.begin());
  // What the caller sent is never cut: an export is made of it.
  size_t room = std::max(kMaxFullBytes - std::min(kMaxFullBytes, experience.ByteSizeLong()),
                         2 * static_cast<size_t>(deps_.limits.max_inject_bytes));
  AddWhatFits(all.first(callers), room, experience.mutable_targets());
  AddWhatFits(absl::MakeConstSpan(probes), room, experience.mutable_probes());
  AddWhatFits(all.subspan(callers), room, experience.mutable_targets());
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* ImprintServiceImpl::ListExperiences(
    grpc::CallbackServerContext* context, const v1::ListExperiencesRequest* request,
    v1::ListExperiencesResponse* response) {
  return RunLongOn(deps_.slow, context, [this, request, response](const auto& cancelled) {
    return ListExperiencesNow(*request, cancelled, response);
  });
}

absl::Status ImprintServiceImpl::ListExperiencesNow(const v1::ListExperiencesRequest& request,
                                                    const std::function<bool()>& cancelled,
                                                    v1::ListExperiencesResponse* response) const {
  IMPRINT_RETURN_IF_ERROR(ValidateListExperiences(request));
  const experience::ExperienceLog::Filter filter = ToFilter(request);
  const std::string list = ListName(request, filter.labels);
  IMPRINT_ASSIGN_OR_RETURN(Page page, ParsePage(list, request.page_size(), request.page_token()));

  int64_t after = page.position.value_or(0);
  PageRoom room(page.size);
  for (int rows = 0; rows < kMaxRowsPerPage;) {
    if (cancelled()) return absl::CancelledError("the caller gave up");
    IMPRINT_ASSIGN_OR_RETURN(
        const experience::ExperienceLog::Listing listing,
        deps_.log->List(filter, after, kReadAhead, std::min(kRowsAtOnce, kMaxRowsPerPage - rows)));
    for (const store::ExperienceRecord& record : listing.records) {
      const bool training = filter.training.value_or(deps_.log->IsTraining(record.sequence()));
      v1::Experience experience = ToProto(record, training, Content::kWith);
      if (!room.Take(experience.ByteSizeLong())) {
        response->set_next_page_token(MakePageToken(list, after));
        return absl::OkStatus();
      }
      *response->add_experiences() = std::move(experience);
      after = record.sequence();
    }
    if (!listing.next_after.has_value()) return absl::OkStatus();
    after = *listing.next_after;
    rows += listing.rows;
  }
  response->set_next_page_token(MakePageToken(list, after));
  return absl::OkStatus();
}

}  // namespace imprint::rpc
