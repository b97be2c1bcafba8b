// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// TLS of the server's ports, from files that may change while it runs.

#ifndef IMPRINT_SERVER_RPC_TLS_CREDENTIALS_H_
#define IMPRINT_SERVER_RPC_TLS_CREDENTIALS_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "grpcpp/security/server_credentials.h"

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

// The files are looked at once a second; new connections get what is in them then, and those that
// are open stay. INVALID_ARGUMENT where they are not a certificate, its key and authorities;
// FAILED_PRECONDITION where others than the key's group may read it (ReadSecret). One
// that becomes unusable later refuses new connections until it is good again: replace certificate
// and key at once, as by a link to a folder.
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> TlsCredentials(const TlsOptions& options);

}  // namespace imprint::rpc

#endif  // IMPRINT_SERVER_RPC_TLS_CREDENTIALS_H_
