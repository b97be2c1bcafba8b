// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/rpc/guard.h"

#include <grpc/grpc_security_constants.h>

#include <iterator>
#include <optional>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "grpcpp/security/auth_context.h"
#include "server/rpc/errors.h"

namespace imprint::rpc {
namespace {

constexpr char kAuthorizationKey[] = "authorization";
constexpr absl::string_view kBearer = "bearer ";

// The word after "Bearer"; none: there is no such header, or more than one.
std::optional<absl::string_view> BearerOf(const grpc::ServerContextBase& context) {
  const auto& metadata = context.client_metadata();
  const auto [first, last] = metadata.equal_range(kAuthorizationKey);
  if (first == last || std::next(first) != last) return std::nullopt;
  const absl::string_view given(first->second.data(), first->second.size());
  if (!absl::StartsWithIgnoreCase(given, kBearer)) return std::nullopt;
  return absl::StripAsciiWhitespace(given.substr(kBearer.size()));
}

absl::Status NoTokenError() {
  return WithReason(
      absl::UnauthenticatedError(
          "this server wants a token: send one as metadata \"authorization: Bearer TOKEN\" "
          "(imprint: --token_file or IMPRINT_TOKEN); its operator makes one with `imprint "
          "tokens new`"),
      kReasonTokenMissing);
}

absl::Status UnknownTokenError() {
  return WithReason(
      absl::UnauthenticatedError("the token is none of this server's: it was changed or taken "
                                 "back, or is another server's; ask its operator for one"),
      kReasonTokenUnknown);
}

absl::Status QuotaError(const auth::Token& token, absl::string_view quota, int64_t limit,
                        absl::Duration delay) {
  return WithRetryDelay(
      WithReason(
          absl::ResourceExhaustedError(absl::StrCat(
              "token ", token.line.name, " has used up its ", quota, "=", limit, ": try again in ",
              absl::FormatDuration(delay), ", or let the operator raise it in --auth.tokens_file")),
          kReasonQuotaExceeded, {{"token", token.line.name}, {"quota", std::string(quota)}}),
      delay);
}

}  // namespace

void Guard::Count(const char* reason) const {
  if (options_.metrics != nullptr) options_.metrics->refused.at(reason)->Increment();
}

void Guard::CountQuota(absl::string_view method, const absl::Status& refused) const {
  Count("quota");
  // What is too large for any quota is the caller's own mistake.
  if (options_.metrics == nullptr || !absl::IsResourceExhausted(refused)) return;
  auto& by_method = options_.metrics->beyond_quota;
  const auto found = by_method.find(std::string(method));
  (found == by_method.end() ? by_method.at("other") : found->second)->Increment();
}

absl::Status Guard::CheckScope(const auth::Token& token, const Access& access,
                               const CallTraits& traits) const {
  const Scopes& scopes = token.line.scopes;
  const Scope needed = access.operator_chooses ? options_.forget_scope : access.scope;
  if (scopes.count(needed) > 0) return absl::OkStatus();
  if (traits.state_alone && access.state_scope.has_value() &&
      scopes.count(*access.state_scope) > 0) {
    return absl::OkStatus();
  }
  return WithReason(absl::PermissionDeniedError(
                        absl::StrCat(access.method, " needs the scope ", ScopeName(needed),
                                     "; token ", token.line.name, " has ", FormatScopes(scopes),
                                     ": use another, or let the operator add the scope in "
                                     "--auth.tokens_file")),
                    kReasonScopeMissing,
                    {{"token", token.line.name}, {"scope", std::string(ScopeName(needed))}});
}

absl::Status Guard::TakeQuotas(const auth::Token& token, const CallTraits& traits) const {
  const int64_t max_bytes = token.inject_bytes->limit();
  if (max_bytes > 0 && traits.inject_bytes > max_bytes) {
    return WithReason(absl::InvalidArgumentError(absl::StrCat(
                          "the request is ", traits.inject_bytes, " bytes; token ", token.line.name,
                          " may inject ", max_bytes, " an hour (inject_bytes_per_hour)")),
                      kReasonQuotaExceeded,
                      {{"token", token.line.name}, {"quota", "inject_bytes_per_hour"}});
  }
  if (const absl::Duration delay = token.requests->Take(1); delay > absl::ZeroDuration()) {
    return QuotaError(token, "requests_per_minute", token.requests->limit(), delay);
  }
  if (const absl::Duration delay = token.inject_bytes->Take(traits.inject_bytes);
      delay > absl::ZeroDuration()) {
    return QuotaError(token, "inject_bytes_per_hour", max_bytes, delay);
  }
  return absl::OkStatus();
}

absl::Status Guard::Check(const grpc::ServerContextBase& context, const Access* access,
                          const CallTraits& traits) const {
  if (access == nullptr) return absl::PermissionDeniedError("nobody may call this method");
  if (options_.tokens == nullptr) return absl::OkStatus();
  const std::optional<absl::string_view> bearer = BearerOf(context);
  if (!bearer.has_value()) {
    Count("no_token");
    return NoTokenError();
  }
  const std::shared_ptr<const auth::Token> token = options_.tokens->Find(*bearer);
  if (token == nullptr) {
    Count("unknown_token");
    return UnknownTokenError();
  }
  if (absl::Status allowed = CheckScope(*token, *access, traits); !allowed.ok()) {
    Count("scope");
    return allowed;
  }
  absl::Status within = TakeQuotas(*token, traits);
  if (!within.ok()) CountQuota(access->method, within);
  return within;
}

std::string Guard::CallerOf(const grpc::ServerContextBase& context) const {
  const std::optional<absl::string_view> bearer = BearerOf(context);
  if (options_.tokens != nullptr && bearer.has_value()) {
    const std::shared_ptr<const auth::Token> token = options_.tokens->Find(*bearer);
    if (token != nullptr) return token->line.name;
  }
  const std::shared_ptr<const grpc::AuthContext> connection = context.auth_context();
  if (connection != nullptr && connection->IsPeerAuthenticated()) {
    const std::vector<grpc::string_ref> subjects =
        connection->FindPropertyValues(GRPC_X509_SUBJECT_PROPERTY_NAME);
    if (!subjects.empty()) {
      return absl::Utf8SafeCEscape(
          Shortened(absl::string_view(subjects[0].data(), subjects[0].size()), kMaxFieldBytes));
    }
  }
  return "anonymous";
}

}  // namespace imprint::rpc
