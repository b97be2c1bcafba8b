// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/rpc/score_call.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "server/rpc/convert.h"
#include "server/rpc/errors.h"
#include "server/rpc/unary.h"
#include "server/rpc/validate.h"
#include "server/rpc/version_selection.h"
#include "server/text/prompt.h"

namespace imprint::rpc {
namespace {

// What a tokenizer writes for bytes that are no whole character.
constexpr char kReplacementCharacter[] = "\xEF\xBF\xBD";

// Log-probabilities in one answer: some 16 MB while it is made and sent.
constexpr int64_t kMaxValues = 1 << 20;

std::vector<int32_t> ToIds(const v1::TokenIds& ids) { return {ids.ids().begin(), ids.ids().end()}; }

}  // namespace

grpc::ServerUnaryReactor* ScoreCall::Make(const ServiceDeps* deps,
                                          grpc::CallbackServerContext* context,
                                          const v1::ScoreRequest* request,
                                          v1::ScoreResponse* response) {
  auto call = std::make_shared<ScoreCall>(deps, context, request, response);
  call->self_ = call;
  absl::Status taken = deps->quick->Run([call] { call->Start(); });
  if (!taken.ok()) call->Finish(ToGrpcStatus(taken));
  return call.get();
}

ScoreCall::ScoreCall(const ServiceDeps* deps, grpc::CallbackServerContext* context,
                     const v1::ScoreRequest* request, v1::ScoreResponse* response)
    : deps_(deps), context_(context), request_(request), response_(response) {}

void ScoreCall::Start() {
  absl::StatusOr<engine::ScoreRequest> request = MakeRequest();
  if (!request.ok()) {
    Finish(ToGrpcStatus(request.status()));
    return;
  }
  std::shared_ptr<ScoreCall> self = shared_from_this();
  absl::StatusOr<engine::RequestHandle> handle = deps_->engine->Score(
      *std::move(request),
      [self](absl::StatusOr<engine::ScoreResult> result) { self->OnScored(std::move(result)); });
  if (!handle.ok()) {
    Finish(ToGrpcStatus(handle.status()));
    return;
  }
  absl::MutexLock lock(&mutex_);
  handle_ = *handle;
  if (cancelled_) handle_.Cancel();
}

absl::StatusOr<engine::ScoreRequest> ScoreCall::MakeRequest() {
  IMPRINT_RETURN_IF_ERROR(ValidateScore(*request_, deps_->limits));
  if (context_->IsCancelled()) return absl::CancelledError("the caller gave up");
  const text::TextModel& text = *deps_->text;
  engine::ScoreRequest request;
  if (request_->has_text()) {
    IMPRINT_ASSIGN_OR_RETURN(std::vector<int32_t> ids, text.EncodeText(request_->text()));
    if (ids.size() < 2) {
      return FieldError("text", "is a single token; scoring begins with the second one");
    }
    request.prompt.assign(ids.begin(), ids.begin() + 1);
    request.target.assign(ids.begin() + 1, ids.end());
  } else {
    std::vector<std::string> contexts;
    if (!request_->context().empty()) contexts.push_back(request_->context());
    IMPRINT_ASSIGN_OR_RETURN(
        request.prompt,
        text.EncodeChat(text::WithContexts(contexts, ToChatMessages(request_->messages())),
                        /*add_generation_prompt=*/true));
    // Many answers to one question are often scored after one another.
    request.shared_prefix = static_cast<int32_t>(request.prompt.size());
    if (request_->has_answer()) {
      IMPRINT_ASSIGN_OR_RETURN(request.target, text.EncodeContinuation(request_->answer()));
      request.target.push_back(text.stop_ids().front());
    } else {
      request.target = ToIds(request_->token_ids());
    }
  }
  const int lists = request_->requested_ids_size();
  if (lists > 1 && lists != static_cast<int>(request.target.size())) {
    return FieldError("requested_ids",
                      absl::StrCat("has ", lists, " lists; give one for all, or one for each of ",
                                   "the ", request.target.size(), " scored tokens"));
  }
  int64_t requested = 0;
  for (const v1::TokenIds& ids : request_->requested_ids()) {
    request.requested_ids.push_back(ToIds(ids));
    requested = std::max<int64_t>(requested, ids.ids_size());
  }
  request.top_k = request_->top_k();
  const int64_t values = static_cast<int64_t>(request.target.size()) * (requested + request.top_k);
  if (values > kMaxValues) {
    return FieldError(
        requested > request.top_k ? "requested_ids" : "top_k",
        absl::StrCat("asks for ", values, " log-probabilities (", requested, " + ", request.top_k,
                     " on each of ", request.target.size(), " tokens); the limit is ", kMaxValues));
  }
  request.deadline = Deadline(*context_);
  IMPRINT_ASSIGN_OR_RETURN(request.version, SelectVersion(*deps_->versions, request_->version()));
  response_->set_version(request.version->number);
  target_ = request.target;
  return request;
}

void ScoreCall::OnScored(absl::StatusOr<engine::ScoreResult> result) {
  const auto scored = std::make_shared<absl::StatusOr<engine::ScoreResult>>(std::move(result));
  const auto answer = [self = shared_from_this(), scored] {
    absl::Status status = scored->status();
    if (status.ok()) status = self->FillResponse(**scored);
    self->Finish(ToGrpcStatus(status));
  };
  // The engine's thread has streams to serve. Where the pool takes no more, the server is
  // stopping, or so busy that this call may well wait.
  if (!deps_->quick->Run(answer).ok()) answer();
}

absl::Status ScoreCall::FillResponse(const engine::ScoreResult& result) {
  for (size_t i = 0; i < result.tokens.size(); ++i) {
    const engine::ScoreResult::Token& token = result.tokens[i];
    v1::TokenScore& score = *response_->add_tokens();
    score.set_id(target_[i]);
    IMPRINT_ASSIGN_OR_RETURN(std::string text, deps_->text->Decode({&target_[i], 1}));
    if (!absl::StrContains(text, kReplacementCharacter)) score.set_text(std::move(text));
    score.set_log_probability(token.log_prob);
    double named_mass = 0;
    for (size_t k = 0; k < token.top.ids.size(); ++k) {
      score.add_top_ids(token.top.ids[k]);
      score.add_top_log_probabilities(token.top.log_probs[k]);
      named_mass += std::exp(static_cast<double>(token.top.log_probs[k]));
    }
    score.set_rest_mass(std::clamp(1 - named_mass, 0.0, 1.0));
    for (float log_prob : token.requested) score.add_requested_log_probabilities(log_prob);
  }
  return absl::OkStatus();
}

void ScoreCall::OnCancel() {
  absl::MutexLock lock(&mutex_);
  cancelled_ = true;
  handle_.Cancel();
}

void ScoreCall::OnDone() { std::shared_ptr<ScoreCall> self = std::move(self_); }

}  // namespace imprint::rpc
