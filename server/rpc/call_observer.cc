// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/rpc/call_observer.h"

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/log_fields.h"
#include "google/protobuf/message.h"
#include "google/protobuf/stubs/logging.h"
#include "server/rpc/access.h"
#include "server/rpc/audit.h"
#include "server/rpc/errors.h"
#include "server/rpc/request_origin.h"
#include "spdlog/spdlog.h"

namespace imprint::rpc {
namespace {

using grpc::experimental::InterceptionHookPoints;

// The field of the last string on this thread that was not UTF-8. gRPC parses a request
// and answers for a failed parse on one thread, so the observer finds it here; were that
// to change, only the field's name would be missing.
thread_local std::string invalid_utf8_field;

// "imprint.v1.ExperienceContent.text" from protobuf's message about it; empty: another one.
std::string FieldOfInvalidUtf8(absl::string_view message) {
  constexpr absl::string_view kBefore = "String field '";
  constexpr absl::string_view kAfter = "' contains invalid UTF-8 data when parsing";
  const size_t begin = message.find(kBefore);
  const size_t end = message.find(kAfter);
  if (begin == absl::string_view::npos || end == absl::string_view::npos) return {};
  const absl::string_view field =
      message.substr(begin + kBefore.size(), end - begin - kBefore.size());
  return absl::StartsWith(field, "imprint.v1.") ? std::string(field) : std::string();
}

void LogFromProtobuf(google::protobuf::LogLevel level, const char* file, int line,
                     const std::string& message) {
  if (std::string field = FieldOfInvalidUtf8(message); !field.empty()) {
    // The caller's mistake, and told to the caller.
    invalid_utf8_field = std::move(field);
    return;
  }
  const bool bad = level >= google::protobuf::LOGLEVEL_ERROR;
  spdlog::log(bad ? spdlog::level::err : spdlog::level::warn, "protobuf: {} ({}:{})", message, file,
              line);
}

absl::Status UnreadableRequest() {
  const std::string field = std::exchange(invalid_utf8_field, {});
  if (field.empty()) {
    return WithReason(
        absl::InvalidArgumentError("the request cannot be read as a message of this method"),
        kReasonUnreadableRequest);
  }
  return WithReason(FieldError(field, "is not valid UTF-8"), kReasonInvalidUtf8,
                    {{"field", field}});
}

class CallObserver final : public grpc::experimental::Interceptor {
 public:
  // `auditor`: null where no call of the method is a line.
  CallObserver(std::string method, Audited audited, const grpc::ServerContextBase* context,
               const Guard* auditor, metrics::CallMetrics* metrics)
      : method_(std::move(method)),
        context_(*context),
        auditor_(auditor),
        metrics_(metrics),
        is_act_(audited == Audited::kAll) {}

  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::POST_RECV_INITIAL_METADATA)) {
      request_id_ = RequestId(Received(*methods, kRequestIdKey));
      trace_id_ = TraceId(Received(*methods, kTraceParentKey));
      if (is_act_) NoteCaller();
    }
    if (auditor_ != nullptr &&
        methods->QueryInterceptionHookPoint(InterceptionHookPoints::POST_RECV_MESSAGE)) {
      // Null where it could not be parsed.
      const auto* request =
          static_cast<const google::protobuf::Message*>(methods->GetRecvMessage());
      if (request != nullptr) {
        if (!is_act_ && Supersedes(*request)) {
          is_act_ = true;
          NoteCaller();
        }
        if (is_act_) target_ = TargetOf(*request);
      }
    }
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_INITIAL_METADATA) &&
        !request_id_.empty()) {
      methods->GetSendInitialMetadata()->emplace(kRequestIdKey, request_id_);
    }
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_STATUS)) {
      grpc::Status status = methods->GetSendStatus();
      // Handlers never answer so: all methods are implemented, all errors have words.
      if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED &&
          status.error_message().empty()) {
        status = ToGrpcStatus(UnreadableRequest());
        methods->ModifySendStatus(status);
      }
      Record(status.error_code());
    }
    methods->Proceed();
  }

 private:
  // Metadata of the caller; empty: there is none of that name.
  static absl::string_view Received(grpc::experimental::InterceptorBatchMethods& methods,
                                    const char* key) {
    const auto* metadata = methods.GetRecvInitialMetadata();
    if (metadata == nullptr) return {};
    const auto found = metadata->find(key);
    if (found == metadata->end()) return {};
    return {found->second.data(), found->second.size()};
  }

  // At the end its token may be taken back.
  void NoteCaller() {
    if (auditor_ != nullptr) caller_ = auditor_->CallerOf(context_);
  }

  void Record(grpc::StatusCode code) const {
    const double seconds = absl::ToDoubleSeconds(absl::Now() - start_);
    if (metrics_ != nullptr) metrics_->Record(static_cast<absl::StatusCode>(code), seconds);
    const std::string name = absl::StatusCodeToString(static_cast<absl::StatusCode>(code));
    // Nobody in particular did nothing: imprint_auth_refused_total counts it, and a caller without
    // a token does not fill the log.
    if (is_act_ && auditor_ != nullptr && code != grpc::StatusCode::UNAUTHENTICATED) {
      Audit(caller_, context_.peer(), method_, target_, name, request_id_);
    }
    if (!spdlog::should_log(spdlog::level::debug)) return;
    LogFields fields = {
        {"method", method_}, {"code", name}, {"seconds", seconds}, {"request_id", request_id_}};
    if (!trace_id_.empty()) fields.emplace_back("trace_id", trace_id_);
    LogWithFields(spdlog::level::debug, "request", fields);
  }

  const std::string method_;
  const grpc::ServerContextBase& context_;
  const Guard* const auditor_;
  metrics::CallMetrics* const metrics_;
  const absl::Time start_ = absl::Now();
  std::string request_id_;
  std::string trace_id_;
  // Of an act.
  bool is_act_;
  std::string caller_;
  std::string target_;
};

}  // namespace

CallObserverFactory::CallObserverFactory(
    const std::vector<const google::protobuf::ServiceDescriptor*>& services, const Guard* guard,
    metrics::RpcMetrics* metrics)
    : guard_(guard) {
  for (const google::protobuf::ServiceDescriptor* service : services) {
    for (int i = 0; i < service->method_count(); ++i) {
      const std::string& method = service->method(i)->name();
      const Access* access = FindAccess(service->full_name(), method);
      methods_[absl::StrCat("/", service->full_name(), "/", method)] = {
          .name = method,
          .audited = access == nullptr ? Audited::kNone : access->audited,
          .metrics = metrics == nullptr ? nullptr : metrics->calls_of(method)};
    }
  }
}

grpc::experimental::Interceptor* CallObserverFactory::CreateServerInterceptor(
    grpc::experimental::ServerRpcInfo* info) {
  const auto method = methods_.find(info->method());
  if (method == methods_.end()) return nullptr;
  const Audited audited = method->second.audited;
  return new CallObserver(method->second.name, audited, info->server_context(),
                          audited == Audited::kNone ? nullptr : guard_,
                          method->second.metrics.get());
}

void CaptureProtobufLog() { google::protobuf::SetLogHandler(LogFromProtobuf); }

}  // namespace imprint::rpc
