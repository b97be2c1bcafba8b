// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// A connection to an Imprint server, with both services' stubs.

#ifndef IMPRINT_CLIENT_CLIENT_H_
#define IMPRINT_CLIENT_CLIENT_H_

#include <memory>
#include <string>

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
  // How long one call may take; calls that stream or wait have no limit.
  absl::Duration timeout = absl::Seconds(30);
};

// Thread-safe.
class Client {
 public:
  // Does not connect yet. NOT_FOUND when `tls_ca` cannot be read.
  static absl::StatusOr<std::unique_ptr<Client>> Make(const ClientOptions& options);

  v1::ImprintService::Stub& imprint() { return *imprint_; }
  v1::AdminService::Stub& admin() { return *admin_; }

  // To `server`, for services beside ours.
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

  // Sets the deadline of one short call.
  void Prepare(grpc::ClientContext& context) const;
  const ClientOptions& options() const { return options_; }

 private:
  explicit Client(const ClientOptions& options) : options_(options) {}

  const ClientOptions options_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::ImprintService::Stub> imprint_;
  std::unique_ptr<v1::AdminService::Stub> admin_;
};

// What a failed call says to a person: the server's message, the field that was wrong, when
// to try again.
std::string DescribeError(const grpc::Status& status, const std::string& server);

}  // namespace imprint::client

#endif  // IMPRINT_CLIENT_CLIENT_H_
