// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// A connection to an Imprint server: both services' stubs, and what a caller would write
// around them each time.

#ifndef IMPRINT_CLIENT_H_
#define IMPRINT_CLIENT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "grpcpp/grpcpp.h"
#include "imprint/v1/admin_service.grpc.pb.h"
#include "imprint/v1/imprint_service.grpc.pb.h"

namespace imprint::client {

struct ClientOptions {
  std::string server = "127.0.0.1:50051";
  // Where AdminService listens; empty: on `server`.
  std::string admin_server;
  // A file with the certificates (PEM) that the server's must be signed by. Empty: no TLS.
  std::string tls_ca;
  // Files (PEM) with a certificate of the caller's own and its key, where the server wants one
  // (--tls_client_ca); both or none.
  std::string tls_cert;
  std::string tls_key;
  // Sent with each call; read from `token_file` where that is given and this is empty. Without TLS
  // it goes to this machine alone, unless `allow_insecure_token`.
  std::string token;
  std::string token_file;
  bool allow_insecure_token = false;
  // How long one call may take; calls that stream or wait have no limit.
  absl::Duration timeout = absl::Seconds(30);
  // Sent with each call: {"x-request-id", "7"} and {"traceparent", "00-..."}, say, which the
  // server's log names.
  std::vector<std::pair<std::string, std::string>> metadata;
};

// Thread-safe.
class Client {
 public:
  // Does not connect yet. NOT_FOUND names a file that cannot be read; INVALID_ARGUMENT says which
  // options do not go together, or that the token would be readable on its way.
  static absl::StatusOr<std::unique_ptr<Client>> Make(const ClientOptions& options);

  v1::ImprintService::Stub& imprint() { return *imprint_; }
  v1::AdminService::Stub& admin() { return *admin_; }

  // To `server`, for services beside ours.
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

  // Sets the deadline of one short call, and the metadata.
  void Prepare(grpc::ClientContext& context) const;
  // Of a call that streams or waits: the metadata alone.
  void PrepareLong(grpc::ClientContext& context) const;
  const ClientOptions& options() const { return options_; }

 private:
  explicit Client(const ClientOptions& options) : options_(options) {}

  const ClientOptions options_;
  std::string authorization_;  // metadata; empty: none
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::ImprintService::Stub> imprint_;
  std::unique_ptr<v1::AdminService::Stub> admin_;
};

// What Ask() got; `text` is all of it.
struct Answer {
  std::string text;
  int64_t version = 0;
  v1::FinishReason finish_reason = v1::FINISH_REASON_UNSPECIFIED;
  v1::QueryUsage usage;
};

// Sends a query and collects the stream. Errors are the server's; what had come by then is in
// `answer`.
grpc::Status Ask(Client& client, const v1::QueryRequest& request, Answer& answer);

// Waits until the experience of that name is INTEGRATED, and puts its last state, without its
// content, into `experience`. FAILED_PRECONDITION when it gets there by itself no more: it was
// set aside (HELD, QUARANTINED, FORGOTTEN), updates are paused, or a job awaits approval.
// DEADLINE_EXCEEDED after `timeout`. Other errors are the server's.
grpc::Status AwaitIntegrated(Client& client, absl::Duration timeout, v1::Experience& experience);

// What a failed call says to a person: the server's message, the field that was wrong, when
// to try again.
std::string DescribeError(const grpc::Status& status, const std::string& server);

}  // namespace imprint::client

#endif  // IMPRINT_CLIENT_H_
