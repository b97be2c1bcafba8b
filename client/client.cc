// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "imprint/client.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/poll.h"
#include "common/loopback.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace imprint::client {
namespace {

bool IsSetAside(v1::ExperienceState state) {
  return state == v1::EXPERIENCE_STATE_HELD || state == v1::EXPERIENCE_STATE_QUARANTINED ||
         state == v1::EXPERIENCE_STATE_FORGOTTEN;
}

// Why no update comes before somebody does something; empty: one may. A caller who may not see
// the server's state waits for the experience alone, and `may_ask` becomes false.
std::string WhyNoUpdateComes(Client& client, Poll& poll, bool& may_ask) {
  if (!may_ask) return "";
  v1::GetStatusResponse server;
  const grpc::Status seen = poll.Patiently([&] {
    grpc::ClientContext context;
    client.Prepare(context);
    return client.admin().GetStatus(&context, {}, &server);
  });
  may_ask = seen.error_code() != grpc::StatusCode::PERMISSION_DENIED;
  if (!seen.ok() || !server.running_job().empty()) return "";
  if (server.updates_paused()) return "updates are paused";
  if (server.job_awaiting_approval().empty()) return "";
  return absl::StrCat(server.job_awaiting_approval(), " awaits approval");
}

absl::StatusOr<std::string> ReadFile(const std::string& path, absl::string_view flag) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::NotFoundError(absl::StrCat("cannot read ", path, " (", flag, ")"));
  return std::string(std::istreambuf_iterator<char>(file), {});
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> Credentials(
    const ClientOptions& options) {
  if (options.tls_cert.empty() != options.tls_key.empty()) {
    return absl::InvalidArgumentError("--tls_cert and --tls_key: give both or none");
  }
  if (options.tls_ca.empty()) {
    if (options.tls_cert.empty()) return grpc::InsecureChannelCredentials();
    return absl::InvalidArgumentError("--tls_cert: needs --tls_ca, which turns TLS on");
  }
  grpc::SslCredentialsOptions tls;
  absl::StatusOr<std::string> text = ReadFile(options.tls_ca, "--tls_ca");
  if (!text.ok()) return text.status();
  tls.pem_root_certs = *std::move(text);
  if (options.tls_cert.empty()) return grpc::SslCredentials(tls);
  text = ReadFile(options.tls_cert, "--tls_cert");
  if (!text.ok()) return text.status();
  tls.pem_cert_chain = *std::move(text);
  text = ReadFile(options.tls_key, "--tls_key");
  if (!text.ok()) return text.status();
  tls.pem_private_key = *std::move(text);
  return grpc::SslCredentials(tls);
}

// The metadata of the token; empty: there is none.
absl::StatusOr<std::string> Authorization(const ClientOptions& options) {
  std::string token = options.token;
  if (token.empty() && !options.token_file.empty()) {
    absl::StatusOr<std::string> text = ReadFile(options.token_file, "--token_file");
    if (!text.ok()) return text.status();
    token = *std::move(text);
  }
  absl::StripAsciiWhitespace(&token);
  if (token.empty()) {
    if (options.token_file.empty()) return "";
    return absl::InvalidArgumentError(absl::StrCat(options.token_file, " is empty (--token_file)"));
  }
  // It is a header on its way.
  if (!std::all_of(token.begin(), token.end(), absl::ascii_isgraph)) {
    return absl::InvalidArgumentError(
        "the token is not one word of printable characters (--token_file, IMPRINT_TOKEN)");
  }
  const bool local = IsThisMachine(options.server) &&
                     (options.admin_server.empty() || IsThisMachine(options.admin_server));
  if (options.tls_ca.empty() && !local && !options.allow_insecure_token) {
    return absl::InvalidArgumentError(
        absl::StrCat("without TLS the token could be read on its way to ", options.server,
                     ": give --tls_ca, or --allow_insecure_token"));
  }
  return absl::StrCat("Bearer ", token);
}

std::shared_ptr<grpc::Channel> MakeChannel(
    const std::string& address, const std::shared_ptr<grpc::ChannelCredentials>& credentials,
    bool tls) {
  grpc::ChannelArguments arguments;
  // An experience may be larger than gRPC's default, 4 MiB (--inject.max_bytes).
  arguments.SetMaxReceiveMessageSize(-1);
  // What is for this machine alone goes through no http_proxy, which could read the token.
  if (!tls && IsThisMachine(address)) arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return grpc::CreateCustomChannel(address, credentials, arguments);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Client>> Client::Make(const ClientOptions& options) {
  absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> made = Credentials(options);
  if (!made.ok()) return made.status();
  const std::shared_ptr<grpc::ChannelCredentials> credentials = *std::move(made);
  absl::StatusOr<std::string> authorization = Authorization(options);
  if (!authorization.ok()) return authorization.status();
  auto client = std::unique_ptr<Client>(new Client(options));
  client->authorization_ = *std::move(authorization);
  const bool tls = !options.tls_ca.empty();
  client->channel_ = MakeChannel(options.server, credentials, tls);
  client->imprint_ = v1::ImprintService::NewStub(client->channel_);
  client->admin_ = v1::AdminService::NewStub(
      options.admin_server.empty() ? client->channel_
                                   : MakeChannel(options.admin_server, credentials, tls));
  return client;
}

void Client::Prepare(grpc::ClientContext& context) const {
  context.set_deadline(absl::ToChronoTime(absl::Now() + options_.timeout));
  PrepareLong(context);
}

void Client::PrepareLong(grpc::ClientContext& context) const {
  for (const auto& [key, value] : options_.metadata) context.AddMetadata(key, value);
  if (!authorization_.empty()) context.AddMetadata("authorization", authorization_);
}

grpc::Status Ask(Client& client, const v1::QueryRequest& request, Answer& answer) {
  grpc::ClientContext context;
  client.PrepareLong(context);
  const auto stream = client.imprint().Query(&context, request);
  v1::QueryResponse response;
  while (stream->Read(&response)) {
    answer.text += response.text();
    answer.version = response.version();
    answer.finish_reason = response.finish_reason();
    answer.usage = response.usage();
  }
  return stream->Finish();
}

grpc::Status AwaitIntegrated(Client& client, absl::Duration timeout, v1::Experience& experience) {
  Poll poll(absl::Now() + timeout);
  bool may_ask_status = true;
  v1::GetExperienceRequest request;
  request.set_name(experience.name());
  request.set_view(v1::EXPERIENCE_VIEW_STATE);
  while (true) {
    // Before the experience, which may arrive in between.
    const std::string reason = WhyNoUpdateComes(client, poll, may_ask_status);
    v1::GetExperienceResponse response;
    const grpc::Status status = poll.Patiently([&] {
      grpc::ClientContext context;
      client.Prepare(context);
      return client.imprint().GetExperience(&context, request, &response);
    });
    if (!status.ok()) return status;
    experience = std::move(*response.mutable_experience());
    if (experience.state() == v1::EXPERIENCE_STATE_INTEGRATED) return grpc::Status::OK;
    if (IsSetAside(experience.state())) {
      return grpc::Status(grpc::StatusCode::FAILED_PRECONDITION,
                          absl::StrCat(experience.name(), " was set aside: ",
                                       v1::ExperienceState_Name(experience.state()), " ",
                                       experience.state_reason()));
    }
    if (!reason.empty()) {
      return grpc::Status(grpc::StatusCode::FAILED_PRECONDITION,
                          absl::StrCat(experience.name(), " waits: ", reason));
    }
    if (poll.is_over()) {
      return grpc::Status(grpc::StatusCode::DEADLINE_EXCEEDED,
                          absl::StrCat(experience.name(), " is not integrated yet"));
    }
    poll.Sleep();
  }
}

std::string DescribeError(const grpc::Status& status, const std::string& server) {
  std::string text = status.error_message();
  // Without details it is gRPC's own error, not the server's.
  if (status.error_details().empty()) {
    if (status.error_code() == grpc::StatusCode::UNAVAILABLE) {
      return absl::StrCat("no server answers at ", server, " (--server): ", text);
    }
    if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) {
      return absl::StrCat("the server at ", server, " (--server) gave no answer in time");
    }
  }
  google::rpc::Status details;
  if (!details.ParseFromString(status.error_details())) return text;
  // gRPC's copy of the server's message is lost where a stream is removed at its deadline.
  if (!details.message().empty()) text = details.message();
  for (const google::protobuf::Any& any : details.details()) {
    google::rpc::BadRequest bad_request;
    if (any.UnpackTo(&bad_request)) {
      for (const auto& violation : bad_request.field_violations()) {
        const std::string line = absl::StrCat(violation.field(), ": ", violation.description());
        if (!absl::StrContains(text, line)) absl::StrAppend(&text, "\n  ", line);
      }
    }
  }
  if (const std::optional<absl::Duration> delay = RetryDelay(status); delay.has_value()) {
    absl::StrAppend(&text, "\n  try again in ", absl::FormatDuration(*delay));
  }
  return text;
}

}  // namespace imprint::client
