// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/rpc/query_call.h"

#include <algorithm>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "server/rpc/convert.h"
#include "server/rpc/errors.h"
#include "server/rpc/pending_context.h"
#include "server/rpc/unary.h"
#include "server/rpc/validate.h"
#include "server/rpc/version_selection.h"

namespace imprint::rpc {
namespace {

uint64_t NewSeed() {
  std::random_device device;
  return (uint64_t{device()} << 32) | device();
}

engine::SamplingOptions Sampling(const v1::QueryRequest& request) {
  engine::SamplingOptions sampling;
  sampling.temperature = request.temperature();
  sampling.top_p = request.top_p() > 0 ? request.top_p() : 1;
  sampling.top_k = request.top_k();
  sampling.seed = request.has_seed() ? request.seed() : NewSeed();
  return sampling;
}

}  // namespace

grpc::ServerWriteReactor<v1::QueryResponse>* QueryCall::Make(const ServiceDeps* deps,
                                                             grpc::CallbackServerContext* context,
                                                             const v1::QueryRequest* request) {
  auto call = std::make_shared<QueryCall>(deps, context, request);
  call->self_ = call;
  absl::Status taken = deps->quick->Run([call] { call->Start(); });
  if (!taken.ok()) {
    absl::MutexLock lock(&call->mutex_);
    call->started_ = true;
    call->chat_done_ = true;
    call->status_ = std::move(taken);
    call->Advance();
  }
  return call.get();
}

QueryCall::QueryCall(const ServiceDeps* deps, grpc::CallbackServerContext* context,
                     const v1::QueryRequest* request)
    : deps_(deps), context_(context), request_(request) {}

void QueryCall::Start() {
  absl::StatusOr<engine::RequestHandle> handle = StartChat();
  absl::MutexLock lock(&mutex_);
  started_ = true;
  if (handle.ok()) {
    handle_ = *handle;
    if (cancelled_) handle_.Cancel();
  } else {
    // The engine calls nobody back after an error.
    chat_done_ = true;
    status_ = handle.status();
  }
  Advance();
}

absl::StatusOr<engine::RequestHandle> QueryCall::StartChat() {
  IMPRINT_RETURN_IF_ERROR(ValidateQuery(*request_, deps_->limits));
  if (context_->IsCancelled()) return absl::CancelledError("the caller gave up");
  engine::ChatRequest chat;
  chat.messages = ToChatMessages(request_->messages());
  // Before the version is pinned: an experience that gets into the weights in between is
  // then said twice rather than not at all.
  if (request_->pending_context().enabled()) {
    const v1::PendingContext& pending = request_->pending_context();
    const int32_t wanted =
        pending.max_tokens() > 0 ? pending.max_tokens() : deps_->limits.max_pending_tokens;
    IMPRINT_ASSIGN_OR_RETURN(
        PendingExperiences chosen,
        ChoosePending(*deps_->log, *deps_->text,
                      experience::Labels(pending.labels().begin(), pending.labels().end()),
                      std::min(wanted, deps_->limits.window / 2)));
    chat.contexts = std::move(chosen.contexts);
    pending_experiences_ = std::move(chosen.names);
  }
  IMPRINT_ASSIGN_OR_RETURN(chat.version, SelectVersion(*deps_->versions, request_->version()));
  version_ = chat.version->number;
  chat.max_tokens =
      request_->max_tokens() > 0 ? request_->max_tokens() : deps_->query.default_max_tokens;
  chat.sampling = Sampling(*request_);
  chat.stop.assign(request_->stop().begin(), request_->stop().end());
  chat.deadline = Deadline(*context_);

  std::shared_ptr<QueryCall> self = shared_from_this();
  engine::ChatCallbacks callbacks;
  callbacks.on_text = [self](std::string text) { return self->OnText(std::move(text)); };
  callbacks.on_done = [self](absl::Status status, engine::FinishReason reason,
                             engine::ChatUsage usage) {
    self->OnChatDone(std::move(status), reason, usage);
  };
  return deps_->chat->Start(std::move(chat), std::move(callbacks));
}

bool QueryCall::OnText(std::string text) {
  absl::MutexLock lock(&mutex_);
  if (cancelled_ || too_slow_) return false;
  if (static_cast<int>(outbox_.size()) >= deps_->query.max_outbox) {
    too_slow_ = true;
    return false;
  }
  v1::QueryResponse& response = outbox_.emplace_back();
  response.set_text(std::move(text));
  response.set_version(version_);
  Advance();
  return true;
}

void QueryCall::OnChatDone(absl::Status status, engine::FinishReason reason,
                           engine::ChatUsage usage) {
  absl::MutexLock lock(&mutex_);
  chat_done_ = true;
  if (too_slow_) {
    // What waits is of no use without the rest; the one that is being written must stay.
    outbox_.resize(std::min<size_t>(outbox_.size(), writing_ ? 1 : 0));
    status_ = WithReason(absl::ResourceExhaustedError(
                             absl::StrCat("the reader is too slow: ", deps_->query.max_outbox,
                                          " pieces of the answer wait for it "
                                          "(--serve.max_outbox)")),
                         kReasonReaderTooSlow);
  } else if (status.ok()) {
    outbox_.push_back(LastResponse(reason, usage));
  } else {
    status_ = std::move(status);
  }
  Advance();
}

v1::QueryResponse QueryCall::LastResponse(engine::FinishReason reason,
                                          const engine::ChatUsage& usage) const {
  v1::QueryResponse response;
  response.set_version(version_);
  response.set_finish_reason(reason == engine::FinishReason::kStop ? v1::FINISH_REASON_STOP
                                                                   : v1::FINISH_REASON_LENGTH);
  v1::QueryUsage& proto = *response.mutable_usage();
  proto.set_prompt_tokens(usage.prompt_tokens);
  proto.set_output_tokens(usage.output_tokens);
  for (const std::string& name : pending_experiences_) proto.add_pending_experiences(name);
  return response;
}

void QueryCall::Advance() {
  if (writing_ || finished_) return;
  if (cancelled_) outbox_.clear();
  if (!outbox_.empty()) {
    writing_ = true;
    StartWrite(&outbox_.front());
    return;
  }
  if (!started_ || !chat_done_) return;
  finished_ = true;
  Finish(ToGrpcStatus(status_));
}

void QueryCall::OnWriteDone(bool ok) {
  std::shared_ptr<QueryCall> self = self_;
  absl::MutexLock lock(&mutex_);
  writing_ = false;
  outbox_.pop_front();
  if (!ok) {
    cancelled_ = true;
    handle_.Cancel();
  }
  Advance();
}

void QueryCall::OnCancel() {
  std::shared_ptr<QueryCall> self = self_;
  absl::MutexLock lock(&mutex_);
  cancelled_ = true;
  handle_.Cancel();
}

void QueryCall::OnDone() { std::shared_ptr<QueryCall> self = std::move(self_); }

}  // namespace imprint::rpc
