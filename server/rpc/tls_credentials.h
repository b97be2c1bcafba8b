// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// TLS of the server's ports, from files that may change while it runs.

#ifndef IMPRINT_SERVER_RPC_TLS_CREDENTIALS_H_
#define IMPRINT_SERVER_RPC_TLS_CREDENTIALS_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "grpcpp/security/server_credentials.h"
#include "prometheus/gauge.h"
#include "server/auth/file_watch.h"
#include "server/rpc/memory_file.h"

namespace imprint::rpc {

// PEM files.
struct TlsOptions {
  // Both, or none for no TLS (--tls_cert, --tls_key).
  std::string certificate_file = {};
  std::string key_file = {};
  // Authorities of which a caller must have a certificate; empty: callers need none
  // (--tls_client_ca).
  std::string client_ca_file = {};
};

// The files are watched (auth::FileWatch): soon after they change new connections get what is in
// them, and those that are open stay. Where they become bad, what they held before stays in force:
// so a certificate and its key may be replaced one after the other.
//
// gRPC watches files too, but refuses all connections while they do not belong together. So what it
// watches is a copy in memory of the last ones that did.
class TlsCredentials {
 public:
  // INVALID_ARGUMENT where they are not a certificate, its key and authorities, or OpenSSL does not
  // take them; FAILED_PRECONDITION where others than the key's group may read it (ReadSecret).
  // `bad`, which may be null, is 1 while they are bad.
  static absl::StatusOr<std::unique_ptr<TlsCredentials>> Open(const TlsOptions& options,
                                                              prometheus::Gauge* bad);
  ~TlsCredentials();

  TlsCredentials(const TlsCredentials&) = delete;
  TlsCredentials& operator=(const TlsCredentials&) = delete;

  // For the ports of servers that end before this; plain text where there are no files.
  std::shared_ptr<grpc::ServerCredentials> credentials() const { return credentials_; }

 private:
  explicit TlsCredentials(TlsOptions options);

  absl::Status Load();
  std::shared_ptr<grpc::ServerCredentials> MakeCredentials() const;

  const TlsOptions options_;
  // The key and its certificates in one: so they change together.
  MemoryFile identity_;
  MemoryFile client_ca_;
  std::shared_ptr<grpc::ServerCredentials> credentials_;
  // Last: its thread loads into the others. Null: plain text.
  std::unique_ptr<auth::FileWatch> watch_;
};

}  // namespace imprint::rpc

#endif  // IMPRINT_SERVER_RPC_TLS_CREDENTIALS_H_
