// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/client.h"

#include <fstream>
#include <iterator>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace imprint::client {

absl::StatusOr<std::unique_ptr<Client>> Client::Make(const ClientOptions& options) {
  std::shared_ptr<grpc::ChannelCredentials> credentials = grpc::InsecureChannelCredentials();
  if (!options.tls_ca.empty()) {
    std::ifstream file(options.tls_ca, std::ios::binary);
    if (!file) {
      return absl::NotFoundError(
          absl::StrCat("cannot read the certificates in ", options.tls_ca, " (--tls_ca)"));
    }
    grpc::SslCredentialsOptions tls;
    tls.pem_root_certs.assign(std::istreambuf_iterator<char>(file), {});
    credentials = grpc::SslCredentials(tls);
  }
  grpc::ChannelArguments arguments;
  // An experience may be larger than gRPC's default, 4 MiB (--inject.max_bytes).
  arguments.SetMaxReceiveMessageSize(-1);
  auto client = std::unique_ptr<Client>(new Client(options));
  client->channel_ = grpc::CreateCustomChannel(options.server, credentials, arguments);
  client->imprint_ = v1::ImprintService::NewStub(client->channel_);
  client->admin_ = v1::AdminService::NewStub(
      options.admin_server.empty()
          ? client->channel_
          : grpc::CreateCustomChannel(options.admin_server, credentials, arguments));
  return client;
}

void Client::Prepare(grpc::ClientContext& context) const {
  context.set_deadline(absl::ToChronoTime(absl::Now() + options_.timeout));
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
  for (const google::protobuf::Any& any : details.details()) {
    google::rpc::BadRequest bad_request;
    google::rpc::RetryInfo retry;
    if (any.UnpackTo(&bad_request)) {
      for (const auto& violation : bad_request.field_violations()) {
        const std::string line = absl::StrCat(violation.field(), ": ", violation.description());
        if (!absl::StrContains(text, line)) absl::StrAppend(&text, "\n  ", line);
      }
    } else if (any.UnpackTo(&retry)) {
      const absl::Duration delay = absl::Seconds(retry.retry_delay().seconds()) +
                                   absl::Nanoseconds(retry.retry_delay().nanos());
      absl::StrAppend(&text, "\n  try again in ", absl::FormatDuration(delay));
    }
  }
  return text;
}

}  // namespace imprint::client
