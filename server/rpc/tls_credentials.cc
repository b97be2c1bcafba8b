// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/rpc/tls_credentials.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "absl/strings/str_cat.h"
#include "common/file_util.h"
#include "common/status_macros.h"
#include "grpcpp/security/tls_certificate_provider.h"
#include "grpcpp/security/tls_credentials_options.h"

namespace imprint::rpc {
namespace {

constexpr unsigned int kLookEverySeconds = 1;

template <auto Free>
struct Deleter {
  template <typename Object>
  void operator()(Object* object) const {
    Free(object);
  }
};
using Bio = std::unique_ptr<BIO, Deleter<BIO_free>>;
using Certificate = std::unique_ptr<X509, Deleter<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;

// An encrypted key would ask at the terminal.
int NoPassword(char*, int, int, void*) { return 0; }

absl::StatusOr<Certificate> ReadCertificate(const std::string& flag, const std::string& file) {
  absl::StatusOr<std::string> text = ReadFile(file);
  if (!text.ok()) {
    return absl::Status(text.status().code(), absl::StrCat(flag, ": ", text.status().message()));
  }
  const Bio bio(BIO_new_mem_buf(text->data(), static_cast<int>(text->size())));
  Certificate certificate(PEM_read_bio_X509(bio.get(), nullptr, NoPassword, nullptr));
  ERR_clear_error();
  if (certificate != nullptr) return certificate;
  return absl::InvalidArgumentError(absl::StrCat(flag, ": ", file, " has no certificate (PEM)"));
}

absl::Status CheckFiles(const TlsOptions& options) {
  absl::StatusOr<std::string> text = ReadSecret(options.key_file);
  if (!text.ok()) {
    return absl::Status(text.status().code(), absl::StrCat("--tls_key: ", text.status().message()));
  }
  IMPRINT_ASSIGN_OR_RETURN(const Certificate certificate,
                           ReadCertificate("--tls_cert", options.certificate_file));
  const Bio bio(BIO_new_mem_buf(text->data(), static_cast<int>(text->size())));
  const Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassword, nullptr));
  const bool match = key != nullptr && X509_check_private_key(certificate.get(), key.get()) == 1;
  ERR_clear_error();
  if (!match) {
    return absl::InvalidArgumentError(absl::StrCat("--tls_key: ", options.key_file,
                                                   " is not the key (PEM, without a password) of ",
                                                   options.certificate_file, " (--tls_cert)"));
  }
  if (options.client_ca_file.empty()) return absl::OkStatus();
  return ReadCertificate("--tls_client_ca", options.client_ca_file).status();
}

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> TlsCredentials(const TlsOptions& options) {
  if (options.certificate_file.empty()) return grpc::InsecureServerCredentials();
  IMPRINT_RETURN_IF_ERROR(CheckFiles(options));
  grpc::experimental::TlsServerCredentialsOptions tls(
      std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
          options.key_file, options.certificate_file, options.client_ca_file, kLookEverySeconds));
  tls.watch_identity_key_cert_pairs();
  if (!options.client_ca_file.empty()) {
    tls.watch_root_certs();
    tls.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  }
  return grpc::experimental::TlsServerCredentials(tls);
}

}  // namespace imprint::rpc
